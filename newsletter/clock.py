"""What time it is: an argument everywhere, so that a season can be played in a minute."""

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Answers an aware moment."""


def wall_clock() -> datetime:
    """The time it is, in UTC."""
    return datetime.now(UTC)
