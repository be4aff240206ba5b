"""The relays that take our mail: which of them is asked next, and how each of them does.

The first that takes mail is asked: by priority, and among those of one priority in turn, by weight. One that fails, or
refuses whatever it is offered, is left alone, longer each time, and then tried by a single connection; mail goes
through the others meanwhile.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

from newsletter.delivery import backoff, patience
from newsletter.delivery.outages import Outages
from newsletter.delivery.outcome import Accepted
from newsletter.delivery.relay import Relay, RelayUnreachable, where
from newsletter.delivery.session import Session
from newsletter.delivery.turned_away import Doubt, Offered, Welcome

log = structlog.get_logger(__name__)

_LATELY = timedelta(seconds=5)

_TURNS = 3
"""So many times the rest of a relay that refuses all, and a mail that it refused tries it again: others do before."""


@dataclass(slots=True)
class Member:
    """A relay, and how it does."""

    name: str
    relay: Relay
    lent: dict[bool, int] = field(default_factory=lambda: {False: 0, True: 0})
    """How many connections are in use, for what is urgent and for what is not."""
    welcome: Welcome = field(default_factory=Welcome)
    failures: int = 0
    reason: str = ""
    rests_until: datetime | None = None
    given_until: dict[bool, datetime] = field(default_factory=dict)
    """Until when it has had all it may be given, of what is urgent and of what is not."""
    limit: str = ""
    """In words for staff, what it last had its fill of; campaigns only."""
    turn: float = 0.0

    def is_ready(self, now: datetime, *, urgent: bool = False) -> bool:
        """Whether another connection of it may be used: of one that failed, a single one tries it.

        What is urgent has one of its own, since campaigns have theirs in use for hours.
        """
        if self.busy_until(now, urgent=urgent) is not None:
            return False
        if self.failures:
            return not self.in_use
        return self.lent[urgent] < (1 if urgent else self.relay.settings.connections)

    def takes_mail(self, now: datetime) -> bool:
        """Whether it takes what campaigns send, if only one of its connections were free."""
        return not self.failures and self.busy_until(now, urgent=False) is None

    @property
    def in_use(self) -> int:
        """How many of its connections are in use."""
        return sum(self.lent.values())

    def busy_until(self, now: datetime, *, urgent: bool) -> datetime | None:
        """Until when nothing may be offered to it, if that is so."""
        ends = [end for end in (self.rests_until, self.given_until.get(urgent)) if end is not None and now < end]
        return max(ends, default=None)

    def failed(self, reason: str, now: datetime) -> None:
        """Leave it alone for a while."""
        self.failures += 1
        self.reason = reason
        rest = backoff.ask_again_after if self.welcome.refuses_us else backoff.reconnect_after
        self.rests_until = now + rest(self.failures)

    def is_well(self) -> None:
        """It answered."""
        self.failures, self.reason, self.rests_until = 0, "", None

    def rest(self, until: datetime, limit: str, *, urgent: bool = False) -> None:
        """It has been given what it may be given until then; `limit` says how much that is."""
        self.given_until[urgent] = until
        self.limit = self.limit if urgent else limit

    def at_limit(self, now: datetime) -> str:
        """What keeps campaigns from giving it more, or has done so in the last moments; empty where nothing does."""
        until = self.given_until.get(False)
        return self.limit if until is not None and now < until + _LATELY else ""


class AllBusy(RelayUnreachable):
    """No relay could be asked: all are left alone until `until` at least, or what others do is in the way (None).

    `failing` are their names where it is because each of them fails.
    """

    def __init__(self, text: str, until: datetime | None, failing: Sequence[str] = ()) -> None:
        super().__init__(text)
        self.until = until
        self.failing = failing


@dataclass(slots=True)
class Relays:
    """Every relay of the settings."""

    members: Sequence[Member]
    clock: Callable[[], datetime]
    outages: Outages = field(default_factory=Outages)

    @property
    def connections(self) -> int:
        """How many campaigns use at once: as many as those of one priority have, for each set that a sender has."""
        domains = {domain for one in self.members for domain in one.relay.settings.senders}
        sets = {tuple(one.name for one in self._for(f"@{domain}")) for domain in {"", *domains}}
        return sum(self._widest(names) for names in sets)

    def _widest(self, names: Sequence[str]) -> int:
        """The most connections that those of one priority have together, of the relays of these names."""
        together: Counter[int] = Counter()
        for one in self.members:
            if one.name in names:
                together[one.relay.settings.priority] += one.relay.settings.connections
        return max(together.values())

    @asynccontextmanager
    async def session(self, sender: str = "") -> AsyncIterator[Session]:
        """Lend a session for what is urgent and not counted: a few mails to staff. Raises RelayUnreachable.

        Of a relay that refuses our mail too, if there is no other: it may take what is for its own people.
        """
        async with self.lend(sender, urgent=True, is_for_staff=True) as (_, session):
            yield session

    @asynccontextmanager
    async def lend(
        self,
        sender: str = "",
        stop: asyncio.Event | None = None,
        *,
        urgent: bool = False,
        is_for_staff: bool = False,
    ) -> AsyncIterator[tuple[Member, Session]]:
        """Lend a session of a relay that mail from this address goes through, and say whose.

        Relays that take no connection are passed over. Raises RelayUnreachable. Once `stop` is set, nobody waits for a
        connection any more.
        """
        while True:
            member = self._next(sender, urgent=urgent, is_for_staff=is_for_staff)
            member.lent[urgent] += 1
            try:
                async with AsyncExitStack() as lent:
                    try:
                        opening = lent.enter_async_context(member.relay.session())
                        session = await (opening if stop is None else patience.unless_stopped(stop, opening))
                    except patience.Stopped:
                        raise AllBusy("the sender is being stopped", None) from None
                    except RelayUnreachable as error:
                        self.fails(member, str(error))
                        is_for_staff = False  # or it would be asked for ever
                        continue
                    yield member, session
                    return
            finally:
                member.lent[urgent] -= 1

    def fails(self, member: Member, reason: str) -> None:
        """A relay took no connection, or closed one before it took anything."""
        member.failed(reason, self.clock())
        if len(self.members) > 1 and member.failures == 1:  # of a single one, whoever asked is told
            log.warning("relay left alone", relay=member.name, reason=reason)

    def hear(self, member: Member, answers: Sequence[Offered]) -> Doubt:
        """Go by what a relay answered; whose refusal is not believed."""
        doubt = member.welcome.hear(answers)
        now = self.clock()
        if doubt.is_of_all and answers:
            if member.rests_until is None or member.rests_until <= now:  # else another connection has found it
                place = where(member.relay.settings)
                self.fails(member, f"{place} refuses all that it is offered: {member.welcome.reply}")
            goes_by_others = any(not one.failures for one in self.members)
            rest = timedelta(0) if goes_by_others else (member.rests_until or now) - now
            return replace(doubt, until=now + rest * _TURNS)
        if any(isinstance(one.outcome, Accepted) for one in answers):
            self.does_well(member)
        return doubt

    def does_well(self, member: Member) -> None:
        """A relay answered what it was offered, unless it refuses all of that."""
        if member.failures and not member.welcome.refuses_us:
            member.is_well()
            if not self.outages.end(member.name, self.clock()):
                log.info("relay well again", relay=member.name)

    def note(self, busy: AllBusy) -> None:
        """Keep in mind that no relay takes mail, if that is what an engine was told that asked for one."""
        if busy.failing:
            self.outages.note(busy.failing, str(busy), self.clock(), busy.until)

    def refuse_us(self, sender: str) -> bool:
        """Whether each relay that mail from this address goes through refuses all of ours."""
        return all(one.welcome.refuses_us for one in self._for(sender))

    def serving(self, sender: str) -> set[str]:
        """The names of those that mail from this address goes through."""
        return {one.name for one in self._for(sender)}

    async def close(self) -> None:
        """End every idle session."""
        for member in self.members:
            await member.relay.close()

    def _next(self, sender: str, *, urgent: bool, is_for_staff: bool) -> Member:
        now = self.clock()
        could = self._for(sender)
        ready = [one for one in could if one.is_ready(now, urgent=urgent)]
        if is_for_staff and not ready:
            ready = [one for one in could if one.welcome.refuses_us and not one.in_use]
        # A campaign waits for the first rather than go through a reserve. What is urgent does not.
        asked = ready if urgent else [*ready, *(one for one in could if one.takes_mail(now))]
        first = min((one.relay.settings.priority for one in asked), default=0)
        chosen = [one for one in ready if one.relay.settings.priority == first]
        if not chosen:
            raise _refusal(could, now, urgent=urgent)
        return _in_turn(chosen)

    def _for(self, sender: str) -> Sequence[Member]:
        """Those that are named for the sender's domain; else those that are for every sender."""
        domain = sender.rpartition("@")[2].lower()
        named = [one for one in self.members if domain in one.relay.settings.senders]
        return named or [one for one in self.members if not one.relay.settings.senders] or self.members


def _refusal(could: Sequence[Member], now: datetime, *, urgent: bool) -> AllBusy:
    ends = [end for one in could if (end := one.busy_until(now, urgent=urgent)) is not None]
    if len(ends) < len(could):
        return AllBusy("every connection is in use", None)
    reasons = [one.reason or f"{one.name} has been given all it may be given for now" for one in could]
    failing = [one.name for one in could] if all(one.reason for one in could) else []
    return AllBusy("; ".join(reasons), min(ends), failing)


def _in_turn(members: Sequence[Member]) -> Member:
    """Each as often as its weight says, well mixed: all gain their weight, and the richest pays for all."""
    for one in members:
        one.turn += one.relay.settings.weight
    chosen = max(members, key=lambda one: one.turn)
    chosen.turn -= sum(one.relay.settings.weight for one in members)
    return chosen
