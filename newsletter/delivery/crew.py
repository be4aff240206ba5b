"""The crew: those who work side by side, and stay for as long as one of them works.

A shard that is being worked on leaves others due: deferred mails whose time comes, a campaign that is resumed or begins
meanwhile, a relay that is well again. Whoever found nothing to do looks again for such until all have found nothing.
"""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

_LOOK_SECONDS = 0.5


@dataclass(slots=True)
class Crew:
    """How many are at work, of so many at first, and the moment when nobody is any more."""

    at_work: int
    _all_idle: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def member(self) -> Iterator[None]:
        """Be one of those at work, and no longer after this block, however it ends."""
        try:
            yield
        finally:
            self._rests()

    async def is_done(self) -> bool:
        """Rest for a moment, for there was nothing to do; whether all others do too, so that it is time to go."""
        self._rests()
        with suppress(TimeoutError):
            await asyncio.wait_for(self._all_idle.wait(), _LOOK_SECONDS)
        self.at_work += 1
        return self._all_idle.is_set()

    def _rests(self) -> None:
        self.at_work -= 1
        if not self.at_work:
            self._all_idle.set()
