"""Moments as files of people have them."""

import re
from datetime import UTC, datetime, tzinfo
from functools import lru_cache

from sqlalchemy.dialects import sqlite

from subscribers.columns import Instant

_TWICE = re.compile(r"(:\d\d)(?:\.\d+)? ([+-]\d{4}) [A-Z]{3,5}\Z")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?:,? (\d{1,2}):(\d\d)(:\d\d)?)?\Z")
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})(?:[ T](\d{1,2}):(\d\d)(:\d\d)?)?\Z")
_INSTANT, _TEXT = Instant(), sqlite.dialect()
_EARLIEST = datetime(1995, 1, 1, tzinfo=UTC)


@lru_cache(maxsize=8192)
def read(text: str, days_in: tzinfo = UTC) -> datetime | None:
    """An ISO 8601 date or time, UTC unless it says otherwise; None for anything else (01/02/2021 is no date).

    A day without a time begins by the clock `days_in` the series' zone: it is to be that day when it is told again.

    A spreadsheet on a German, Polish or Norwegian machine makes 1.2.2021 9:00 of it: where dots are written, the day is
    first (CLDR has no pattern that says otherwise). Where the year is first, the month is next, as in 2021/2/1 of a
    form's answers. listmonk's have the offset twice, as a number and as a name: 2021-02-01 09:00:00.123 +0000 UTC.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        try:
            moment = datetime.fromisoformat(_as_iso(text))
        except ValueError:
            return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC if ":" in text else days_in)
    try:
        moment = moment.astimezone(UTC)
    except OverflowError:
        return None
    return moment if moment >= _EARLIEST else None


@lru_cache(maxsize=8192)
def written(moment: datetime) -> str:
    """A moment as the text of its column, which both databases read."""
    return str(_INSTANT.process_bind_param(moment, _TEXT))


def _as_iso(text: str) -> str:
    return _DOTTED.sub(_day_first, _YEAR_FIRST.sub(_year_first, _TWICE.sub(r"\1\2", text)))


def _day_first(dotted: re.Match[str]) -> str:
    day, month, year, *time = dotted.groups()
    return _iso(year, month, day, *time)


def _year_first(written: re.Match[str]) -> str:
    year, _, month, day, *time = written.groups()
    return _iso(year, month, day, *time)


def _iso(year: str, month: str, day: str, hour: str | None, minute: str | None, second: str | None) -> str:
    time = f"T{hour:0>2}:{minute}{second or ''}" if hour else ""
    return f"{year}-{month:0>2}-{day:0>2}{time}"
