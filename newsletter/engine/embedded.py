"""The embedded engine: one process that applies reports, fires the plan and delivers, under a lock of its own.

`tick` does one round of everything, in order: what a simulated clock needs. `run` does the same rounds side by side,
so that a confirmation never waits behind a campaign.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import structlog
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import arrivals, attendance, feedback
from newsletter.campaigns import digests, hours, lifecycle
from newsletter.campaigns import store as campaigns
from newsletter.clock import Clock, wall_clock
from newsletter.constellation import schedule
from newsletter.database import Database
from newsletter.delivery import ledger, transactional
from newsletter.delivery.composer import Stationery
from newsletter.delivery.dispatch import Dispatcher
from newsletter.delivery.messenger import Messenger
from newsletter.delivery.refusal import Refusal
from newsletter.delivery.relay import Relay
from newsletter.dkim import keys
from newsletter.dkim.signing import Signer
from newsletter.engine import listener, mailboxes
from newsletter.engine.housekeeping import Housekeeper
from newsletter.errors import NewsletterError
from newsletter.outgoing.notice import Notices
from newsletter.outgoing.telling import Teller
from newsletter.settings import Settings
from subscribers import attending
from subscribers.errors import SubscribersError
from subscribers.links import Links
from webhooks.errors import WebhookError

log = structlog.get_logger(__name__)

_PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Engine:
    """The parts that do the work, over one database and one relay."""

    settings: Settings
    database: Database
    clock: Clock
    links: Links
    relay: Relay
    dispatcher: Dispatcher
    messenger: Messenger
    housekeeper: Housekeeper
    stop: asyncio.Event

    async def tick(self) -> None:
        """One round of everything that is due at this moment, to its end."""
        await mailboxes.collect(self.database, self.links, self.settings, self.clock())
        await self.apply_reports()
        await self.carry_out_requests()
        await self.housekeeper.round()
        await self.fill_places()
        await self.messenger.deliver(self.stop)
        await self.fire_plan()
        await self.fire_digest()
        await self.start_scheduled()
        await self.dispatcher.deliver(self.stop)
        await self.apply_reports()
        await self.tell_others()

    async def run(self) -> None:
        """Do rounds side by side until `stop` is set; what is in flight then is settled before it returns."""
        async with self._listening():
            await self._all_rounds()

    async def _all_rounds(self) -> None:
        await asyncio.gather(
            self._rounds("mailbox", self.follow_mailbox),
            self._rounds("reports", self.collect_maildir, self.apply_reports),
            self._rounds("transactional", self.carry_out_requests, self.fill_places, self.messenger_round),
            self._rounds("housekeeping", self.housekeeper.round),
            self._rounds("plan", self.fire_plan, self.fire_digest, self.start_scheduled),
            self._rounds("campaigns", self.campaign_round),
            self._rounds("webhooks", self.tell_others),
        )

    async def _rounds(self, name: str, *steps: Callable[[], Awaitable[object]]) -> None:
        """Repeat the steps; a fault of the moment (a database that is away) is said and tried again."""
        while not self.stop.is_set():
            for step in steps:
                try:
                    await step()
                except (NewsletterError, SubscribersError, WebhookError, DBAPIError, OSError) as error:
                    log.error("round failed", work=name, reason=" ".join(str(error).split())[:300])
            try:
                await asyncio.wait_for(self.stop.wait(), _PAUSE_SECONDS)
            except TimeoutError:
                continue

    async def fill_places(self) -> None:
        """Give places that have become free to those who wait for them."""
        async with self.database.read() as connection:
            awaited = await attending.awaited(connection)
        if awaited:
            async with self.database.begin() as connection:
                await attendance.fill_places(connection, self.clock())

    async def carry_out_requests(self) -> None:
        """Carry out what the pages have answered and not come to."""
        await arrivals.carry_out(self.database, self.settings)

    async def messenger_round(self) -> None:
        """Send the transactional mails that are due."""
        await self.messenger.deliver(self.stop)

    async def campaign_round(self) -> None:
        """Deliver what the ledger says is due."""
        await self.dispatcher.deliver(self.stop)

    @asynccontextmanager
    async def _listening(self) -> AsyncIterator[None]:
        """Take returned mail at bounces.listen, if that is set."""
        bounces = self.settings.bounces
        if not bounces.listen:
            yield
            return
        letterbox = listener.Letterbox(self.database, self.links, bounces.address, self.clock)
        async with listener.listening(bounces.listen, letterbox) as port:
            log.info("listening for returned mail", where=bounces.listen, port=port)
            yield

    async def collect_maildir(self) -> None:
        """Take what waits in the Maildir into the inbox."""
        await mailboxes.collect_maildir(self.database, self.links, self.settings, self.clock())

    async def follow_mailbox(self) -> None:
        """Take mail out of the mailbox at a server as it comes, until the engine stops."""
        if self.settings.mailbox.protocol:
            await mailboxes.follow(self.database, self.links, self.settings.mailbox, self.clock, self.stop)

    async def apply_reports(self) -> None:
        """Apply what waits in the inbox, batch by batch."""
        applier = feedback.Applier(self.links, self.settings.bounces)
        while not self.stop.is_set():
            async with self.database.begin() as connection:
                if not await applier.apply_due(connection, self.clock()):
                    return

    async def tell_others(self) -> None:
        """Post what waits in the outbox, and tell staff of endpoints that take nothing any more."""
        teller = Teller(self.database, self.settings.outgoing, self.clock)
        await teller.tell(self.stop)
        await teller.forget_old()
        await Notices(self.database, self.relay, self.settings.outgoing, self.clock).send()

    async def fire_plan(self) -> None:
        """Start a campaign for each planned mail whose time has come; one that cannot start is said and left."""
        async with self.database.read() as connection:
            waiting = await schedule.due(connection, self.clock())
        if not waiting:
            return
        async with self.database.begin() as connection:
            late = await schedule.expire(connection, self.clock())
            due = await schedule.due(connection, self.clock())
        for mail in late:
            log.warning("planned mail skipped", about=mail.slug, kind=mail.kind, reason="it would come too late")
        for mail in due:
            try:
                async with self.database.begin() as connection:
                    await self._fire(connection, mail)
            except NewsletterError as error:
                log.error("planned mail not sent", about=mail.slug, kind=mail.kind, reason=str(error))

    async def _fire(self, connection: AsyncConnection, mail: schedule.DueMail) -> None:
        now = self.clock()
        planned = await campaigns.drafted(connection, mail.slug, mail.kind, now=now)
        if mail.is_local and planned.status in ("draft", "scheduled"):
            readers = await lifecycle.readers(connection, planned, now)
            first = await hours.first(connection, mail.event, mail.kind, readers) or mail.due_at
            if first > now:
                await schedule.put_off(connection, mail.event_id, mail.kind, first)
                return
        await schedule.mark_started(connection, mail.event_id, mail.kind, planned.id)
        if planned.status in ("draft", "scheduled"):  # else staff have sent it by hand before its time
            people = await lifecycle.start(connection, self.settings, planned, now=now, by_hours=mail.is_local)
            log.info("campaign started", campaign=planned.slug, people=people)

    async def fire_digest(self) -> None:
        """Start the weekly digest when its moment has come; one that is too late is said and left out."""
        async with self.database.read() as connection:
            due_at = await digests.next_due(connection, self.clock())
        if due_at is None or due_at > self.clock():
            return
        try:
            async with self.database.begin() as connection:
                fired = await digests.fire(connection, self.settings, self.clock())
        except NewsletterError as error:
            log.error("digest not sent", due_at=due_at.isoformat(), reason=str(error))
            return
        if fired is not None and fired.people is None:
            log.warning("digest skipped", campaign=fired.slug, reason="it would come too late")
        elif fired is not None:
            log.info("campaign started", campaign=fired.slug, people=fired.people)

    async def start_scheduled(self) -> None:
        """Start the campaigns that staff scheduled for a moment that has come."""
        async with self.database.read() as connection:
            due = await campaigns.due(connection, self.clock())
        for draft in due:
            try:
                async with self.database.begin() as connection:
                    people = await lifecycle.start(connection, self.settings, draft, now=self.clock())
                log.info("campaign started", campaign=draft.slug, people=people)
            except NewsletterError as error:
                log.error("scheduled campaign not started", campaign=draft.slug, reason=str(error))


@asynccontextmanager
async def opened(settings: Settings, database: Database, clock: Clock = wall_clock) -> AsyncIterator[Engine]:
    """An engine that holds the lock, what a dead one left in flight taken over. Raises DatabaseBusy.

    Leaving the block closes the connections to the relay and lets go of the lock.
    """
    async with database.engine_lock():
        async with database.begin() as connection:
            orphans = await ledger.adopt_orphans(connection, clock())
            orphans += await transactional.adopt_orphans(connection, clock())
            await ledger.finish(connection, clock())
        if orphans:
            log.warning("taken over from an engine that died", pieces=orphans)
        engine = _assemble(settings, database, clock)
        try:
            yield engine
        finally:
            await engine.relay.close()


def stationery(settings: Settings) -> Stationery:
    """What every mail needs, from the settings. Raises DkimError for a key that is not there."""
    return Stationery(
        public_url=settings.public_url,
        links=links(settings),
        signer=Signer([keys.load(one) for one in settings.dkim]),
        bounce_address=settings.bounces.address,
        provider=settings.smtp.provider,
        templates=settings.templates,
    )


def relay(settings: Settings) -> Relay:
    """The relay of the settings; it hears our public host name in EHLO."""
    host = urlsplit(settings.public_url).hostname or "localhost"
    return Relay(settings.smtp, host)


def links(settings: Settings) -> Links:
    """The signer of every link, from the settings."""
    return Links([key.get_secret_value() for key in settings.secrets.signing_keys])


def _assemble(settings: Settings, database: Database, clock: Clock) -> Engine:
    signer = links(settings)

    async def on_refused(connection: AsyncConnection, refusals: Sequence[Refusal], now: datetime) -> None:
        await feedback.store_refusals(connection, signer, refusals, now)

    to = relay(settings)
    paper = stationery(settings)
    return Engine(
        settings=settings,
        database=database,
        clock=clock,
        links=signer,
        relay=to,
        dispatcher=Dispatcher(settings, database, to, paper, clock=clock, on_refused=on_refused),
        messenger=Messenger(settings, database, to, paper, clock=clock, on_refused=on_refused),
        housekeeper=Housekeeper(database, settings.joining, clock),
        stop=asyncio.Event(),
    )
