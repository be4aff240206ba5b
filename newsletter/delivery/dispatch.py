"""The sender: workers that take shards, offer their people to the relay window by window, and settle each answer."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from itertools import count
from typing import TypeVar

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.content.errors import ContentError, Unfit
from newsletter.content.skeleton import Skeleton
from newsletter.database import AWAY, Database
from newsletter.delivery import allowance, answers, ledger, patience, refusing_relays, signed, slowing, unmade
from newsletter.delivery.answers import Answers
from newsletter.delivery.at_work import AtWork, Campaigns
from newsletter.delivery.brake import Brake
from newsletter.delivery.composer import Mailing, Stationery
from newsletter.delivery.contact import Contact
from newsletter.delivery.crew import Crew
from newsletter.delivery.ledger import Hold, Window
from newsletter.delivery.offer import Item
from newsletter.delivery.operators import Operators
from newsletter.delivery.outcome import Deferred, Refused, Stage
from newsletter.delivery.refusal import OnRefused
from newsletter.delivery.relays import AllBusy, Member, Relays
from newsletter.delivery.session import Session
from newsletter.delivery.tally import Tally
from newsletter.settings import Settings

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

_SILENCE = timedelta(seconds=1)
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two questions to a database that is away."""


class Dispatcher:
    """Delivers what the ledger says is due, over the relays."""

    def __init__(
        self,
        settings: Settings,
        database: Database,
        relays: Relays,
        stationery: Stationery,
        *,
        clock: Callable[[], datetime],
        on_refused: OnRefused,
    ) -> None:
        self.tally = Tally()
        self.brake = Brake()
        self.contact = Contact()
        self.operators = Operators(settings, clock)
        self.relays = relays
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self._policy = settings.delivery
        self._database = database
        self._stationery = stationery
        self._clock = clock
        self._on_refused = on_refused
        self._campaigns = Campaigns(settings, database, stationery, self.operators)

    async def deliver(self, stop: asyncio.Event, *, campaign_id: int | None = None) -> None:
        """Work until nothing is due while nobody works, or `stop` is set: then what is in flight is settled first."""
        crew = Crew(at_work=self.relays.connections)
        workers = [self._worker(stop, campaign_id, crew) for _ in range(self.relays.connections)]
        ends = await asyncio.gather(*workers, return_exceptions=True)  # a fault of one leaves the others at their work
        self._campaigns.clear()
        for fault in filter(None, ends):
            raise fault

    async def deliver_shard(self, campaign_id: int, number: int, stop: asyncio.Event) -> None:
        """Work through what is due of this shard, whoever owned it before; until `stop` is set, as in `deliver`."""
        async with self._database.begin() as connection:
            hold = await ledger.take_over(
                connection, self.owner, campaign_id, number, self._clock(), on_uncertain=self._policy.on_uncertain
            )
        if hold is not None:
            await self._work_unless_fenced(hold, stop)

    async def _worker(self, stop: asyncio.Event, campaign_id: int | None, crew: Crew) -> None:
        in_doubt = self._policy.on_uncertain

        async def take(connection: AsyncConnection) -> Hold | None:
            return await ledger.take(
                connection, self.owner, self._clock(), on_uncertain=in_doubt, campaign_id=campaign_id
            )

        with crew.member():
            while not stop.is_set():
                hold = await self._lasting(stop, take)
                is_idle = hold is None or not await self._work_unless_fenced(hold, stop)
                if is_idle and await crew.is_done():
                    return

    async def _work_unless_fenced(self, hold: Hold, stop: asyncio.Event) -> bool:
        try:
            with self.brake.working(hold.campaign_id):
                return await self._work(hold, stop)
        except ledger.Fenced as error:
            log.warning("shard lost", reason=str(error))
            return True

    async def _work(self, hold: Hold, stop: asyncio.Event) -> bool:
        """Work through a shard; False if others have every connection, so that it is theirs to go on."""
        not_before, is_crowded = None, False
        try:
            campaign = await self._campaigns.get(hold.campaign_id)
            async with (
                self.relays.lend(campaign.sender, stop) as (member, session),
                patience.limited(session, stop, self._policy.drain),
            ):
                answered = await self._send_shard(campaign, member, session, hold, stop)
                if session.lost:
                    log.warning("connection lost", relay=member.name, reason=session.lost, campaign=hold.campaign_id)
                if session.lost and not answered:
                    self.relays.fails(member, session.lost)
                else:
                    self.relays.does_well(member)
        except AllBusy as busy:
            not_before, is_crowded = busy.until, busy.until is None
            self.relays.note(busy)
        if self.brake.is_silent:  # the database does not answer: no use in asking it again at once
            not_before = self._clock() + _SILENCE
        await self._lasting(stop, lambda c: ledger.let_go(c, hold, self._clock(), not_before=not_before))
        if await self._lasting(stop, lambda c: ledger.finish(c, self._clock(), hold.campaign_id)):
            log.info("campaign finished", campaign=hold.campaign_id)
        return not is_crowded

    async def _send_shard(
        self, campaign: AtWork, member: Member, session: Session, hold: Hold, stop: asyncio.Event
    ) -> bool:
        """Send the shard window by window; whether the relay answered anything."""
        answered = False

        def halts() -> bool:
            return stop.is_set() or self.brake.holds(hold.campaign_id)

        async def begin(connection: AsyncConnection) -> Window:
            await ledger.fence(connection, hold)
            await campaign.give_up(connection, hold, self._clock())
            return await self._claim(connection, campaign, member, hold, after_id=hold.first_id - 1)

        def is_last() -> bool:
            return window.exhausted or bool(session.lost) or member.welcome.refuses_us or halts()

        window = await self._lasting(stop, begin)
        while True:
            failures: list[tuple[int, Deferred | Refused]] = []
            variants = await campaign.prepare(window.due, self._clock())
            items, signer = _items(campaign.mailing, window, variants, failures), self._stationery.signer
            outcomes = dict(await signed.send(session, items, signer, self._clock(), halts))
            answered = answered or not window.due or not all(map(answers.is_closing, outcomes.values()))
            outcomes.update(failures)
            if slips := [one.reply for _, one in failures if isinstance(one, Deferred)]:
                log.error("mails not made", campaign=hold.campaign_id, mails=len(slips), reason=slips[0][:500])
                of_kind = {campaign.mailing.kind: slips[0]}
                await self._lasting(stop, partial(unmade.heed, reasons=of_kind, now=self._clock()))
            doubt = self.relays.hear(member, answers.offered(window.due, outcomes))
            done = answers.read(campaign, window.due, outcomes, doubt, self._clock())
            following = await self._lasting(stop, self._settling(campaign, member, hold, window, done, is_last))
            self.tally.add(hold.campaign_id, window.due, done.settled)
            if following is None:
                return answered
            window = following

    def _settling(
        self,
        campaign: AtWork,
        member: Member,
        hold: Hold,
        window: Window,
        done: Answers,
        is_last: Callable[[], bool],
    ) -> Callable[[AsyncConnection], Awaitable[Window | None]]:
        """Write what became of a window, and claim the next if there is to be one."""

        async def write(connection: AsyncConnection) -> Window | None:
            now = self._clock()
            await ledger.settle(connection, hold, done.settled, now)
            if done.unoffered:
                slow = await slowing.current(connection, self._policy, now)
                limits, mails = member.relay.settings, len(done.unoffered)
                await allowance.give_back(connection, member.name, limits, slow, mails, now)
                families = [to for number in done.unoffered if (to := window.counted.get(number))]
                await campaign.gate.give_back(connection, families, slow, now)
            if done.put_off:
                await campaign.gate.heed(connection, done.put_off, now)
            if done.held_up:
                await allowance.heed(connection, member.name, member.relay.settings, done.held_up, self._policy, now)
            if done.refused:
                await self._on_refused(connection, done.refused, now)
            await refusing_relays.heed(connection, member, done.doubt, now)
            if is_last():
                return None
            return await self._claim(connection, campaign, member, hold, after_id=window.last_id)

        return write

    async def _claim(
        self,
        connection: AsyncConnection,
        campaign: AtWork,
        member: Member,
        hold: Hold,
        *,
        after_id: int,
    ) -> Window:
        """Claim as many of the next as a window holds, and as the relay may be given; the shard is locked already."""
        now = self._clock()
        limits = member.relay.settings
        slow = await slowing.current(connection, self._policy, now)
        allowed = await allowance.look(
            connection, member.name, limits, slow, member.welcome.portion(self._policy.window), now
        )
        if not allowed.left:
            member.rest(allowed.again_at, allowed.limit)
            return Window((), after_id, exhausted=True)
        window = await ledger.claim(
            connection,
            hold,
            after_id=after_id,
            limit=allowed.left,
            about=campaign.about,
            now=now,
            cap=campaign.cap,
            gate=campaign.gate,
            slow=slow,
            fenced=True,
        )
        await allowance.spend(connection, allowed, len(window.due), now)
        return window

    async def _lasting(self, stop: asyncio.Event, write: Callable[[AsyncConnection], Awaitable[Result]]) -> Result:
        """Write in a transaction, again and again while the database is away, so that what was sent does get settled.

        Raises what the database said when `stop` is set and that takes too long.
        """
        began = time.monotonic()
        for failures in count():
            try:
                async with self._database.here() as connection:
                    written = await write(connection)
                self.contact.regain()
                return written
            except AWAY as error:
                if stop.is_set() and time.monotonic() - began > self._policy.drain.total_seconds():
                    raise
                self.contact.lose(error)
            await asyncio.sleep(min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2**failures))
        raise AssertionError("counting has no end")


def _items(
    mailing: Mailing,
    window: Window,
    variants: Sequence[Skeleton | None],
    failures: list[tuple[int, Deferred | Refused]],
) -> Iterator[Item]:
    """Make each message when its turn comes, so that a window holds one at a time."""
    for due, skeleton in zip(window.due, variants, strict=True):
        try:
            yield mailing.item(due, skeleton)
        except Unfit as error:
            failures.append((due.subscriber_id, Refused(str(error), Stage.LOCAL)))
        except ContentError as error:  # a slip in the template, until somebody puts it right
            failures.append((due.subscriber_id, Deferred(str(error), Stage.LOCAL)))
