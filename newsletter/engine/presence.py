"""A process that runs the engine, as others see it: its row in `worker`; and what it must see of them, its brake."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select

from newsletter.database import DatabaseBusy
from newsletter.engine.work import PASSING, Work, one_line
from newsletter.tables import campaign, worker
from subscribers import statements

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.4
"""How often to look whether a campaign was paused: that holds within a second."""
_SAY_SECONDS = 2.0
_FORGOTTEN = timedelta(hours=1)
_MOST_DOMAINS = 15


@asynccontextmanager
async def shown(work: Work, engine: str) -> AsyncIterator[None]:
    """Say what this process does for as long as the block runs, and have its brake follow what others decide.

    When the right to run the engine is lost, `stop` is set, and leaving the block raises DatabaseBusy.
    """
    follower = asyncio.create_task(_Follower(work, engine, work.clock()).follow())
    try:
        yield
    finally:
        follower.cancel()
        with suppress(asyncio.CancelledError):
            await follower


@dataclass(slots=True)
class _Follower:
    work: Work
    engine: str
    started_at: datetime
    said_at: float = field(default=-_SAY_SECONDS)
    is_away: bool = False

    async def follow(self) -> None:
        """Look and say until cancelled, and then take the row away."""
        try:
            while True:
                await self._round()
                await asyncio.sleep(_LOOK_SECONDS)
        finally:
            with suppress(*PASSING):
                async with self.work.database.begin() as connection:
                    await connection.execute(delete(worker).where(worker.c.name == self.work.dispatcher.owner))

    async def _round(self) -> None:
        begun = time.monotonic()
        try:
            await self.work.lock.keep()
            await self._look()
            if begun - self.said_at >= _SAY_SECONDS:
                await self._say()
                self.said_at = begun
        except DatabaseBusy as busy:
            log.error("engine stops", reason=str(busy))
            self.work.stop.set()
            raise
        except PASSING as error:
            if not self.is_away:
                log.warning("database away", reason=one_line(error))
            self.is_away = True
            return
        engine = self.work.settings.engine
        # The others count from the last heartbeat, which may be one interval older than this.
        self.work.dispatcher.brake.good_until = begun + (engine.lease - engine.heartbeat).total_seconds()
        self.is_away = False

    async def _look(self) -> None:
        brake = self.work.dispatcher.brake
        in_work = list(brake.in_work)
        if not in_work:
            brake.halted = frozenset()
            return
        stopped = select(campaign.c.id).where(campaign.c.id.in_(in_work), campaign.c.status != "sending")
        async with self.work.database.read() as connection:
            brake.halted = frozenset(await connection.scalars(stopped))

    async def _say(self) -> None:
        now = self.work.clock()
        said = {
            "engine": self.engine,
            "started_at": self.started_at,
            "seen_at": now,
            "pulse": pulse(self.work),
        }
        async with self.work.database.begin() as connection:
            await connection.execute(
                statements.insert(connection, worker)
                .values(name=self.work.dispatcher.owner, **said)
                .on_conflict_do_update(index_elements=["name"], set_=said)
            )
            await connection.execute(delete(worker).where(worker.c.seen_at < now - _FORGOTTEN))


def pulse(work: Work) -> dict[str, Any]:
    """What newsletter.engine.status reads, of this process: rates are mails a second over the last moments."""
    dispatcher, now = work.dispatcher, work.clock()
    return {
        "settled": dict(dispatcher.tally.settled),
        "campaigns": {str(number): rate for number, rate in dispatcher.tally.rates().items()},
        "domains": dispatcher.tally.domains(_MOST_DOMAINS),
        "relays": [
            {"name": one.name, "busy": one.in_use, "trouble": one.reason, "limit": one.at_limit(now)}
            for one in dispatcher.relays.members
        ],
        "outages": [
            {"relays": one.relays, "since": one.since.isoformat(), "reason": one.reason}
            for one in dispatcher.relays.outages.current(now)
        ],
        "mailboxes": [
            {"name": name, "since": one.since.isoformat(), "reason": one.reason}
            for name, one in work.held_up.current(now).items()
        ],
    }
