"""Why somebody is not in a mail's audience: a word for programs and a sentence for people, of then or of now."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import NamedTuple

from newsletter.campaigns.store import Campaign
from subscribers import attending, audience, consent, standing
from subscribers.audience import Rhythm
from subscribers.directory import Entry


class _Tense(NamedTuple):
    had: str
    were: str
    was: str
    did: str


_PAST, _PRESENT = _Tense("had", "were", "was", "did"), _Tense("have", "are", "is", "do")


def why(
    entry: Entry, steps: Sequence[consent.Evidence], of: Campaign, moment: datetime, *, is_ahead: bool = False
) -> tuple[str, str]:
    """Why they were not in it at the moment it was written down, or wanted no mail at a later one.

    With `is_ahead`, why they are not in it as things stand, were it written down at that moment to come.
    """
    tense = _PRESENT if is_ahead else _PAST

    def when(word: str) -> str:
        return "" if is_ahead else f" {word} {day(moment)}"

    if entry.joined_at > moment:
        return "joined-later", f"they joined on {day(entry.joined_at)}, after it had started on {day(moment)}"
    if steps and steps[0].at > moment:  # an import knows when they joined another list
        return "added-later", f"they were added on {day(steps[0].at)}, after it had started on {day(moment)}"
    stood = standing.at(moment, entry, steps)
    if stood.status == "pending":
        return "not-confirmed", f"they {tense.had} not confirmed their address{when('by')}"
    if stood.status == "left":
        return "left", f"they {tense.had} left{when('before')}"
    if stood.suppressed is not None:
        return "suppressed", f"their address {tense.was} suppressed ({stood.suppressed}){when('on')}"
    if stood.paused_until is not None and stood.paused_until > moment:
        return "paused", f"they {tense.were} taking a pause until {day(stood.paused_until)}"
    return _unwanted(stood, of, attending.at(moment, of.topic or "", steps), tense)


def _unwanted(stood: standing.Standing, of: Campaign, answer: str, tense: _Tense) -> tuple[str, str]:
    """Why somebody who can be written to does not want this mail."""
    if of.topic is not None and of.topic in stood.choices.muted:
        return "muted", f"they {tense.had} asked to hear nothing more about {of.topic}"
    if of.topic is not None and of.topic not in stood.choices.followed:
        if not stood.choices.everything:
            return "not-following", f"they {tense.did} not follow {of.topic}"
        if audience.kind_topic(of.about.kind) in stood.choices.muted:
            return "muted-kind", f"they {tense.had} asked to hear of no {of.about.kind} that they do not follow by name"
    if (slower := _by_rhythm(stood, of, tense)) is not None:
        return slower
    if of.about.answers and answer not in of.about.answers:
        said = f"{tense.had} answered {answer}" if answer else f"{tense.had} not answered"
        return "not-coming", f"it {tense.was} only for those who come ({', '.join(of.about.answers)}), and they {said}"
    if of.expression:
        some = f"it {tense.was} only for some who follow it ({of.expression})"
        return "not-meant", f"{some}, and they {tense.were} not among them"
    return "not-in-audience", f"they {tense.were} not in its audience, and nothing that is kept of them says why"


def _by_rhythm(stood: standing.Standing, of: Campaign, tense: _Tense) -> tuple[str, str] | None:
    """Why somebody's rhythm leaves this mail out, if it does."""
    if of.about.items is not None:
        if stood.rhythm is not Rhythm.WEEKLY:
            return "no-digest", f"they {tense.had} not asked for a weekly digest"
        return "nothing-due", f"nothing that they follow {tense.was} due in that week, or they had been told of it"
    if stood.rhythm is Rhythm.ESSENTIALS and not of.about.is_essential:
        return "essentials-only", f"they {tense.had} asked for the essentials only: dates, changes and cancellations"
    if stood.rhythm is Rhythm.WEEKLY and of.about.can_wait:
        return "weekly", f"they {tense.had} asked for a weekly digest, which tells of it in its place"
    return None


def day(moment: datetime) -> str:
    """`2021-02-03 at 20:00 UTC`, as the evidence beside it has it."""
    return f"{moment.astimezone(UTC):%Y-%m-%d at %H:%M} UTC"
