"""The sender of transactional mails: few, urgent, each one composed for its person."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from newsletter.constellation import store
from newsletter.constellation.store import StoredEvent
from newsletter.content.compiler import Renderings
from newsletter.content.errors import ContentError, Unfit
from newsletter.content.facts import Facts
from newsletter.database import Database
from newsletter.delivery import (
    allowance,
    backoff,
    composer,
    newcomers,
    patience,
    refusing_relays,
    signed,
    slowing,
    transactional,
    unmade,
)
from newsletter.delivery.composer import Stationery
from newsletter.delivery.ledger import State
from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Accepted, Deferred, Outcome, Refused, Stage, Uncertain
from newsletter.delivery.refusal import OnRefused, Refusal
from newsletter.delivery.relays import AllBusy, Member, Relays
from newsletter.delivery.session import Session
from newsletter.delivery.transactional import Settlement, Waiting
from newsletter.delivery.turned_away import Doubt, Offered
from newsletter.settings import Settings
from subscribers.links import DeliveryRef

log = structlog.get_logger(__name__)

_WINDOW = 50


class Messenger:
    """Delivers the transactional mails that are due, over the relays."""

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
        self._settings = settings
        self._policy = settings.delivery
        self._database = database
        self._relays = relays
        self._stationery = stationery
        self._clock = clock
        self._on_refused = on_refused
        self._waits_for = ""
        self._renderings = Renderings(stationery.templates)

    async def deliver(self, stop: asyncio.Event) -> int:
        """Send the confirmations, links and goodbyes that are due; answer how many were settled.

        They count against what their relay may be given. Without a relay that can take one, they wait as they are.
        """
        done = 0
        while not stop.is_set():
            async with self._database.read() as connection:
                due_at = await transactional.next_due(connection)
                if due_at is None or due_at > self._clock():
                    break
                sender = (await store.current(connection)).sender.email
            try:
                async with (
                    self._relays.lend(sender, stop, urgent=True) as (member, session),
                    patience.limited(session, stop, self._policy.drain),
                ):
                    settled = await self._window(member, session, stop)
            except AllBusy as busy:
                self._relays.note(busy)
                if busy.until is not None and not busy.failing:
                    self._say_once(str(busy))
                break
            self._waits_for = ""
            if settled == 0:
                break
            done += settled or 0
        return done

    def _say_once(self, reason: str) -> None:
        """A relay is asked for again every moment; that it has had its share is worth one line."""
        if reason != self._waits_for:
            log.warning("mails to one person wait", reason=reason)
        self._waits_for = reason

    async def _window(self, member: Member, session: Session, stop: asyncio.Event) -> int | None:
        """Offer some of what is due; answer how many were settled, or None where this relay has had all it may have."""
        limits = member.relay.settings
        async with self._database.here() as connection:
            now = self._clock()
            slow = await slowing.current(connection, self._policy, now)
            most = member.welcome.portion(_WINDOW)
            allowed = await allowance.look(connection, member.name, limits, slow, most, now, urgent=True)
            if not allowed.left:
                member.rest(allowed.again_at, allowed.limit, urgent=True)
                return None
            waiting = await transactional.claim(connection, limit=allowed.left, now=now)
            await allowance.spend(connection, allowed, len(waiting), now)
            constellation = await store.current(connection)
            held = {stored.event.slug: stored for stored in await store.events(connection)}
            coming = await newcomers.upcoming(connection, waiting, constellation, now)
        joining = self._settings.joining
        days, rest = divmod(joining.confirm_within, timedelta(days=1))
        facts = Facts(
            constellation=constellation,
            public_url=self._settings.public_url,
            confirm_days=days,
            confirm_hours=joining.confirm_within // timedelta(hours=1) if rest else 0,
            reminds=joining.reminds,
        )
        about = {
            one.id: replace(facts, upcoming=coming.get(one.id, ()), reminds=joining.reminds and one.to_be_reminded)
            for one in waiting
        }
        outcomes = await self._offer(session, stop, waiting, about, held)
        doubt = self._relays.hear(member, _offered(waiting, outcomes))
        if session.lost and not outcomes:
            self._relays.fails(member, session.lost)
        else:
            self._relays.does_well(member)
        now = self._clock()
        settled = [self._settlement(one, outcomes.get(one.id), doubt, now) for one in waiting]
        refused = [
            Refusal(DeliveryRef("transactional", 0, one.id), one.address, outcome.reply)
            for one in waiting
            if one.id not in doubt.keys
            and isinstance(outcome := outcomes.get(one.id), Refused)
            and outcome.stage is Stage.RCPT
        ]
        held_up = [one.reply for one in outcomes.values() if isinstance(one, Deferred) and slowing.is_relays_own(one)]
        async with self._database.here() as connection:
            await transactional.settle(connection, settled, now)
            if unoffered := len(waiting) - len(outcomes):
                await allowance.give_back(connection, member.name, limits, slow, unoffered, now)
            if held_up:
                await allowance.heed(connection, member.name, limits, held_up, self._policy, now)
            if refused:
                await self._on_refused(connection, refused, now)
            await refusing_relays.heed(connection, member, doubt, now)
            await unmade.heed(connection, _slips(waiting, outcomes), now)
        return len(settled)

    async def _offer(
        self,
        session: Session,
        stop: asyncio.Event,
        waiting: Sequence[Waiting],
        about: Mapping[int, Facts],
        held: Mapping[str, StoredEvent],
    ) -> dict[int, Outcome]:
        items, outcomes = await asyncio.to_thread(self._composed, waiting, about, held)  # pages wait for no template
        outcomes.update(await signed.send(session, items, self._stationery.signer, self._clock(), stop.is_set))
        return outcomes

    def _composed(
        self, waiting: Sequence[Waiting], about: Mapping[int, Facts], held: Mapping[str, StoredEvent]
    ) -> tuple[list[Item], dict[int, Outcome]]:
        """Their mails, and why there is none for some."""
        self._renderings.refresh()
        now = self._clock()
        items: list[Item] = []
        outcomes: dict[int, Outcome] = {}
        for one in waiting:
            try:
                own = _about(one, about[one.id], held)
                items.append(composer.transactional_item(self._stationery, self._renderings, one, own, now))
            except Unfit as error:
                outcomes[one.id] = Refused(str(error), Stage.LOCAL)
            except ContentError as error:  # a slip in the template, until somebody puts it right
                log.error("mail not made", kind=one.kind, reason=str(error)[:500])
                outcomes[one.id] = Deferred(str(error), Stage.LOCAL)
        return items, outcomes

    def _settlement(self, one: Waiting, outcome: Outcome | None, doubt: Doubt, now: datetime) -> Settlement:
        match outcome:
            case Accepted(reply):
                return Settlement(one.id, one.attempts, State.SENT, reply)
            case Refused(reply) if one.id in doubt.keys and doubt.until is not None:
                return Settlement(one.id, one.attempts, State.DEFERRED, reply, doubt.until)
            case Refused(reply) if one.id not in doubt.keys:
                return Settlement(one.id, one.attempts, State.REFUSED, reply)
            case Refused(reply) | Deferred(reply) | Uncertain(reply):
                state, due_at = backoff.later(one.attempts, one.created_at, now, self._policy, reply)
                return Settlement(one.id, one.attempts, state, reply, due_at)
            case None:
                again = now + backoff.reconnect_after(one.attempts)
                return Settlement(one.id, one.attempts, State.DEFERRED, "not offered yet", again)


def _offered(waiting: Sequence[Waiting], outcomes: Mapping[int, Outcome]) -> list[Offered]:
    """What the relay answered, in the order in which it was offered, which is that in which they waited."""
    return [
        Offered(one.id, one.address.rpartition("@")[2], one.attempts, outcome)
        for one in waiting
        if (outcome := outcomes.get(one.id)) is not None
    ]


def _slips(waiting: Sequence[Waiting], outcomes: Mapping[int, Outcome]) -> dict[str, str]:
    """Why mails could not be made, by their kinds."""
    return {
        one.kind: outcome.reply
        for one in waiting
        if isinstance(outcome := outcomes.get(one.id), Deferred) and outcome.stage is Stage.LOCAL
    }


def _about(one: Waiting, facts: Facts, held: Mapping[str, StoredEvent]) -> Facts:
    """What the mail states, with its event where it is about one. Raises Unfit when that is there no more."""
    if one.topic is None:
        return facts
    stored = held.get(one.topic)
    if stored is None:
        raise Unfit(f"{one.topic} has left the constellation")
    return replace(facts, event=stored.event, event_id=stored.id, sequence=stored.sequence)
