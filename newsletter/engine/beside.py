"""The embedded engine beside the pages: one process of several runs it, and another once that one has ended."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import structlog

from newsletter import engine_lock
from newsletter.clock import Clock
from newsletter.database import AWAY, Database, DatabaseBusy
from newsletter.engine import embedded
from newsletter.settings import Settings

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 2.0
"""How often to ask whether the right to run the engine is free."""


class Place:
    """Where the engine runs, as far as this process knows."""

    def __init__(self, settings: Settings, database: Database, clock: Clock) -> None:
        self._settings = settings
        self._database = database
        self._clock = clock
        self._stop = asyncio.Event()
        self._has_asked = asyncio.Event()
        self._is_here = False
        self._task = asyncio.create_task(self._run())

    @property
    def word(self) -> str:
        """`running` here, `elsewhere`, or `stopped` by a mistake of ours."""
        if self._task.done():
            return "stopped"
        return "running" if self._is_here else "elsewhere"

    async def has_asked(self) -> None:
        """Wait until it is known whether the engine runs here. Raises what kept it from that."""
        asked = asyncio.create_task(self._has_asked.wait())
        await asyncio.wait([asked, self._task], return_when=asyncio.FIRST_COMPLETED)
        asked.cancel()
        if self._task.done():
            await self._task

    async def leave(self) -> None:
        """Settle what is in flight, and let go of the engine."""
        self._stop.set()
        await self._task

    async def _run(self) -> None:
        is_told = False
        while not self._stop.is_set():
            try:
                if is_told and not await self._is_free():
                    raise DatabaseBusy("another process runs the engine")  # which has been said
                async with embedded.opened(self._settings, self._database, self._clock) as engine:
                    if is_told:
                        log.warning("engine started", reason="the process that ran it has ended")
                    is_told = False
                    await self._run_here(engine)
            except DatabaseBusy as busy:  # or it was lost, and the engine has said so
                if not is_told:
                    log.warning("engine not started", reason=str(busy))
                is_told = True
            except AWAY:
                if not self._has_asked.is_set():
                    raise
            self._has_asked.set()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._stop.wait(), _LOOK_SECONDS)

    async def _is_free(self) -> bool:
        """Whether nobody runs the engine, at two looks: whose connection was cut takes their right again in between."""
        if self._database.is_sqlite:
            return True  # the lock of a file goes with its process
        for pause in (_LOOK_SECONDS, 0):
            if await engine_lock.is_held(self._database) or self._stop.is_set():
                return False
            await asyncio.sleep(pause)
        return True

    async def _run_here(self, engine: embedded.Engine) -> None:
        async def forward() -> None:
            await self._stop.wait()
            engine.stop.set()

        forwarding = asyncio.create_task(forward())
        self._is_here = True
        self._has_asked.set()
        try:
            await engine.run()
        finally:
            self._is_here = False
            forwarding.cancel()


@asynccontextmanager
async def kept(settings: Settings, database: Database, clock: Clock) -> AsyncIterator[Place]:
    """Run the engine for as long as the block runs, from when no other process does; leaving the block drains it."""
    place = Place(settings, database, clock)
    try:
        await place.has_asked()
        yield place
    finally:
        await place.leave()
