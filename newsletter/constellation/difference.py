"""What loading a constellation would change, for people to read before it does."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC
from enum import StrEnum
from typing import TypeVar

from newsletter.constellation.model import Constellation, Event, MailKind

Subject = TypeVar("Subject")


class What(StrEnum):
    """What happens to an event. MOVED: it starts or ends at another moment, whatever else changes."""

    ADDED = "added"
    CHANGED = "changed"
    MOVED = "moved"
    CANCELLED = "cancelled"
    RESTORED = "restored"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class FieldChange:
    """A field as people call it, and its values before and after, as people read them."""

    name: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class EventChange:
    """What happens to one event; `fields` is empty when it is added or removed."""

    slug: str
    title: str
    what: What
    fields: tuple[FieldChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Difference:
    """What is new: false when nothing is. `is_first` when the database held no constellation."""

    slug: str
    name: str
    is_first: bool
    constellation: tuple[FieldChange, ...]
    events: tuple[EventChange, ...]

    def __bool__(self) -> bool:
        """Whether anything changes."""
        return bool(self.is_first or self.constellation or self.events)


_CONSTELLATION: Mapping[str, Callable[[Constellation], str]] = {
    "name": lambda c: c.name,
    "tagline": lambda c: c.tagline,
    "timezone": lambda c: c.timezone,
    "language": lambda c: c.language,
    "website": lambda c: c.website,
    "privacy": lambda c: c.privacy,
    "imprint": lambda c: c.imprint,
    "contact": lambda c: c.contact,
    "postal address": lambda c: c.postal_address,
    "organisers": lambda c: ", ".join(c.organisers),
    "sender": lambda c: f"{c.sender.name} <{c.sender.email}>",
    "reply to": lambda c: c.sender.reply_to,
    "colour": lambda c: c.brand.color,
    "accent": lambda c: c.brand.accent,
    "form": lambda c: str(c.form),
    "digest": lambda c: str(c.digest),
}

_EVENT: Mapping[str, Callable[[Event], str]] = {
    "starts": lambda e: f"{e.starts:%Y-%m-%d}" if e.all_day else f"{e.starts:%Y-%m-%d %H:%M %Z}",
    "ends": lambda e: f"{e.last_day}" if e.all_day else f"{e.ends:%Y-%m-%d %H:%M %Z}",
    "title": lambda e: e.title,
    "kind": lambda e: e.kind.value,
    "timezone": lambda e: e.timezone,
    "place": lambda e: ", ".join(filter(None, (e.place.name, e.place.address, e.place.online))),
    "summary": lambda e: e.summary,
    "url": lambda e: e.url,
    "capacity": lambda e: "no limit" if e.capacity is None else str(e.capacity),
    "asks who comes": lambda e: "yes" if e.rsvp else "no",
    "cancelled": lambda e: "yes" if e.cancelled else "no",
}


def _mail_rule(kind: MailKind) -> Callable[[Event], str]:
    def rule(event: Event) -> str:
        mail = event.mail(kind)
        return "" if mail is None else mail.rule

    return rule


_MAILS = {kind.value: _mail_rule(kind) for kind in MailKind}
_ON_A_CALENDAR = frozenset({"starts", "ends", "title", "timezone", "place", "summary", "url", "cancelled"})


def compare(before: Constellation | None, after: Constellation) -> Difference:
    """What `after` changes; the events of either in the order in which they start."""
    if before is None:
        added = tuple(EventChange(event.slug, event.title, What.ADDED) for event in after.events)
        return Difference(after.slug, after.name, True, (), added)
    known = {event.slug: event for event in before.events}
    kept = {event.slug for event in after.events}
    gone = [event for event in before.events if event.slug not in kept]
    every = sorted([*after.events, *gone], key=lambda event: (event.starts.astimezone(UTC), event.slug))
    changes = (_change(known.get(event.slug), event if event.slug in kept else None) for event in every)
    return Difference(
        after.slug,
        after.name,
        False,
        _fields(_CONSTELLATION, before, after),
        tuple(change for change in changes if change is not None),
    )


def concerns_calendars(before: Event, after: Event) -> bool:
    """Whether a calendar that holds the event must learn of the change (SEQUENCE, RFC 5545 section 3.8.7.4)."""
    return any(field.name in _ON_A_CALENDAR for field in _fields(_EVENT, before, after))


def _change(before: Event | None, after: Event | None) -> EventChange | None:
    if after is None:
        return None if before is None else EventChange(before.slug, before.title, What.REMOVED)
    if before is None:
        return EventChange(after.slug, after.title, What.ADDED)
    fields = (*_fields(_EVENT, before, after), *_fields(_MAILS, before, after))
    return EventChange(after.slug, after.title, _what(before, after), fields) if fields else None


def _what(before: Event, after: Event) -> What:
    if before.cancelled != after.cancelled:
        return What.CANCELLED if after.cancelled else What.RESTORED
    return What.MOVED if _moments(before) != _moments(after) else What.CHANGED


def _moments(event: Event) -> tuple[object, object]:
    return event.starts.astimezone(UTC), event.ends.astimezone(UTC)


def _fields(
    readings: Mapping[str, Callable[[Subject], str]], before: Subject, after: Subject
) -> tuple[FieldChange, ...]:
    pairs = ((name, reading(before), reading(after)) for name, reading in readings.items())
    return tuple(FieldChange(name, old, new) for name, old, new in pairs if old != new)
