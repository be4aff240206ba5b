"""A person's data in words of their language: what is known, what happened, what was sent."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from newsletter import catalogues
from newsletter.campaigns.dossier import Letter
from newsletter.catalogues import N_, Voice
from newsletter.constellation.model import EventKind
from newsletter.content import dates
from newsletter.web import zones
from newsletter.web.look import Look
from subscribers import audience, choices
from subscribers.attending import Answer
from subscribers.audience import Rhythm
from subscribers.choices import Choices
from subscribers.consent import Action, Actor, Evidence
from subscribers.directory import Entry

KINDS: Mapping[EventKind, str] = {
    EventKind.EVENT: N_("Gatherings"),
    EventKind.EXPERIENCE: N_("Experiences"),
    EventKind.STORY: N_("Stories"),
}
_RHYTHMS: Mapping[Rhythm, str] = {
    Rhythm.EACH: N_("each mail"),
    Rhythm.WEEKLY: N_("a digest once a week"),
    Rhythm.ESSENTIALS: N_("the essentials only"),
}
_ANSWERS: Mapping[Answer, str] = {
    Answer.GOING: N_("Is coming to"),
    Answer.MAYBE: N_("May be coming to"),
    Answer.NOT: N_("Is not coming to"),
    Answer.WAITING: N_("Waits for a place at"),
}
_STATUS = {
    "pending": N_("asked, and not confirmed yet"),
    "active": N_("confirmed"),
    "left": N_("left"),
}
_ACTIONS: Mapping[Action, str] = {
    Action.REQUESTED: N_("Asked to join"),
    Action.IMPORTED: N_("Brought in from another list"),
    Action.CONFIRMED: N_("Confirmed the address"),
    Action.CHANGED: N_("Changed something"),
    Action.PAUSED: N_("Took a pause"),
    Action.LEFT: N_("Left"),
    Action.SUPPRESSED: N_("Taken off the list"),
    Action.RELEASED: N_("Put back on the list"),
}
_ACTORS: Mapping[Actor, str] = {
    Actor.PERSON: N_("by you"),
    Actor.STAFF: N_("by our staff"),
    Actor.REPORT: N_("by a report of a mail server"),
    Actor.SYSTEM: N_("by a rule of this service"),
}
_STATES = {
    "queued": N_("waits for its turn"),
    "sending": N_("is being sent"),
    "sent": N_("was sent"),
    "deferred": N_("is tried again later"),
    "refused": N_("was not accepted by the mail server"),
    "expired": N_("was given up after many attempts"),
    "suppressed": N_("was not sent, since it was not wanted any more"),
    "uncertain": N_("was perhaps sent"),
    "cancelled": N_("was called off"),
}

_NOTHING = "–"
"""What somebody took away, such as a name or a pause."""


@dataclass(frozen=True, slots=True)
class Step:
    """One thing that happened: when, what, to what it led, from where, and the text that was shown, if one was."""

    when: str
    what: str
    came_to: tuple[tuple[str, str], ...]
    origin: str
    shown: str
    version: str
    fingerprint: str


def facts(person: Entry, answers: Mapping[str, Answer], look: Look, voice: Voice) -> list[tuple[str, str]]:
    """What is known, each with its name; what is not known is left out."""
    here = ZoneInfo(person.timezone or look.timezone)
    known = [
        (N_("E-mail address"), person.address),
        (N_("Name"), f"{person.first_name} {person.last_name}".strip()),
        (N_("Language"), _language(person.locale, voice)),
        (N_("Time zone"), zones.place(person.timezone, voice.locale) if person.timezone else ""),
        (N_("Standing"), voice.gettext(_STATUS[person.status])),
        *_chosen(person.choices, look, voice),
        *((name, voice.listed(_answered(given, answers, look))) for given, name in _ANSWERS.items()),
        (N_("How often"), voice.gettext(_RHYTHMS[person.rhythm])),
        (N_("Pause until"), _day(person.paused_until, here, voice)),
        (N_("Not written to since"), _day(person.suppressed_at, here, voice)),
    ]
    told = [_told(name, _in_a_line(value, voice), look, voice) for name, value in person.fields.items()]
    return [*((voice.gettext(name), value) for name, value in known if value), *told]


def _in_a_line(value: object, voice: Voice) -> str:
    return voice.listed([str(one) for one in value]) if isinstance(value, list) else str(value)


def _told(name: str, value: str, look: Look, voice: Voice) -> tuple[str, str]:
    """A field of the series' own; a role as the form reads it."""
    if name != "role":
        return name, value
    read = {role.word: role.read_in(voice.language) for role in look.form.roles}
    return voice.gettext("Your role"), read.get(value, value)


def steps(evidence: Sequence[Evidence], look: Look, zone: ZoneInfo, voice: Voice) -> list[Step]:
    """What happened, newest first."""
    return [
        Step(
            _moment(one.at, zone, voice),
            f"{voice.gettext(_ACTIONS[one.action])}, {voice.gettext(_ACTORS[one.actor])}",
            tuple((voice.gettext(name), value) for name, value in _told_of(one, look, zone, voice) if value),
            one.ip,
            shown=one.agreed_to[1],
            version=one.agreed_to[0],
            fingerprint=one.text_hash,
        )
        for one in reversed(evidence)
    ]


def letters(sent: Sequence[Letter], zone: ZoneInfo, voice: Voice) -> list[tuple[str, str, str]]:
    """When, about what, and what became of each mail."""
    return [
        (
            _moment(one.at, zone, voice) if one.at else "",
            one.about or voice.gettext("About your subscription"),
            voice.gettext(_STATES[one.state]),
        )
        for one in sent
    ]


def _language(tag: str, voice: Voice) -> str:
    known = catalogues.locale(tag)
    return tag if known is None else str(known.get_display_name(voice.locale))


def _told_of(step: Evidence, look: Look, zone: ZoneInfo, voice: Voice) -> list[tuple[str, str]]:
    """What a step came to, and what somebody said when they left; other reasons are words of this program."""
    is_theirs = step.action is Action.LEFT and step.actor is Actor.PERSON
    reason = str(step.detail.get("reason", "")) if is_theirs else ""
    return [(N_("Your reason"), reason), *_came_to(step.detail, look, zone, voice)]


def _came_to(detail: Mapping[str, Any], look: Look, zone: ZoneInfo, voice: Voice) -> list[tuple[str, str]]:
    """What a step's evidence says of how things stood after it."""
    if "paused_until" in detail:
        others = {name: value for name, value in detail.items() if name != "paused_until"}
        until = detail["paused_until"]
        pause = _day(datetime.fromisoformat(until), zone, voice) if until else _NOTHING
        return [(N_("Pause until"), pause), *_came_to(others, look, zone, voice)]
    if agreed := detail.get("consented_at"):
        return [
            (N_("Agreed on"), str(agreed)),
            (N_("As is told by"), str(detail.get("consent_source") or detail.get("proof", ""))),
        ]
    match detail.get("after"):
        case str(answer) if answer in set(Answer):
            return [(_ANSWERS[Answer(answer)], voice.listed(_titles(frozenset({detail["event"]}), look)))]
        case dict(after) if "everything" in after:
            return _chosen(choices.of_document(after), look, voice)
        case dict(after):
            written: tuple[tuple[str, str, Callable[[str], str]], ...] = (
                ("address", N_("E-mail address"), str),
                ("first_name", N_("First name"), str),
                ("last_name", N_("Last name"), str),
                ("locale", N_("Language"), lambda tag: _language(tag, voice)),
                ("timezone", N_("Time zone"), lambda name: zones.place(name, voice.locale)),
                ("rhythm", N_("How often"), lambda rhythm: voice.gettext(_RHYTHMS[Rhythm(rhythm)])),
            )
            changed = [(name, write, after[key]) for key, name, write in written if key in after]
            return [(name, write(value) if value else _NOTHING) for name, write, value in changed]
        case _:
            return []


def _chosen(chosen: Choices, look: Look, voice: Voice) -> list[tuple[str, str]]:
    return [
        (N_("Follows"), _followed(chosen, look, voice)),
        (N_("Wants to hear nothing of"), voice.listed(_silent(chosen.muted, look, voice))),
    ]


def _followed(chosen: Choices, look: Look, voice: Voice) -> str:
    if chosen.everything:
        return voice.gettext("Everything in the series")
    return voice.listed(_titles(chosen.followed, look))


def _silent(muted: frozenset[str], look: Look, voice: Voice) -> list[str]:
    kinds = {audience.kind_topic(kind): voice.gettext(name) for kind, name in KINDS.items()}
    return [*(name for topic, name in kinds.items() if topic in muted), *_titles(muted - kinds.keys(), look)]


def _answered(given: Answer, answers: Mapping[str, Answer], look: Look) -> list[str]:
    return _titles(frozenset(slug for slug, answer in answers.items() if answer is given), look)


def _titles(slugs: frozenset[str], look: Look) -> list[str]:
    titles = {event.slug: event.title for event in look.events}
    return sorted(titles.get(slug, slug) for slug in slugs)


def _day(at: datetime | None, zone: ZoneInfo, voice: Voice) -> str:
    return "" if at is None else dates.full_day(at.astimezone(zone), voice.locale)


def _moment(at: datetime, zone: ZoneInfo, voice: Voice) -> str:
    return dates.moment(at.astimezone(zone), voice.locale)
