"""A clock that is set forward to whatever happens next, and the agenda of what people have set their minds on."""

import heapq
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from itertools import count

BEGINS = datetime(2021, 1, 4, 13, 0, tzinfo=UTC)
"""A Monday morning in Lexington, a month before the opening."""

ENDS = datetime(2021, 5, 10, 12, 0, tzinfo=UTC)
"""The Monday after the closing: the last thanks are said, and whoever wanted to leave after them has left."""

Action = Callable[[], Awaitable[None]]


class Clock:
    """Gives the moment it stands at; after `run_on`, the time it really is."""

    def __init__(self, moment: datetime) -> None:
        self._moment: datetime | None = moment

    def __call__(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC) if self._moment is None else self._moment

    def forward_to(self, moment: datetime) -> None:
        """Set it forward; it never goes back."""
        self._moment = max(self(), moment.astimezone(UTC))

    def run_on(self) -> None:
        """From here on, show the time it really is."""
        self._moment = None


class Agenda:
    """What is to happen when; actions of the same moment keep the order in which they were noted."""

    def __init__(self) -> None:
        self._entries: list[tuple[datetime, int, Action]] = []
        self._serial = count()

    def at(self, moment: datetime, action: Action) -> None:
        """Note an action."""
        heapq.heappush(self._entries, (moment.astimezone(UTC), next(self._serial), action))

    @property
    def next_at(self) -> datetime | None:
        """When the next one is due."""
        return self._entries[0][0] if self._entries else None

    def take_due(self, now: datetime) -> list[Action]:
        """Take those whose moment has come, in order."""
        due: list[Action] = []
        while self._entries and self._entries[0][0] <= now:
            due.append(heapq.heappop(self._entries)[2])
        return due
