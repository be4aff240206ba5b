"""What has time: once in an hour, the unconfirmed are reminded or forgotten.

So are bounces before a probe, and that receivers asked for fewer mails.
"""

from datetime import datetime, timedelta

import structlog

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.delivery import asked, slowing, transactional, unconfirmed
from newsletter.feedback import probing
from newsletter.settings import Settings

log = structlog.get_logger(__name__)

_EVERY = timedelta(hours=1)


class Housekeeper:
    """Does it when it is due."""

    def __init__(self, database: Database, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._joining = settings.joining
        self._hash_key = settings.secrets.hash_key.get_secret_value()
        self._bounces = settings.bounces
        self._delivery = settings.delivery
        self._clock = clock
        self._next: datetime | None = None

    async def round(self) -> None:
        """Work through all that is due, if an hour has passed since the last time."""
        now = self._clock()
        if self._next is not None and now < self._next:
            return
        await self._remind(now)
        await self._forget(now)
        await self._forgive(now)
        async with self._database.begin() as connection:
            await slowing.forget(connection, self._delivery, now)
            await asked.forget(connection, now)
        self._next = now + _EVERY

    async def _remind(self, now: datetime) -> None:
        joining = self._joining
        if not joining.reminds:
            return
        people = [0]
        while True:
            # Looked for by a reader: the way to them may be long, and nobody waits for the writer meanwhile.
            async with self._database.read() as connection:
                people = await unconfirmed.to_remind(
                    connection, after=joining.remind_after, within=joining.confirm_within, now=now, beyond=people[-1]
                )
            if not people:
                return
            async with self._database.begin() as connection:
                reminded = await transactional.remind(
                    connection, people, now=now, most_a_day=joining.confirmations_a_day, hash_key=self._hash_key
                )
            log.info("unconfirmed people reminded", people=reminded)

    async def _forget(self, now: datetime) -> None:
        after, within = self._joining.forget_after, self._joining.confirm_within
        while True:
            async with self._database.read() as connection:
                people = await unconfirmed.to_forget(connection, after=after, within=within, now=now)
            if not people:
                return
            async with self._database.begin() as connection:
                forgotten = await unconfirmed.forget(connection, people)
            log.info("unconfirmed people forgotten", people=forgotten)

    async def _forgive(self, now: datetime) -> None:
        async with self._database.begin() as connection:
            days = await probing.forgive(connection, self._bounces.probe_wait, now)
        if days:
            log.info("soft bounces forgotten after a probe", days=days)
