"""What single values of a constellation file may be. Each check gives the value as we keep it, or raises Wrong.

The text of Wrong says what is wrong and what would be right; where it stands is the reader's to say.
"""

import re
import unicodedata
from datetime import date, datetime, time, timedelta
from functools import cache
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from babel import localedata

from newsletter.constellation import planning
from newsletter.constellation.model import WEEKDAYS, EventKind, MailKind
from newsletter.suggest import hint, nearest
from subscribers import addresses

_SLUG = re.compile(r"[a-z0-9]+(?:-[a-z0-9]+)*")
_COLOR = re.compile(r"#(?:[0-9a-f]{3}|[0-9a-f]{6})", re.IGNORECASE)
_OFFSET = re.compile(r"([+-]?)(\d{1,4})([mhdw])")
_HOUR = re.compile(r"([01]\d|2[0-3]):([0-5]\d)(\s+local)?")
_UNITS = {
    "m": timedelta(minutes=1),
    "h": timedelta(hours=1),
    "d": timedelta(days=1),
    "w": timedelta(weeks=1),
}
_YEARS = range(1990, 2200)
_LONGEST_SLUG = 60
_LONGEST_LINE = 200
_LONGEST_TEXT = 4000
_LONGEST_URL = 2000
_FURTHEST = timedelta(days=400)


class Wrong(ValueError):
    """A value is not what it should be; the text says what would be right."""


def describe(value: Any) -> str:
    """What a TOML value is, for people: `a number, 12`."""
    match value:
        case bool():
            return f"{str(value).lower()}"
        case int() | float():
            return f"a number, {value}"
        case datetime():
            return f"a date and time, {value.isoformat()}"
        case date() | time():
            return f"{'a date' if isinstance(value, date) else 'a time'}, {value.isoformat()}"
        case list():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"text, {shown(str(value))}"


def shown(text: str) -> str:
    """A text in quotes, cut to what fits a line; what cannot be seen is escaped."""
    cut = text if len(text) <= 60 else f"{text[:57]}…"
    return '"' + "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut) + '"'


def line(value: Any) -> str:
    """Text on one line, trimmed, at most 200 characters; it may stand in a header or a title."""
    text = paragraph(value)
    if "\n" in text:
        raise Wrong("it runs over several lines; keep it on one")
    if len(text) > _LONGEST_LINE:
        raise Wrong(f"it has {len(text)} characters; keep it under {_LONGEST_LINE}")
    return text


def paragraph(value: Any) -> str:
    """Text, trimmed, not empty, without control characters other than line ends; at most 4,000 characters."""
    if not isinstance(value, str):
        raise Wrong(f"this is {describe(value)}; write text in quotes")
    text = unicodedata.normalize("NFC", value).replace("\r\n", "\n").strip()
    if not text:
        raise Wrong("it is empty; write what readers should see, or leave the line out if it may be missing")
    if any(unicodedata.category(c) == "Cc" and c != "\n" for c in text):
        raise Wrong(f"it contains control characters, {shown(text)}; write plain text")
    if len(text) > _LONGEST_TEXT:
        raise Wrong(f"it has {len(text):,} characters; keep it under {_LONGEST_TEXT:,}")
    return text


def lines(value: Any) -> tuple[str, ...]:
    """A list of texts, each on one line and none twice."""
    if not isinstance(value, list):
        raise Wrong(f'this is {describe(value)}; write a list, as in ["one", "another"]')
    texts = tuple(line(item) for item in value)
    if twice := next((text for text in texts if texts.count(text) > 1), None):
        raise Wrong(f"{shown(twice)} is named twice; name it once")
    return texts


def slug(value: Any) -> str:
    """A name for addresses and commands: lower-case letters, digits and single hyphens, at most 60."""
    text = line(value)
    if _SLUG.fullmatch(text) and len(text) <= _LONGEST_SLUG:
        return text
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    better = re.sub(r"[^a-z0-9]+", "-", plain)[:_LONGEST_SLUG].strip("-") or "closing-day"
    raise Wrong(
        f"{shown(text)} is no slug: at most {_LONGEST_SLUG} lower-case letters, digits and hyphens, as in {better}"
    )


def zone(value: Any) -> str:
    """An IANA time zone's name."""
    text = line(value)
    if text not in _zones():
        near = nearest(text, _zones())
        better = f"did you mean {near}?" if near else "write one as in America/New_York"
        raise Wrong(f"there is no time zone {shown(text)}; {better}")
    return text


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())  # it walks the folders of the zone database each time


def language(value: Any) -> str:
    """A language of the mails, as BCP 47 writes it: `en`, `es`, `pt-BR`."""
    text = line(value)
    known = {name.replace("_", "-") for name in localedata.locale_identifiers()}
    found = next((name for name in known if name.lower() == text.lower().replace("_", "-")), None)
    if found is None:
        raise Wrong(f'there is no language {shown(text)}; write its short name, as in "en", "es" or "pt-BR"')
    return found


def email(value: Any) -> str:
    """A bare e-mail address."""
    try:
        given = addresses.parse(line(value)).given
    except addresses.AddressError as error:
        raise Wrong(f"{error}; write one as in hello@example.org") from error
    if not given.isascii():  # not every relay takes a sender outside ASCII (SMTPUTF8, RFC 6531)
        raise Wrong(f"{shown(given)} is not one every server can answer; write one without accents")
    return given


def url(value: Any) -> str:
    """An absolute web address, in ASCII or not, without spaces."""
    text = line(value) if not isinstance(value, str) or len(value) <= _LONGEST_LINE else paragraph(value)
    try:
        parts = urlsplit(text)
        good = parts.scheme in ("https", "http") and bool(parts.hostname) and (parts.port is None or parts.port > 0)
    except ValueError:  # a port that is no number, or brackets that hold no IPv6 address
        good = False
    if not good or len(text) > _LONGEST_URL or re.search(r'[\s<>"\\]', text):
        raise Wrong(f"{shown(text)} is no web address; write one as in https://example.org/page")
    return text


def color(value: Any) -> str:
    """A colour as `#rrggbb`, lower case; `#rgb` is read as CSS reads it."""
    text = line(value)
    if not _COLOR.fullmatch(text):
        raise Wrong(f'{shown(text)} is no colour; write one as in "#5b2a86"')
    digits = text[1:].lower()
    return "#" + (digits if len(digits) == 6 else "".join(digit * 2 for digit in digits))


def kind(value: Any) -> EventKind:
    """Event, experience or story."""
    text = line(value)
    if text not in set(EventKind):
        raise Wrong(f"there is no kind {shown(text)}{hint(text, [k.value for k in EventKind])}")
    return EventKind(text)


def weekday(value: Any) -> int:
    """A day of the week by its English name; Monday is 0."""
    text = line(value).lower()
    if text not in WEEKDAYS:
        raise Wrong(f"there is no day {shown(text)}{hint(text, WEEKDAYS)}")
    return WEEKDAYS.index(text)


def mail_kind(text: str) -> MailKind:
    """One of the mails that are planned around an event."""
    if text not in set(MailKind):
        raise Wrong(f"there is no mail {shown(text)}{hint(text, [k.value for k in MailKind])}")
    return MailKind(text)


def capacity(value: Any) -> int:
    """A number of seats, at least 1."""
    if isinstance(value, bool) or not isinstance(value, int):
        raise Wrong(f"this is {describe(value)}; write a whole number, as in 60")
    if not 1 <= value < 10**7:
        raise Wrong(f"{value} seats cannot be; write how many there are, or leave it out when there is no limit")
    return value


def flag(value: Any) -> bool:
    """True or false."""
    if not isinstance(value, bool):
        raise Wrong(f"this is {describe(value)}; write true or false")
    return value


def moment(value: Any, timezone: str) -> datetime:
    """An aware datetime in `timezone`: local ones are that zone's, one with an offset is converted.

    Refuses an hour that a clock change skips; of one that occurs twice, the first is meant (write an offset for
    the second).
    """
    if not isinstance(value, datetime):
        raise Wrong(f"this is {describe(value)}; write date and hour without quotes, as in 2021-02-03T15:00:00")
    if value.year not in _YEARS:
        raise Wrong(f"the year {value.year:04} cannot be meant; check {value.isoformat()}")
    at_the_place = ZoneInfo(timezone)
    if value.tzinfo is not None:
        return value.astimezone(at_the_place)
    found = planning.instant(value, at_the_place).astimezone(at_the_place)
    if not planning.exists(value, at_the_place):
        raise Wrong(
            f"{value:%Y-%m-%d %H:%M} does not exist in {timezone}, where clocks are put forward over it; "
            f"write {found:%Y-%m-%dT%H:%M:%S}, or another hour"
        )
    return found


def day(value: Any) -> date:
    """A day of the calendar without an hour, of an event that lasts whole days."""
    if not is_day(value):
        raise Wrong(f"this is {describe(value)}; write both as days, as in 2021-02-03, or both with their hours")
    if value.year not in _YEARS:
        raise Wrong(f"the year {value.year:04} cannot be meant; check {value.isoformat()}")
    found: date = value
    return found


def is_day(value: Any) -> bool:
    """Whether it is a day without an hour."""
    return isinstance(value, date) and not isinstance(value, datetime)


def offset(value: Any) -> tuple[int, timedelta]:
    """An offset such as "-30d", "-2w", "+1h" or "-30m" as (days of the calendar, elapsed time)."""
    found = _OFFSET.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        got = shown(value) if isinstance(value, str) else describe(value)
        raise Wrong(f'{got} is no offset; write a number of weeks, days, hours or minutes, as in "-2w", "-1d" or "-1h"')
    sign, amount, unit = found[1], int(found[2]), found[3]
    if not sign and amount:
        raise Wrong(f'{shown(value)} says neither before nor after; write "-{value.strip()}" or "+{value.strip()}"')
    distance = _UNITS[unit] * (-amount if sign == "-" else amount)
    if abs(distance) > _FURTHEST:
        raise Wrong(f"{shown(value)} is too far away; stay within {_FURTHEST.days} days")
    return (distance.days, timedelta()) if unit in "dw" else (0, distance)


def after(value: Any) -> tuple[int, timedelta]:
    """An offset that only goes forward, its "+" optional."""
    days, elapsed = offset(f"+{value}" if isinstance(value, str) and value[:1].isdigit() else value)
    if days < 0 or elapsed < timedelta():
        raise Wrong(f'{shown(value)} is before the end; write "+{value.strip()[1:]}", or an offset from the start')
    return days, elapsed


def hour(value: Any) -> tuple[time, bool]:
    """An hour of the day such as "09:00", and whether it is by each reader's own clock: "09:00 local"."""
    if isinstance(value, time) and value.second == value.microsecond == 0:
        return value, False
    found = _HOUR.fullmatch(value.strip()) if isinstance(value, str) else None
    if found is None:
        got = shown(value) if isinstance(value, str) else describe(value)
        raise Wrong(
            f'{got} is no hour of the day; write one as in "09:00", by the clock of the constellation, '
            'or "09:00 local", by each reader\'s own'
        )
    return time(int(found[1]), int(found[2])), bool(found[3])
