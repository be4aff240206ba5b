"""The sender: workers that take shards, offer their people to the relay window by window, and settle each answer."""

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import count
from typing import TypeVar

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning, schedule
from newsletter.content.errors import ContentError
from newsletter.content.facts import Facts
from newsletter.database import AWAY, Database
from newsletter.delivery import allowance, backoff, ledger, patience, purpose, signed, slowing
from newsletter.delivery.brake import Brake
from newsletter.delivery.cap import Cap
from newsletter.delivery.composer import Mailing, Stationery
from newsletter.delivery.gate import Gate
from newsletter.delivery.ledger import Due, Hold, Settlement, State, Window
from newsletter.delivery.offer import Item
from newsletter.delivery.operators import Operators
from newsletter.delivery.outcome import Accepted, Deferred, Outcome, Refused, Stage, Uncertain
from newsletter.delivery.refusal import OnRefused, Refusal
from newsletter.delivery.relays import AllBusy, Member, Relays
from newsletter.delivery.session import Session
from newsletter.delivery.tally import Tally
from newsletter.settings import Delivery, Settings
from newsletter.tables import campaign as campaigns
from newsletter.tables import event
from subscribers.audience import About
from subscribers.links import DeliveryRef

log = structlog.get_logger(__name__)

Result = TypeVar("Result")

_OF_USE = timedelta(weeks=1)
"""How long a mail that looks back may wait for a day with fewer others."""

_KEPT_CAMPAIGNS = 8
_SILENCE = timedelta(seconds=1)
_SHORTEST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two questions to a database that is away."""


@dataclass(frozen=True, slots=True)
class _Campaign:
    """A campaign that is being worked on. From `over_at` on, nobody gets it who has not got it."""

    mailing: Mailing
    about: About
    by_hours: bool
    over_at: datetime | None
    cap: Cap | None
    gate: Gate
    sender: str
    compiling: asyncio.Lock

    async def prepare(self, people: Sequence[Due]) -> None:
        """Compile what variants of the mail they need, while everything else goes on."""
        if self.mailing.unmade(people):
            async with self.compiling:
                await asyncio.to_thread(self.mailing.make, self.mailing.unmade(people))

    async def give_up(self, connection: AsyncConnection, hold: Hold, now: datetime) -> None:
        """Expire what waits in a shard and would come too late."""
        if self.over_at is not None and now >= self.over_at:
            await ledger.expire(connection, hold, None, "what it is about had begun, or was over", now)
        elif self.by_hours:
            await ledger.expire(connection, hold, now - schedule.GRACE, "its hour had passed", now)

    def later(self, due: Due, now: datetime, policy: Delivery, reply: str) -> tuple[State, datetime | None]:
        """When to offer a mail again after this reply, or that it is given up."""
        state, due_at = backoff.later(due.attempts + 1, self.mailing.dated(due), now, policy, reply)
        too_late = due_at is not None and self.over_at is not None and due_at >= self.over_at
        return (State.EXPIRED, None) if too_late else (state, due_at)


@dataclass(frozen=True, slots=True)
class _Done:
    """What became of a window: for the ledger, for feedback, what each domain said to put us off, and the relay."""

    settled: Sequence[Settlement]
    refused: Sequence[Refusal]
    put_off: Mapping[str, Sequence[str]]
    held_up: Sequence[str]


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
        self.operators = Operators(settings, clock)
        self.relays = relays
        self.owner = f"{socket.gethostname()}:{os.getpid()}"
        self._settings = settings
        self._policy = settings.delivery
        self._database = database
        self._stationery = stationery
        self._clock = clock
        self._on_refused = on_refused
        self._campaigns: dict[int, _Campaign] = {}

    async def deliver(self, stop: asyncio.Event, *, campaign_id: int | None = None) -> None:
        """Work until nothing is due at this moment, or `stop` is set: then what is in flight is settled first."""
        workers = [self._worker(stop, campaign_id) for _ in range(self.relays.connections)]
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

    async def _worker(self, stop: asyncio.Event, campaign_id: int | None) -> None:
        while not stop.is_set():
            async with self._database.begin() as connection:
                hold = await ledger.take(
                    connection,
                    self.owner,
                    self._clock(),
                    on_uncertain=self._policy.on_uncertain,
                    campaign_id=campaign_id,
                )
            if hold is None or not await self._work_unless_fenced(hold, stop):
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
            campaign = await self._campaign(hold.campaign_id)
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
            if not is_crowded:
                log.warning("no relay takes mail", reason=str(busy))
        if self.brake.is_silent:  # the database does not answer: no use in asking it again at once
            not_before = self._clock() + _SILENCE
        await self._lasting(stop, lambda c: ledger.let_go(c, hold, self._clock(), not_before=not_before))
        if await self._lasting(stop, lambda c: ledger.finish(c, self._clock(), hold.campaign_id)):
            log.info("campaign finished", campaign=hold.campaign_id)
        return not is_crowded

    async def _send_shard(
        self, campaign: _Campaign, member: Member, session: Session, hold: Hold, stop: asyncio.Event
    ) -> bool:
        """Send the shard window by window; whether the relay answered anything."""
        answered = False

        def halts() -> bool:
            return stop.is_set() or self.brake.holds(hold.campaign_id)

        async def begin(connection: AsyncConnection) -> Window:
            await campaign.give_up(connection, hold, self._clock())
            return await self._claim(connection, campaign, member, hold, after_id=hold.first_id - 1)

        def is_last() -> bool:
            return window.exhausted or bool(session.lost) or halts()

        window = await self._lasting(stop, begin)
        while True:
            failures: list[tuple[int, Outcome]] = []
            await campaign.prepare(window.due)
            items, signer = _items(campaign.mailing, window, failures), self._stationery.signer
            outcomes = dict(await signed.send(session, items, signer, self._clock(), halts))
            answered = answered or not window.due or not all(map(_is_closing, outcomes.values()))
            outcomes.update(failures)
            now = self._clock()
            done = _Done(
                settled=[self._settlement(campaign, due, outcomes.get(due.subscriber_id), now) for due in window.due],
                refused=_refusals(hold.campaign_id, window.due, outcomes),
                put_off=_put_off(window.due, outcomes),
                held_up=[
                    one.reply for one in outcomes.values() if isinstance(one, Deferred) and slowing.is_relays_own(one)
                ],
            )
            following = await self._lasting(stop, self._settling(campaign, member, hold, window, done, is_last))
            self.tally.add(hold.campaign_id, window.due, done.settled)
            if following is None:
                return answered
            window = following

    def _settling(
        self,
        campaign: _Campaign,
        member: Member,
        hold: Hold,
        window: Window,
        done: _Done,
        is_last: Callable[[], bool],
    ) -> Callable[[AsyncConnection], Awaitable[Window | None]]:
        """Write what became of a window, and claim the next if there is to be one."""

        async def write(connection: AsyncConnection) -> Window | None:
            now = self._clock()
            await ledger.settle(connection, hold, done.settled, now)
            if done.put_off:
                await campaign.gate.heed(connection, done.put_off, now)
            if done.held_up:
                await allowance.heed(connection, member.name, member.relay.settings, done.held_up, self._policy, now)
            if done.refused:
                await self._on_refused(connection, done.refused, now)
            if is_last():
                return None
            return await self._claim(connection, campaign, member, hold, after_id=window.last_id, fenced=True)

        return write

    async def _claim(
        self,
        connection: AsyncConnection,
        campaign: _Campaign,
        member: Member,
        hold: Hold,
        *,
        after_id: int,
        fenced: bool = False,
    ) -> Window:
        """Claim as many of the next as a window holds, and as the relay may be given."""
        now = self._clock()
        limits = member.relay.settings
        slow = await slowing.current(connection, self._policy, now)
        allowed = await allowance.look(connection, member.name, limits, slow, self._policy.window, now)
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
            fenced=fenced,
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
                async with self._database.begin() as connection:
                    return await write(connection)
            except AWAY as error:
                if stop.is_set() and time.monotonic() - began > self._policy.drain.total_seconds():
                    raise
                log.warning("database away, asked again", reason=" ".join(str(error).split())[:200])
            await asyncio.sleep(min(_LONGEST_PAUSE, _SHORTEST_PAUSE * 2**failures))
        raise AssertionError("counting has no end")

    async def _campaign(self, campaign_id: int) -> _Campaign:
        if campaign_id not in self._campaigns:
            async with self._database.read() as connection:
                row = (
                    await connection.execute(
                        select(
                            campaigns.c.slug,
                            campaigns.c.kind,
                            campaigns.c.document,
                            campaigns.c.started_at,
                            event.c.slug,
                            event.c.kind,
                        )
                        .outerjoin(event, event.c.id == campaigns.c.event_id)
                        .where(campaigns.c.id == campaign_id)
                    )
                ).one()
            slug, kind, document, started_at, topic, event_kind = row
            assert started_at is not None  # noqa: S101 - the table's CHECK: what is sending has started
            facts, by_hours = Facts.from_document(document["facts"]), bool(document.get("by_hours"))
            mailing = Mailing(self._stationery, campaign_id, slug, kind, facts, started_at, by_hours=by_hours)
            over_at = planning.over_at(facts.event, kind)
            if over_at is not None and started_at >= over_at:
                over_at = None  # staff have started it knowing that
            asks = facts.event is not None and facts.event.rsvp
            about = purpose.about(slug, topic, event_kind or "", kind, document, asks=asks)
            cap = self._cap(about, facts.constellation.timezone, over_at or started_at + _OF_USE)
            while len(self._campaigns) >= _KEPT_CAMPAIGNS:
                del self._campaigns[next(iter(self._campaigns))]
            gate = Gate(self._settings, kind, facts.constellation.timezone, self.operators)
            sender = facts.constellation.sender.email
            self._campaigns[campaign_id] = _Campaign(
                mailing, about, by_hours, over_at, cap, gate, sender, asyncio.Lock()
            )
        return self._campaigns[campaign_id]

    def _cap(self, about: About, timezone: str, useless_from: datetime) -> Cap | None:
        """What keeps a campaign's mails back; nothing keeps the essentials."""
        if about.is_essential or not self._policy.most_a_day:
            return None
        return Cap(self._policy.most_a_day, timezone, useless_from)

    def _settlement(self, campaign: _Campaign, due: Due, outcome: Outcome | None, now: datetime) -> Settlement:
        number = due.subscriber_id
        match outcome:
            case Accepted(reply):
                return Settlement(number, State.SENT, reply)
            case Refused(reply):
                return Settlement(number, State.REFUSED, reply)
            case Deferred(reply, stage):
                state, due_at = campaign.later(due, now, self._policy, reply)
                if state is State.DEFERRED and stage is Stage.MAIL and _is_closing(outcome):
                    return Settlement(number, State.QUEUED, reply)  # the relay's affair alone: another may take it now
                return Settlement(number, state, reply, due_at)
            case Uncertain(reason) if self._policy.on_uncertain == "hold":
                return Settlement(number, State.UNCERTAIN, reason)
            case Uncertain(reason):
                state, due_at = campaign.later(due, now, self._policy, "")
                return Settlement(number, state, reason, due_at)
            case None:
                return Settlement(number, State.QUEUED)


def _items(mailing: Mailing, window: Window, failures: list[tuple[int, Outcome]]) -> Iterator[Item]:
    """Make each message when its turn comes, so that a window holds one at a time."""
    for due in window.due:
        try:
            yield mailing.item(due)
        except ContentError as error:
            failures.append((due.subscriber_id, Refused(str(error), Stage.LOCAL)))


def _refusals(campaign_id: int, people: Sequence[Due], outcomes: dict[int, Outcome]) -> list[Refusal]:
    """The refusals that say something about the person: those of a recipient or of the message, not of ourselves."""
    told = (Stage.RCPT, Stage.BODY)
    return [
        Refusal(DeliveryRef("campaign", campaign_id, due.subscriber_id), due.address, outcome.reply)
        for due in people
        if isinstance(outcome := outcomes.get(due.subscriber_id), Refused) and outcome.stage in told
    ]


def _is_closing(outcome: Outcome) -> bool:
    """Whether a relay has not dealt with a mail, but only said that it is closing (RFC 5321 section 3.8)."""
    return isinstance(outcome, Deferred) and outcome.reply.startswith("421")


def _put_off(people: Sequence[Due], outcomes: Mapping[int, Outcome]) -> dict[str, list[str]]:
    """The 4xx replies to a recipient or a message, by the recipient's domain."""
    said: dict[str, list[str]] = {}
    for due in people:
        outcome = outcomes.get(due.subscriber_id)
        if not isinstance(outcome, Deferred) or slowing.is_relays_own(outcome):
            continue
        if outcome.stage in (Stage.RCPT, Stage.BODY):
            said.setdefault(due.address.rpartition("@")[2].lower(), []).append(outcome.reply)
    return said
