"""The closing checks: what arrived is held against what people did. Each says what it looked at, and what it found.

Nothing here asks the service or its database, except the last check, which compares the service's own reports with
what really happened.
"""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from newsletter.demo import diary, etiquette, places, standing
from newsletter.demo.diary import Deed, Entry
from newsletter.demo.etiquette import Etiquette
from newsletter.demo.mailboxes import Attempt, Verdict
from newsletter.demo.outbox import Mail
from newsletter.demo.standing import Replay, Standing
from newsletter.demo.timetable import Mailing, Timetable

_WHILE_WAITING = timedelta(days=2)
"""A mail that was put off is offered again within this time, or never."""

_SAMPLE_EVERY = 100
_SHOWN = 3
_SHORT = "%m-%d %H:%M"


@dataclass(frozen=True, slots=True)
class Told:
    """What the service itself reports of a mailing."""

    sent: int
    refused: int


@dataclass(slots=True)
class Evidence:
    """What the checks look at. `faults` are of each mail's form; `told` is by the mailing's name."""

    timetable: Timetable
    mails: Sequence[Mail]
    entries: Sequence[Entry]
    attempts: Sequence[Attempt]
    faults: Sequence[tuple[Mail, str]]
    told: Mapping[str, Told]


@dataclass(frozen=True, slots=True)
class Finding:
    """One check: what it says, what it counted, and every violation."""

    title: str
    counted: str
    violations: tuple[str, ...] = field(default=())

    @property
    def holds(self) -> bool:
        """Whether there was no violation."""
        return not self.violations

    @property
    def shown(self) -> list[str]:
        """The first few violations, for people to read."""
        rest = len(self.violations) - _SHOWN
        return [*self.violations[:_SHOWN], *([f"… and {rest:,} more"] if rest > 0 else [])]


def run(evidence: Evidence) -> list[Finding]:
    """Every check."""
    return [check(evidence) for check in CHECKS]


def look_at_each(mails: Iterable[tuple[Mail, bytes]], rules: Etiquette) -> tuple[list[Mail], list[tuple[Mail, str]]]:
    """Read an outbox once: the mails, and what is wrong with the form of any."""
    seen: list[Mail] = []
    faults: list[tuple[Mail, str]] = []
    for number, (mail, raw) in enumerate(mails):
        seen.append(mail)
        found = rules.faults(mail, raw)
        if number % _SAMPLE_EVERY == 0:
            found += etiquette.defects(raw)
        faults += [(mail, fault) for fault in found]
    return seen, faults


def nobody_gone_is_mailed(evidence: Evidence) -> Finding:
    """Nobody gets a mail after leaving, bouncing or complaining, but for one they ask for when they come back."""
    spans = standing.absences(evidence.entries)
    violations = [
        f"{mail.recipient} got {mail.mailing or mail.kind} at {mail.at:{_SHORT}}, gone since {left:{_SHORT}}"
        for mail in evidence.mails
        if mail.kind != "confirm"
        for left, back in spans.get(diary.key(mail.recipient), ())
        if left <= mail.at and (back is None or mail.at < back)
    ]
    deeds = Counter(entry.deed for entry in evidence.entries)
    counted = f"{deeds[Deed.LEFT]} left, {deeds[Deed.BOUNCED]} bounced, {deeds[Deed.COMPLAINED]} complained"
    return Finding("Nobody got a mail after leaving, bouncing hard or complaining", counted, tuple(violations))


def nobody_unconfirmed_gets_a_mailing(evidence: Evidence) -> Finding:
    """A mailing goes only to people who agreed by the import's proof, or pressed the button themselves."""
    since: dict[str, datetime] = {}
    for entry in sorted(evidence.entries, key=lambda entry: entry.at):
        if entry.deed in (Deed.AGREED, Deed.CONFIRMED):
            since.setdefault(entry.address, entry.at)
    violations = [
        f"{mail.recipient} got {mail.mailing} and had not confirmed"
        for mail in _mailings(evidence)
        if (agreed := since.get(diary.key(mail.recipient))) is None or mail.at < agreed
    ]
    known = {entry.address for entry in evidence.entries if entry.deed in (Deed.LISTED, Deed.ASKED)}
    counted = f"{len(known - since.keys()):,} never confirmed"
    return Finding("Nobody unconfirmed got a mailing", counted, tuple(violations))


def nobody_is_mailed_twice(evidence: Evidence) -> Finding:
    """One mail per person and mailing, and no Message-ID on two mails."""
    mails = _mailings(evidence)
    people = Counter((mail.mailing, diary.key(mail.recipient)) for mail in mails)
    names = Counter(mail.message_id for mail in evidence.mails)
    violations = [f"{who} got {mailing} {times} times" for (mailing, who), times in people.items() if times > 1]
    violations += [f"{times} mails share the Message-ID {name}" for name, times in names.items() if times > 1]
    return Finding("Nobody was mailed twice for one mailing", f"{len(mails):,} mails of mailings", tuple(violations))


def everyone_due_is_mailed(evidence: Evidence) -> Finding:
    """Whoever is in and wants to hear of the event gets its mail, on time; so does nobody else."""
    got: dict[str, set[str]] = defaultdict(set)
    late: list[str] = []
    due_at = {mailing.name: mailing.due for mailing in evidence.timetable.mailings}
    for mail in _mailings(evidence):
        got[mail.mailing].add(diary.key(mail.recipient))
        if mail.dated != due_at.get(mail.mailing):
            late.append(f"{mail.recipient} got {mail.mailing} dated {mail.dated:%m-%d %H:%M}, when it was not due")
    turned_away = _turned_away(evidence)
    changes = _changes(evidence)
    replay = Replay(_with_places(evidence))
    violations: list[str] = []
    expected = 0
    for mailing in evidence.timetable.mailings:
        replay.to(mailing.due)
        due = {who for who, person in replay.people.items() if _is_due(who, person, mailing, got)}
        expected += len(due)
        missing = sorted(due - got[mailing.name])
        violations += [
            f"{who} did not get {mailing.name}"
            for who in missing
            if not _is_excused(mailing, turned_away.get(who, ()), changes.get(who, ()))
        ]
        violations += [f"{who} got {mailing.name} without wanting it" for who in sorted(got[mailing.name] - due)]
    counted = f"{len(evidence.timetable.mailings)} mailings, {expected:,} mails due"
    return Finding("Everyone due was mailed, and nobody else", counted, tuple(violations + late))


def _is_due(who: str, person: Standing, mailing: Mailing, got: Mapping[str, set[str]]) -> bool:
    """Each mail is for those who want each; a digest for those who want one a week, if it has news for them."""
    if not mailing.gathers:
        return not person.is_weekly and _is_meant(person, mailing, mailing.due)
    news = (one for one in mailing.gathers if who not in got.get(one.name, set()))
    return person.is_weekly and any(_is_meant(person, one, mailing.due) for one in news)


def _is_meant(person: Standing, mailing: Mailing, at: datetime) -> bool:
    """They want to hear of the event; of one that asks, reminders are for those who come, or may."""
    comes = not mailing.answers or person.answer(mailing.event) in mailing.answers
    return comes and person.is_due(mailing.event, at)


def places_are_given_in_turn(evidence: Evidence) -> Finding:
    """Nobody has a place that is not there, whoever waits gets one in their turn, and a mail tells them so."""
    entries = _with_places(evidence)
    asking = [one for one in evidence.timetable.gatherings if one.places is not None]
    violations = [fault for one in asking for fault in places.faults(one, entries, evidence.attempts)]
    violations += [f"{one.address} was told of a place at nothing that asks" for one in entries if _is_nowhere(one)]
    counted = "; ".join(places.summary(one, entries) for one in asking)
    return Finding("Places were given once, in turn, and who moved up was told", counted, tuple(violations))


def _is_nowhere(entry: Entry) -> bool:
    return entry.deed is Deed.PLACED and not entry.topics


def _with_places(evidence: Evidence) -> list[Entry]:
    """The diary, and what the mails told that tell of a place."""
    return [*evidence.entries, *places.told(evidence.mails, evidence.timetable.gatherings)]


def every_mail_is_well_formed(evidence: Evidence) -> Finding:
    """Each mail has the headers it owes, both bodies, the postal address and a name of its own."""
    violations = [f"{mail.path.parent.name}/{mail.path.name}: {fault}" for mail, fault in evidence.faults]
    counted = f"{len(evidence.mails):,} mails"
    return Finding("Every mail parses cleanly and carries the headers it owes", counted, tuple(violations))


def the_reports_tell_the_truth(evidence: Evidence) -> Finding:
    """What `campaign report` says was sent and refused is what arrived and what mailboxes refused."""
    arrived = Counter(mail.mailing for mail in _mailings(evidence))
    refused = refusals(evidence)
    violations = [
        f"{name}: the report says {told.sent} sent and {told.refused} refused, but {arrived[name]} arrived and "
        f"{refused[name]} were refused"
        for name in sorted({*arrived, *evidence.told})
        if (told := evidence.told.get(name, Told(0, 0))) != Told(arrived[name], refused[name])
    ]
    return Finding("The service's own reports agree", f"{len(evidence.told)} reports", tuple(violations))


CHECKS: tuple[Callable[[Evidence], Finding], ...] = (
    nobody_gone_is_mailed,
    nobody_unconfirmed_gets_a_mailing,
    nobody_is_mailed_twice,
    everyone_due_is_mailed,
    places_are_given_in_turn,
    every_mail_is_well_formed,
    the_reports_tell_the_truth,
)


def refusals(evidence: Evidence) -> Counter[str]:
    """How many mailboxes refused each mailing. A refusal belongs to the mailing that was due last before it.

    What was offered to people who had not confirmed was no mailing, but the mail that asks them to.
    """
    agreed = {entry.address: entry.at for entry in evidence.entries if entry.deed in (Deed.AGREED, Deed.CONFIRMED)}
    moments = [mailing.due for mailing in evidence.timetable.mailings]
    counted: Counter[str] = Counter()
    for attempt in evidence.attempts:
        place = bisect_right(moments, attempt.at)
        if attempt.verdict is Verdict.NEVER and place and attempt.address in agreed:
            counted[evidence.timetable.mailings[place - 1].name] += 1
    return counted


def _mailings(evidence: Evidence) -> list[Mail]:
    return [mail for mail in evidence.mails if mail.mailing]


def _turned_away(evidence: Evidence) -> dict[str, list[Attempt]]:
    attempts: dict[str, list[Attempt]] = defaultdict(list)
    for attempt in evidence.attempts:
        attempts[attempt.address].append(attempt)
    return attempts


def _changes(evidence: Evidence) -> dict[str, list[datetime]]:
    """When each person left, or asked for less."""
    less = (Deed.LEFT, Deed.BOUNCED, Deed.COMPLAINED, Deed.CHOSE, Deed.MUTED, Deed.PAUSED, Deed.WEEKLY, Deed.ANSWERED)
    changes: dict[str, list[datetime]] = defaultdict(list)
    for entry in evidence.entries:
        if entry.deed in less:
            changes[entry.address].append(entry.at)
    return changes


def _is_excused(mailing: Mailing, attempts: Iterable[Attempt], changes: Iterable[datetime]) -> bool:
    """The mail was offered and refused for good; or put off, and no more wanted when its turn came again."""
    ends = mailing.due + _WHILE_WAITING
    near = [attempt for attempt in attempts if mailing.due <= attempt.at <= ends]
    if any(attempt.verdict is Verdict.NEVER for attempt in near):
        return True
    first = min((attempt.at for attempt in near), default=None)
    return first is not None and any(first <= change <= ends for change in changes)
