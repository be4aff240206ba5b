"""What time it is: an argument everywhere, so that a season can be played in a minute; and how staff read one."""

from collections.abc import Callable
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

Clock = Callable[[], datetime]
"""Answers an aware moment."""


def wall_clock() -> datetime:
    """The time it is, in UTC."""
    return datetime.now(UTC)


def shown(moment: datetime, timezone: str) -> str:
    """A moment by the clock of a zone: `Wed 2021-02-03 15:00 EST`."""
    return f"{moment.astimezone(ZoneInfo(timezone)):%a %Y-%m-%d %H:%M %Z}"
