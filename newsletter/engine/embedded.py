"""The embedded engine: one process that applies reports, fires the plan and delivers, under a lock of its own.

`tick` does one round of everything, in order: what a simulated clock needs. `run` does the same rounds side by side,
so that a confirmation never waits behind a campaign.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import structlog

from newsletter import engine_lock
from newsletter.clock import Clock, wall_clock
from newsletter.database import Database
from newsletter.delivery import ledger, transactional
from newsletter.engine import presence
from newsletter.engine.work import PASSING, Work, way
from newsletter.logs import one_line
from newsletter.settings import Settings

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 0.5
_PAUSE_SECONDS_BROKEN = 30.0


@dataclass(frozen=True, slots=True)
class Engine(Work):
    """The work, done in rounds by this process alone."""

    async def tick(self) -> None:
        """One round of everything that is due at this moment, to its end."""
        await self.collect_mail()
        await self.read_lists()
        await self.apply_reports()
        await self.carry_out_requests()
        await self.housekeeper.round()
        await self.fill_places()
        await self.messenger.deliver(self.stop)
        await self.starter.fire_plan()
        await self.starter.fire_digest()
        await self.starter.start_scheduled()
        await self.dispatcher.deliver(self.stop)
        await self.apply_reports()
        await self.tell_others()
        await self.tell_staff()

    async def run(self) -> None:
        """Do rounds side by side until `stop` is set; what is in flight then is settled before it returns.

        Raises DatabaseBusy when the lock was lost and another process has it.
        """
        async with self.listening(), presence.shown(self, "embedded"):
            await asyncio.gather(
                self._rounds("mailbox", self.follow_mailbox),
                self._rounds("reports", self.collect_maildir, self.apply_reports),
                self._rounds("transactional", self.carry_out_requests, self.fill_places, self.deliver_messages),
                self._rounds("housekeeping", self.housekeeper.round),
                self._rounds("lists", self.read_lists),
                self._rounds("plan", self.starter.fire_plan, self.starter.fire_digest, self.starter.start_scheduled),
                self._rounds("campaigns", self.deliver_campaigns),
                self._rounds("webhooks", self.tell_others),
                self._rounds("staff", self.tell_staff),
            )

    async def deliver_campaigns(self, campaign_id: int | None = None) -> None:
        """Deliver what the ledger says is due, of one campaign or of all."""
        async with self.database.read() as connection:
            is_orphaned = await ledger.has_orphans(connection)
        if is_orphaned:  # nobody works between two rounds: the database went away before a shard could be let go of
            async with self.database.begin() as connection:
                await ledger.adopt_orphans(connection, self.clock())
        await self.dispatcher.deliver(self.stop, campaign_id=campaign_id)

    async def _rounds(self, name: str, *steps: Callable[[], Awaitable[object]]) -> None:
        """Repeat the steps; a fault of the moment is said and tried again, and so is a mistake of ours, less often."""
        while not self.stop.is_set():
            pause = _PAUSE_SECONDS
            for step in steps:
                try:
                    await step()
                except PASSING as error:
                    if not self.is_known(error):
                        log.error("round failed", work=name, reason=one_line(error))
                except Exception as error:  # whatever it is, the other steps and rounds must not stand still for it
                    kind, at = type(error).__name__, way(error)
                    log.error("round broke", work=name, fault=kind, reason=one_line(error), at=at)
                    pause = _PAUSE_SECONDS_BROKEN
            try:
                await asyncio.wait_for(self.stop.wait(), pause)
            except TimeoutError:
                continue


@asynccontextmanager
async def opened(settings: Settings, database: Database, clock: Clock = wall_clock) -> AsyncIterator[Engine]:
    """An engine that holds the lock, what a dead one left in flight taken over. Raises DatabaseBusy.

    Leaving the block closes the connections to the relay and lets go of the lock.
    """
    async with engine_lock.held(database) as lock:
        async with database.begin() as connection:
            orphans = await ledger.adopt_orphans(connection, clock())
            orphans += await transactional.adopt_orphans(connection, clock())
            await ledger.look_again(connection, clock())
            await ledger.finish(connection, clock())
        if orphans:
            log.warning("taken over from an engine that died", pieces=orphans)
        engine = Engine.assemble(settings, database, clock, lock)
        try:
            yield engine
        finally:
            await engine.close()
