"""A process that runs the engine, as others see it: its row in `worker`; and what it must see of them, its brake."""

import asyncio
import math
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.database import DatabaseBusy
from newsletter.engine.work import PASSING, Work
from newsletter.tables import campaign, worker
from subscribers import statements

log = structlog.get_logger(__name__)

_LOOK_SECONDS = 0.4
"""How often to look whether a campaign was paused: that holds within a second."""
_SAY_SECONDS = 2.0
_FORGOTTEN = timedelta(hours=1)
_MOST_DOMAINS = 15

Beat = Callable[[AsyncConnection], Awaitable[None]]


async def _no_beat(_: AsyncConnection) -> None:
    """Nobody takes over from a process while it lives."""


@asynccontextmanager
async def shown(work: Work, engine: str, beat: Beat = _no_beat) -> AsyncIterator[None]:
    """Say what this process does for as long as the block runs, and have its brake follow what others decide.

    `beat` is done with each word of it, in the same transaction: it tells those who may take over that this one lives.
    When the right to run the engine is lost, `stop` is set, and leaving the block raises DatabaseBusy.
    """
    follower = asyncio.create_task(_Follower(work, engine, beat, work.clock()).follow())
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
    beat: Beat
    started_at: datetime
    said_at: float = field(default=-math.inf)

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
        begun, engine = time.monotonic(), self.work.settings.engine
        brake, contact = self.work.dispatcher.brake, self.work.dispatcher.contact
        try:
            await self.work.lock.keep()
            await self._look()
            if begun - self.said_at < min(_SAY_SECONDS, engine.heartbeat.total_seconds()):
                return
            await self._say()
        except DatabaseBusy as busy:
            log.error("engine stops", reason=str(busy))
            self.work.stop.set()
            raise
        except PASSING as error:
            contact.lose(error)
            return
        slack = (engine.lease - engine.heartbeat).total_seconds()
        said_at = time.monotonic()
        if said_at - self.said_at > slack / 2 and self.said_at > -math.inf:  # the others may have been cut off as well
            brake.hears_since = said_at
        self.said_at, brake.good_until = begun, begun + slack
        contact.regain()

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
            await self.beat(connection)


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
