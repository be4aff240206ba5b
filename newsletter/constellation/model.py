"""What a constellation is: its events, its sender and its mails, as values that nothing changes.

`to_document` gives what JSON can hold, `from_document` the equal value back; the tables keep these documents.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from enum import StrEnum
from typing import Any, Self
from zoneinfo import ZoneInfo

from newsletter.constellation.form import Form

Document = dict[str, Any]
"""What JSON can hold of a value."""


class EventKind(StrEnum):
    """What an entry of the constellation is: something to attend, to take part in, or to read."""

    EVENT = "event"
    EXPERIENCE = "experience"
    STORY = "story"


class MailKind(StrEnum):
    """The mails that are planned around an event. STORY is the one mail of a story, on its publication."""

    SAVE_THE_DATE = "save-the-date"
    INVITATION = "invitation"
    REMINDER = "reminder"
    STARTING_SOON = "starting-soon"
    THANKS = "thanks"
    STORY = "story"


class Anchor(StrEnum):
    """What a mail's offset counts from."""

    START = "start"
    END = "end"


@dataclass(frozen=True, slots=True)
class Sender:
    """Whom the mails are from, and where answers go."""

    name: str
    email: str
    reply_to: str


@dataclass(frozen=True, slots=True)
class Brand:
    """The two colours of mails and pages, as `#rrggbb`."""

    color: str
    accent: str


@dataclass(frozen=True, slots=True)
class Place:
    """Where it happens: a web address to join at, a venue, or both. What there is none of is empty."""

    online: str = ""
    name: str = ""
    address: str = ""

    def __bool__(self) -> bool:
        """Whether anything is known of the place."""
        return bool(self.online or self.name or self.address)


@dataclass(frozen=True, slots=True)
class Mail:
    """When a mail of an event is due: `days` on the calendar, then `elapsed` on the clock, from the anchor.

    Where `at` is given, the mail is due at that hour of the day reached, by the clock of `timezone` (the
    constellation's zone), or if `local` by each reader's own; without it, days are counted in the event's own zone.
    See newsletter.constellation.planning.
    """

    kind: MailKind
    anchor: Anchor = Anchor.START
    days: int = 0
    elapsed: timedelta = timedelta()
    at: time | None = None
    timezone: str = ""
    local: bool = False

    @property
    def rule(self) -> str:
        """The rule for people to read: `30d before the start at 09:00`, `1d before the start at 09:00 local`."""
        amount, unit = (abs(self.days), "d") if self.days else (abs(self.elapsed) // timedelta(minutes=1), "m")
        if unit == "m" and amount % 60 == 0:
            amount, unit = amount // 60, "h"
        side = "before" if self.days < 0 or self.elapsed < timedelta() else "after"
        moment = f"{amount}{unit} {side} the {self.anchor}" if amount else f"at the {self.anchor}"
        return moment if self.at is None else f"{moment} at {self.at:%H:%M}{' local' if self.local else ''}"

    def to_document(self) -> Document:
        """What JSON can hold."""
        return {
            "kind": self.kind.value,
            "anchor": self.anchor.value,
            "days": self.days,
            "seconds": int(self.elapsed.total_seconds()),
            "at": None if self.at is None else self.at.isoformat(),
            "timezone": self.timezone,
            "local": self.local,
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """The value that `to_document` wrote."""
        at = document["at"]
        return cls(
            kind=MailKind(document["kind"]),
            anchor=Anchor(document["anchor"]),
            days=document["days"],
            elapsed=timedelta(seconds=document["seconds"]),
            at=None if at is None else time.fromisoformat(at),
            timezone=document["timezone"],
            local=document.get("local", False),  # loaded by an older program
        )


@dataclass(frozen=True, slots=True)
class Event:
    """An event, an experience or a story.

    `starts` and `ends` are aware and in `timezone`, so `event.starts.date()` is the day at the place; compare and
    subtract two of them in UTC, for within one zone Python counts by the clock on the wall. A story's are both the
    moment it is published. One that is `all_day` has days and no hours: it starts as its first day begins at the
    place, and ends as the day after its last one does. `mails` are in the order of the file. `rsvp` says whether
    people are asked if they come; then no more than `capacity` do, and the others wait.
    """

    slug: str
    title: str
    kind: EventKind
    starts: datetime
    ends: datetime
    timezone: str
    place: Place = Place()
    summary: str = ""
    url: str = ""
    capacity: int | None = None
    mails: tuple[Mail, ...] = ()
    cancelled: bool = False
    rsvp: bool = False
    all_day: bool = False

    @property
    def is_story(self) -> bool:
        """Whether this is something to read, with a publication instead of a start and an end."""
        return self.kind is EventKind.STORY

    @property
    def days(self) -> int:
        """How many days of the calendar it touches, at least 1."""
        return (self.last_day - self.starts.date()).days + 1

    @property
    def last_day(self) -> date:
        """The last day that it touches; one that ends at midnight does not touch the next."""
        if self.all_day:
            return self.ends.date() - timedelta(days=1)
        return (self.ends - timedelta(microseconds=1) if self.ends > self.starts else self.ends).date()

    def mail(self, kind: str) -> Mail | None:
        """Its mail of a kind, or None where it has none."""
        return next((mail for mail in self.mails if mail.kind == kind), None)

    def to_document(self) -> Document:
        """What JSON can hold; times carry their offset, so that a repeated hour keeps which of the two it is."""
        return {
            "slug": self.slug,
            "title": self.title,
            "kind": self.kind.value,
            "starts": self.starts.isoformat(),
            "ends": self.ends.isoformat(),
            "timezone": self.timezone,
            "place": {"online": self.place.online, "name": self.place.name, "address": self.place.address},
            "summary": self.summary,
            "url": self.url,
            "capacity": self.capacity,
            "mails": [mail.to_document() for mail in self.mails],
            "cancelled": self.cancelled,
            "rsvp": self.rsvp,
            "all_day": self.all_day,
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """The value that `to_document` wrote."""
        zone = ZoneInfo(document["timezone"])
        return cls(
            slug=document["slug"],
            title=document["title"],
            kind=EventKind(document["kind"]),
            starts=datetime.fromisoformat(document["starts"]).astimezone(zone),
            ends=datetime.fromisoformat(document["ends"]).astimezone(zone),
            timezone=document["timezone"],
            place=Place(**document["place"]),
            summary=document["summary"],
            url=document["url"],
            capacity=document["capacity"],
            mails=tuple(Mail.from_document(mail) for mail in document["mails"]),
            cancelled=document["cancelled"],
            rsvp=document.get("rsvp", False),  # loaded by an older program
            all_day=document.get("all_day", False),
        )


@dataclass(frozen=True, slots=True)
class Digest:
    """When the weekly digest goes out, by the constellation's clock; `weekday` counts from Monday, 0."""

    weekday: int = 0
    at: time = time(9)

    def __str__(self) -> str:
        """For people: `monday at 09:00`."""
        return f"{WEEKDAYS[self.weekday]} at {self.at:%H:%M}"

    def to_document(self) -> Document:
        """What JSON can hold."""
        return {"weekday": self.weekday, "at": self.at.isoformat()}

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """The value that `to_document` wrote."""
        return cls(document["weekday"], time.fromisoformat(document["at"]))


WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True, slots=True)
class Constellation:
    """A series of events and who sends its mail. `events` are in the order in which they start. `privacy` and `imprint`
    are addresses of pages, or empty."""

    slug: str
    name: str
    tagline: str
    timezone: str
    language: str
    website: str
    contact: str
    postal_address: str
    organisers: tuple[str, ...]
    sender: Sender
    brand: Brand
    events: tuple[Event, ...]
    form: Form = field(default_factory=Form)
    digest: Digest = field(default_factory=Digest)
    privacy: str = ""
    imprint: str = ""

    def event(self, slug: str) -> Event | None:
        """The event of that slug, or None."""
        return next((event for event in self.events if event.slug == slug), None)

    def to_document(self) -> Document:
        """What JSON can hold."""
        return {
            "slug": self.slug,
            "name": self.name,
            "tagline": self.tagline,
            "timezone": self.timezone,
            "language": self.language,
            "website": self.website,
            "contact": self.contact,
            "postal_address": self.postal_address,
            "organisers": list(self.organisers),
            "sender": {"name": self.sender.name, "email": self.sender.email, "reply_to": self.sender.reply_to},
            "brand": {"color": self.brand.color, "accent": self.brand.accent},
            "events": [event.to_document() for event in self.events],
            "form": self.form.to_document(),
            "digest": self.digest.to_document(),
            "privacy": self.privacy,
            "imprint": self.imprint,
        }

    @classmethod
    def from_document(cls, document: Document) -> Self:
        """The value that `to_document` wrote."""
        plain = {name: value for name, value in document.items() if name not in _NESTED}
        return cls(
            **plain,
            organisers=tuple(document["organisers"]),
            sender=Sender(**document["sender"]),
            brand=Brand(**document["brand"]),
            events=tuple(Event.from_document(event) for event in document["events"]),
            # These may have been loaded by an older program, which did not know of them.
            form=Form.from_document(document["form"]) if "form" in document else Form(),
            digest=Digest.from_document(document["digest"]) if "digest" in document else Digest(),
        )


_NESTED = {"organisers", "sender", "brand", "events", "form", "digest"}
