"""A time zone as a calendar needs it: every clock change around the events, each as an observance of its own.

RFC 5545, section 3.6.5. No recurrence rule is guessed from the past: governments change theirs, and what a mail or a
feed needs is known exactly.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

UNIVERSAL = frozenset({"UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu"})
"""The zones whose times are written in UTC, which needs no definition."""

_MARGIN = timedelta(days=366)
_STEP = timedelta(days=7)  # no zone changes its clock twice in a week, bar decrees that took it back


def definition(name: str, first: datetime, last: datetime) -> list[str]:
    """The lines of VTIMEZONE, good from a year before `first` to a year after `last`."""
    zone = ZoneInfo(name)
    begin = (first - _MARGIN).astimezone(UTC)
    lines = ["BEGIN:VTIMEZONE", f"TZID:{name}", *_observance(zone, begin, _offset(zone, begin))]
    for onset in _changes(zone, begin, (last + _MARGIN).astimezone(UTC)):
        lines += _observance(zone, onset, _offset(zone, onset - timedelta(seconds=1)))
    return [*lines, "END:VTIMEZONE"]


def _observance(zone: ZoneInfo, onset: datetime, before: timedelta) -> list[str]:
    """What holds from a moment on. The onset is told by the clock that was right until then (section 3.6.5)."""
    local = onset.astimezone(zone)
    part = "DAYLIGHT" if local.dst() else "STANDARD"
    return [
        f"BEGIN:{part}",
        f"DTSTART:{onset.astimezone(timezone(before)):%Y%m%dT%H%M%S}",
        f"TZOFFSETFROM:{_signed(before)}",
        f"TZOFFSETTO:{_signed(_offset(zone, onset))}",
        f"TZNAME:{local.tzname()}",
        f"END:{part}",
    ]


def _changes(zone: ZoneInfo, begin: datetime, end: datetime) -> Iterator[datetime]:
    """The moments at which the clock is changed, to the second."""
    at = begin
    while at < end:
        later = at + _STEP
        if _offset(zone, at) != _offset(zone, later):
            yield _change_between(zone, at, later)
        at = later


def _change_between(zone: ZoneInfo, at: datetime, later: datetime) -> datetime:
    before = _offset(zone, at)
    while later - at > timedelta(seconds=1):
        middle = at + timedelta(seconds=(later - at) // timedelta(seconds=2))
        at, later = (middle, later) if _offset(zone, middle) == before else (at, middle)
    return later


def _offset(zone: ZoneInfo, at: datetime) -> timedelta:
    return at.astimezone(zone).utcoffset() or timedelta()


def _signed(offset: timedelta) -> str:
    seconds = abs(int(offset.total_seconds()))
    sign = "-" if offset < timedelta() else "+"
    return f"{sign}{seconds // 3600:02}{seconds // 60 % 60:02}" + (f"{seconds % 60:02}" if seconds % 60 else "")
