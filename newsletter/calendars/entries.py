"""Events as the entries of a calendar.

Which method (RFC 5546)? REQUEST asks named attendees, and a calendar answers it by mail to the organiser: it needs an
ATTENDEE for each receiver (section 3.2.2), where one mail serves thousands, and its answers would reach nobody who
counts them. So events are published: PUBLISH has no attendees (section 3.2.1); a later one with a higher SEQUENCE
replaces it, and CANCEL takes it back (sections 4.1.2 and 4.1.3). Who is coming is asked by a link instead.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from newsletter.calendars import zones
from newsletter.calendars.lines import joined, parameter, text
from newsletter.constellation.model import Constellation, Event

_OURS = uuid.UUID("0f8c2f0e-5d0b-5f0c-9d6c-2a4b1e6c7d11")


class Method(StrEnum):
    """What a calendar is to do with the entries."""

    PUBLISH = "PUBLISH"
    CANCEL = "CANCEL"


class Standing(StrEnum):
    """Whether it takes place, and for whom: TENTATIVE is one that somebody may go to."""

    CONFIRMED = "CONFIRMED"
    TENTATIVE = "TENTATIVE"
    CANCELLED = "CANCELLED"


@dataclass(frozen=True, slots=True)
class Entry:
    """An event and the number of changes that calendars had to learn of (SEQUENCE)."""

    event: Event
    sequence: int = 0
    standing: Standing = Standing.CONFIRMED


def uid(constellation: str, event: str) -> str:
    """The name of an event in every calendar, for good: of the slugs alone, since all else may change."""
    return str(uuid.uuid5(_OURS, f"{constellation}/{event}"))


def write(
    constellation: Constellation,
    entries: Sequence[Entry],
    *,
    method: Method,
    stamp: datetime,
    name: str = "",
) -> bytes:
    """The iCalendar object. `stamp` is when this was so; `name` titles a calendar that is followed, not a single entry.

    A story is nothing to go to, and is left out. The same arguments make the same bytes.
    """
    attended = [entry for entry in entries if not entry.event.is_story]
    lines = ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//newsletter//events//EN", f"METHOD:{method}"]
    if name:
        titles = (f"{field}:{text(name)}" for field in ("NAME", "X-WR-CALNAME"))  # RFC 7986, and what is older
        lines += [*titles, "REFRESH-INTERVAL;VALUE=DURATION:PT1H", "X-PUBLISHED-TTL:PT1H"]
    by_clock = [entry.event for entry in attended if not entry.event.all_day]
    for zone in sorted({event.timezone for event in by_clock} - zones.UNIVERSAL):
        there = [event for event in by_clock if event.timezone == zone]
        lines += zones.definition(zone, min(e.starts for e in there), max(e.ends for e in there))
    for entry in attended:
        lines += _entry(constellation, entry, method, stamp)
    return joined([*lines, "END:VCALENDAR"])


def _entry(constellation: Constellation, entry: Entry, method: Method, stamp: datetime) -> Iterable[str]:
    event = entry.event
    is_off = event.cancelled or method is Method.CANCEL
    yield "BEGIN:VEVENT"
    yield f"UID:{uid(constellation.slug, event.slug)}"
    yield f"DTSTAMP:{_universal(stamp)}"
    yield f"SEQUENCE:{entry.sequence}"
    if event.all_day:  # the end is the day after the last (section 3.6.1)
        yield f"DTSTART;VALUE=DATE:{event.starts:%Y%m%d}"
        yield f"DTEND;VALUE=DATE:{event.last_day + timedelta(days=1):%Y%m%d}"
    else:
        yield f"DTSTART{_moment(event.starts, event.timezone)}"
        yield f"DTEND{_moment(event.ends, event.timezone)}"
    yield f"SUMMARY:{text(event.title)}"
    for field, value in (("LOCATION", location(event)), ("DESCRIPTION", described(event))):
        if value:
            yield f"{field}:{text(value)}"
    if event.url:
        yield f"URL:{event.url}"
    if event.place.online:
        yield f"CONFERENCE;VALUE=URI;LABEL={parameter(event.title)}:{event.place.online}"  # RFC 7986, section 5.11
    yield f"ORGANIZER;CN={parameter(constellation.sender.name)}:mailto:{constellation.contact}"
    yield f"STATUS:{Standing.CANCELLED if is_off else entry.standing}"
    yield "END:VEVENT"


def location(event: Event) -> str:
    """The venue; what is only online happens at its address, which programs make into a link."""
    return ", ".join(filter(None, (event.place.name, event.place.address))) or event.place.online


def described(event: Event) -> str:
    """What it is about, and the ways to it, for the programs that show nothing else."""
    return "\n\n".join(dict.fromkeys(filter(None, (event.summary, event.place.online, event.url))))


def _moment(moment: datetime, timezone: str) -> str:
    """By the clock at the place. Of an hour that occurs twice, a local time means the first (section 3.3.5)."""
    if timezone in zones.UNIVERSAL or moment.fold:
        return f":{_universal(moment)}"
    return f";TZID={timezone}:{moment:%Y%m%dT%H%M%S}"


def _universal(moment: datetime) -> str:
    return f"{moment.astimezone(UTC):%Y%m%dT%H%M%SZ}"
