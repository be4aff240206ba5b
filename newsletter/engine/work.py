"""The work there is, as steps over one database and one relay; who calls them, and when, is an engine's to say."""

import asyncio
import traceback
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Self

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import arrivals, attendance, feedback
from newsletter.campaigns import holding
from newsletter.clock import Clock
from newsletter.database import UNUSABLE, Database
from newsletter.delivery import refusing_relays, transactional, unmade
from newsletter.delivery.composer import Stationery
from newsletter.delivery.dispatch import Dispatcher
from newsletter.delivery.messenger import Messenger
from newsletter.delivery.refusal import Refusal
from newsletter.delivery.relays import Relays
from newsletter.delivery.staff import Staff
from newsletter.engine import parts
from newsletter.engine.held_up import Mailboxes
from newsletter.engine.housekeeping import Housekeeper
from newsletter.engine.starting import Starter
from newsletter.engine_lock import EngineLock
from newsletter.errors import NewsletterError
from newsletter.outgoing import notice
from newsletter.outgoing.telling import Teller
from newsletter.settings import Settings
from subscribers import attending
from subscribers.errors import SubscribersError
from subscribers.links import Links
from webhooks.errors import WebhookError
from webhooks.mailbox import Maildir, maildir

log = structlog.get_logger(__name__)

PASSING = (NewsletterError, SubscribersError, WebhookError, DBAPIError, OSError, TimeoutError)
"""Faults of the moment, such as a database that is away: they are said, and the work is tried again."""


def way(error: BaseException) -> str:
    """The last lines of code that an error came through, for whoever mends it: `messenger.py:140, compiler.py:84`."""
    frames = traceback.extract_tb(error.__traceback__)[-4:]
    return ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)


@dataclass(frozen=True, slots=True)
class Work:
    """The parts that do the work, and its steps. Each step ends when nothing is due, or soon after `stop` is set."""

    settings: Settings
    database: Database
    clock: Clock
    links: Links
    paper: Stationery
    relays: Relays
    dispatcher: Dispatcher
    messenger: Messenger
    housekeeper: Housekeeper
    starter: Starter
    lock: EngineLock
    stop: asyncio.Event
    maildir: Maildir | None
    held_up: Mailboxes = field(default_factory=Mailboxes)

    @classmethod
    def assemble(cls, settings: Settings, database: Database, clock: Clock, lock: EngineLock) -> Self:
        """Make the parts from the settings, for whoever holds the lock."""
        links = parts.links(settings)

        async def on_refused(connection: AsyncConnection, refusals: Sequence[Refusal], now: datetime) -> None:
            await feedback.store_refusals(connection, links, refusals, now)

        to, folder = parts.relays(settings, clock), settings.bounces.maildir
        paper = parts.stationery(settings)
        return cls(
            settings=settings,
            database=database,
            clock=clock,
            links=links,
            paper=paper,
            relays=to,
            dispatcher=Dispatcher(settings, database, to, paper, clock=clock, on_refused=on_refused),
            messenger=Messenger(settings, database, to, paper, clock=clock, on_refused=on_refused),
            housekeeper=Housekeeper(database, settings, clock),
            starter=Starter(settings, database, paper, clock),
            lock=lock,
            stop=asyncio.Event(),
            maildir=None if folder is None else maildir(folder),
        )

    def is_known(self, error: BaseException) -> bool:
        """Whether a fault is that the database is away, which has been said."""
        return isinstance(error, UNUSABLE) and self.dispatcher.contact.is_lost

    async def close(self) -> None:
        """Close the connections to the relays, and end the processes that sign."""
        await self.relays.close()
        await self.paper.signer.close()

    @asynccontextmanager
    async def listening(self) -> AsyncIterator[None]:
        """Take returned mail at bounces.listen, if that is set."""
        bounces = self.settings.bounces
        if not bounces.listen:
            yield
            return
        from newsletter.engine import listener  # a server, for those who run one

        letterbox = listener.Letterbox(self.database, self.links, bounces.address, self.clock)
        async with listener.listening(bounces.listen, letterbox) as port:
            log.info("listening for returned mail", where=bounces.listen, port=port)
            yield

    async def carry_out_requests(self) -> None:
        """Carry out what the pages have answered and not come to."""
        await arrivals.carry_out(self.database, self.settings)

    async def fill_places(self) -> None:
        """Give places that have become free to those who wait for them."""
        async with self.database.read() as connection:
            awaited = await attending.awaited(connection)
        if awaited:
            async with self.database.begin() as connection:
                await attendance.fill_places(connection, self.clock())

    async def deliver_messages(self) -> None:
        """Send the transactional mails that are due.

        Only one process does at a time, so what it finds in flight at its start has no owner any more.
        """
        async with self.database.read() as connection:
            is_orphaned = await transactional.has_orphans(connection)
        if is_orphaned:
            async with self.database.begin() as connection:
                await transactional.adopt_orphans(connection, self.clock())
        await self.messenger.deliver(self.stop)

    async def collect_mail(self) -> None:
        """Take what waits in the Maildir and in the mailbox now, once."""
        if self.maildir is not None or self.settings.mailbox.protocol:
            from newsletter.engine import mailboxes

            await mailboxes.collect(self.database, self.links, self.settings, self.clock())

    async def collect_maildir(self) -> None:
        """Take what waits in the Maildir into the inbox."""
        if self.maildir is not None:
            from newsletter.engine import mailboxes

            await mailboxes.watch_maildir(self.database, self.links, self.maildir, self.clock, self.held_up)

    async def follow_mailbox(self) -> None:
        """Take mail out of the mailbox at a server as it comes, until the engine stops."""
        if self.settings.mailbox.protocol:
            from newsletter.engine import mailboxes

            await mailboxes.follow(
                self.database, self.links, self.settings.mailbox, self.clock, self.stop, self.held_up
            )

    async def apply_reports(self) -> None:
        """Apply what waits in the inbox, batch by batch."""
        applier = feedback.Applier(self.links, self.settings.bounces)
        while not self.stop.is_set():
            async with self.database.begin() as connection:
                if not await applier.apply_due(connection, self.clock()):
                    return

    async def read_lists(self) -> None:
        """Read the suppression lists of providers that are due."""
        if self.settings.webhooks.model_fields_set:  # else there is no key to ask one with
            from newsletter.engine import list_reading

            await list_reading.read_due(self.database, self.settings.webhooks, self.clock, self.stop)

    async def tell_others(self) -> None:
        """Post what waits in the outbox."""
        teller = Teller(self.database, self.settings.outgoing, self.clock)
        await teller.tell(self.stop)
        await teller.forget_old()

    async def tell_staff(self) -> None:
        """Write to staff about what waits for them: mails that are held or cannot be made, relays and
        endpoints that take nothing."""
        staff = Staff(self.database, self.relays, self.settings.outgoing.tell_staff, self.clock)
        for matter in (holding.TELLING, refusing_relays.TELLING, unmade.TELLING, notice.TELLING):
            await staff.tell(matter)
