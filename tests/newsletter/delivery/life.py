"""A campaign's life in the ledger: owners that crash, freeze and wake, staff who pause and mend, people who leave."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from sqlalchemy import bindparam, insert, select

from newsletter import database as databases
from newsletter.campaigns import lifecycle, store
from newsletter.delivery import hearing, ledger, pauses
from newsletter.delivery.cap import Cap
from newsletter.delivery.gate import Gate
from newsletter.delivery.ledger import Due, Hold, Settlement, State
from newsletter.delivery.operators import Operators
from newsletter.delivery.pauses import Cause, Pause
from newsletter.setting_tables import Pace
from newsletter.tables import bucket, campaign, delivery, domain_pause, shard, turn
from subscribers import preferences
from subscribers.audience import About
from subscribers.tables import choice, subscriber
from tests.conftest import make_settings

Arrow = tuple[str, str]
"""From one state of a delivery to another."""

PEOPLE, SHARD, WINDOW = 5, 3, 2
FINAL = {State.SENT, State.REFUSED, State.EXPIRED, State.SUPPRESSED, State.UNCERTAIN, State.CANCELLED}
BEGAN = datetime(2021, 1, 15, 12, tzinfo=UTC)
MENDED = {State.EXPIRED, State.DEFERRED, State.REFUSED}
STANDING = (
    select(delivery.c.subscriber_id, delivery.c.state, delivery.c.at, delivery.c.due_at, campaign.c.status)
    .join(campaign, campaign.c.id == delivery.c.campaign_id)
    .where(campaign.c.id == bindparam("its"))
)
WORKERS = st.integers(0, 2)
MEANWHILE = st.sampled_from(
    ["wait", "wait", "wait", "a day passes", "leave", "leave alone", "pause", "take over", "give up", "hear"]
)
OTHERS = st.integers(1, 2)
LIMITS = st.sampled_from(["", "", "", "gate", "cap", "last day"])
HOW = st.lists(
    st.sampled_from(["sent", "sent", "lost", "deferred", "deferred", "refused", "expired", "unoffered"]),
    min_size=WINDOW,
    max_size=WINDOW,
)


@dataclass
class Worker:
    """An owner: what it holds, whom it has claimed, and what it knows of them and has not yet written."""

    hold: Hold | None = None
    window: tuple[Due, ...] = ()
    outcomes: dict[int, State] = field(default_factory=dict)
    after: int = 0

    @property
    def is_idle(self) -> bool:
        """Whether it may take a shard."""
        return self.hold is None

    @property
    def is_ready(self) -> bool:
        """Whether it may claim a window."""
        return self.hold is not None and not self.window

    @property
    def is_sending(self) -> bool:
        """Whether it has a window in flight."""
        return bool(self.window)


def some(what: property) -> Any:
    """A rule for when there is such an owner."""
    return precondition(lambda life: any(what.fget(one) for one in getattr(life, "workers", ())))


class Life(RuleBasedStateMachine):
    """One campaign to five people, in shards of three, worked on by three owners."""

    database: databases.Database
    run: Callable[..., Any]
    taken: set[Arrow]
    """Every change of a delivery that was committed, in all lives together."""

    @initialize(policy=st.sampled_from(["resend", "hold"]))
    def begin(self, policy: str) -> None:
        self.policy = policy
        self.now = BEGAN
        paced = make_settings("sqlite:///none", pace=[Pace(to="x.org", per_second=0.2)])
        self.gate = Gate(paced, "invitation", "UTC", Operators(paced, lambda: self.now))
        self.workers = [Worker() for _ in range(3)]
        self.arrived: Counter[int] = Counter()
        self.doubted: Counter[int] = Counter()
        self.handed_out: Counter[int] = Counter()
        self.came_back: Counter[int] = Counter()
        self.owners: dict[int, Worker] = {}
        self.left: set[int] = set()
        self.believed: set[int] = set()
        self.is_cancelled = False
        self.rows: dict[int, tuple[State, datetime | None, datetime | None]] = {}
        self.do(self.enrol)

    async def enrol(self, c: Any) -> None:
        for table in (delivery, shard, campaign, choice, subscriber, domain_pause, bucket, turn):
            await c.execute(table.delete())
        rows = [
            {
                "address": f"p{n}@x.org",
                "normal": f"p{n}@x.org",
                "hash": str(n),
                "status": "active",
                "joined_at": self.now,
            }
            for n in range(PEOPLE)
        ]
        await c.execute(insert(subscriber), [{**row, "confirmed_at": self.now} for row in rows])
        self.people = list(await c.scalars(select(subscriber.c.id).order_by(subscriber.c.id)))
        await c.execute(insert(choice), [{"subscriber_id": n, "topic": "*", "stance": "follow"} for n in self.people])
        values = {
            "slug": "x/y",
            "kind": "invitation",
            "status": "sending",
            "created_at": self.now,
            "started_at": self.now,
        }
        self.id = await c.scalar(insert(campaign).values(**values).returning(campaign.c.id))
        assert await ledger.enrol(c, self.id, select(subscriber.c.id), shard_size=SHARD, now=self.now) == PEOPLE
        other = await c.scalar(insert(campaign).values({**values, "slug": "x/z"}).returning(campaign.c.id))
        had = {"campaign_id": other, "subscriber_id": self.people[0], "state": "sent", "at": self.now}
        await c.execute(insert(delivery).values(had))

    def do(self, work: Callable[[Any], Any]) -> Any:
        """Something in a transaction of its own, a second later; None when the ledger fences it off."""
        self.now += timedelta(seconds=1)

        async def in_transaction() -> Any:
            async with self.database.begin() as connection:
                done = await work(connection)
                rows = (await connection.execute(STANDING, {"its": self.id})).all()
            self.status = rows[0].status
            for row in rows:
                if (came := self.rows.get(row.subscriber_id)) is not None and (row.at, row.due_at) != came[1:]:
                    self.taken.add((came[0], row.state))
                self.rows[row.subscriber_id] = (row.state, row.at, row.due_at)
            return done

        try:
            return self.run(in_transaction())
        except ledger.Fenced:
            return None

    @property
    def states(self) -> dict[int, State]:
        """Where each delivery stands."""
        return {number: State(state) for number, (state, *_) in self.rows.items()}

    def next(self, n: int, what: property) -> int | None:
        """The first such owner from `n` on."""
        several = [(n + step) % len(self.workers) for step in range(len(self.workers))]
        return next((m for m in several if what.fget(self.workers[m])), None)  # type: ignore[misc] # it has one

    # What owners do

    def take(self, n: int) -> None:
        m = self.next(n, Worker.is_idle)
        if m is not None:
            hold = self.do(lambda c: ledger.take(c, str(m), self.now, on_uncertain=self.policy))
            self.own(m, hold)

    def own(self, n: int, hold: Hold | None) -> None:
        """The new owner begins at the beginning of its shard."""
        self.workers[n] = Worker(hold, after=hold.first_id - 1 if hold else 0)
        if hold is not None:
            self.owners[hold.number] = self.workers[n]

    def is_owner(self, one: Worker) -> bool:
        return one.hold is not None and self.owners[one.hold.number] is one

    @rule(n=WORKERS, limit=st.integers(1, WINDOW), limits=LIMITS)
    def begin_window(self, n: int, limit: int, limits: str) -> None:
        if self.next(n, Worker.is_ready) is None:
            self.take(n)
        self.claim(n, limit, limits)

    def claim(self, n: int, limit: int, limits: str = "") -> None:
        m = self.next(n, Worker.is_ready)
        if m is None:
            return
        one = self.workers[m]
        useless_from = self.now + timedelta(days=2 if limits == "cap" else 0)
        kept = {
            "cap": Cap(1, "UTC", useless_from) if limits in ("cap", "last day") else None,
            "gate": self.gate if limits == "gate" else None,
        }
        about = About(None)
        window = self.do(
            lambda c: ledger.claim(c, one.hold, after_id=one.after, limit=limit, about=about, now=self.now, **kept)
        )
        assert (window is not None) == self.is_owner(one), "who was replaced claims nothing"
        if window is None:
            self.workers[m] = Worker()
            return
        one.window, one.after = window.due, window.last_id
        claimed = {due.subscriber_id for due in window.due}
        self.handed_out.update(claimed)
        assert not claimed & self.left, "who left is never mailed again"
        assert self.status == "sending" or not claimed, f"nothing is claimed while it is {self.status}"

    @some(Worker.is_sending)
    @rule(n=WORKERS, how=HOW)
    def work(self, n: int, how: list[str]) -> None:
        """A window, or the rest of it, as it should go, and the next one."""
        self.offer(n, how)
        self.settle(n)
        self.claim(n, WINDOW)

    @some(Worker.is_sending)
    @rule(n=WORKERS, how=HOW)
    def offer(self, n: int, how: list[str]) -> None:
        m = self.next(n, Worker.is_sending)
        if m is None:
            return
        one = self.workers[m]
        for due, outcome in zip(one.window, how, strict=False):
            number = due.subscriber_id
            if number in one.outcomes:
                continue
            self.arrived[number] += outcome in ("sent", "lost")
            if outcome == "lost":  # it arrived, and the relay's answer did not
                self.doubted[number] += self.policy == "resend"
                one.outcomes[number] = State.DEFERRED if self.policy == "resend" else State.UNCERTAIN
            else:
                one.outcomes[number] = State.QUEUED if outcome == "unoffered" else State(outcome)

    @some(Worker.is_sending)
    @rule(n=WORKERS)
    def settle(self, n: int) -> None:
        m = self.next(n, Worker.is_sending)
        if m is None:
            return
        one = self.workers[m]
        later = self.now + timedelta(minutes=5)
        settled = [
            Settlement(number, state, "", later if state is State.DEFERRED else None)
            for due in one.window
            for number, state in [(due.subscriber_id, one.outcomes.get(due.subscriber_id, State.QUEUED))]
        ]
        is_mine = self.do(lambda c: self.written(c, one.hold, settled))
        assert bool(is_mine) == self.is_owner(one), "who was replaced settles nothing"
        if is_mine:
            self.came_back.update(each.subscriber_id for each in settled if each.state not in FINAL)
        one.window, one.outcomes = (), {}
        if not is_mine:
            self.workers[m] = Worker()

    async def written(self, c: Any, hold: Hold, settled: list[Settlement]) -> bool:
        await ledger.settle(c, hold, settled, self.now)
        return True

    def give_up(self, n: int, is_all: bool) -> None:
        """What waits would come too late: everything, or what had been due at some hour."""
        m = self.next(n, Worker.is_ready)
        if m is not None:
            overdue, hold = None if is_all else self.now, self.workers[m].hold
            self.do(lambda c: ledger.expire(c, hold, overdue, "too late", self.now))

    @some(Worker.is_ready)
    @rule(n=WORKERS)
    def let_go(self, n: int) -> None:
        m = self.next(n, Worker.is_ready)
        if m is not None:
            hold = self.workers[m].hold
            self.do(lambda c: ledger.let_go(c, hold, self.now))
            self.do(lambda c: ledger.finish(c, self.now, self.id))
            self.workers[m] = Worker()

    @some(Worker.is_sending)
    @rule(n=WORKERS, step=OTHERS, what=st.sampled_from(["crash", "freeze", "freeze", "cancel"]))
    def befalls(self, n: int, step: int, what: str) -> None:
        """Something happens while a window is in flight."""
        match what:
            case "crash":
                self.crash(n)
            case "freeze":
                self.freeze(n, step)
            case "cancel" if self.status in ("sending", "paused") and self.now - BEGAN > timedelta(seconds=15):
                self.cancel()

    def crash(self, n: int) -> None:
        m = self.next(n, Worker.is_sending)
        if m is not None:
            self.workers[m] = Worker()

    def take_over(self, n: int, number: int) -> None:
        """Somebody believes the shard's owner dead; it may only be frozen, and go on with its window later."""
        m = self.next(n, Worker.is_idle)
        if m is not None:
            self.doubt(number)
            hold = self.do(lambda c: ledger.take_over(c, str(m), self.id, number, self.now, on_uncertain=self.policy))
            self.own(m, hold)

    def freeze(self, n: int, step: int) -> None:
        """An owner with a window in flight is believed dead and replaced at once; it wakes with its next step."""
        m = self.next(n, Worker.is_sending)
        if m is not None:
            other = (m + step) % len(self.workers)
            self.workers[other] = Worker()
            self.take_over(other, self.workers[m].hold.number)
            self.claim(other, WINDOW)

    def doubt(self, number: int) -> None:
        """What is in flight of a shard that is taken over may arrive once more."""

        async def in_flight(c: Any) -> list[int]:
            rows = await c.scalars(
                select(delivery.c.subscriber_id)
                .join(shard, (shard.c.campaign_id == delivery.c.campaign_id) & (shard.c.number == number))
                .where(
                    delivery.c.campaign_id == self.id,
                    delivery.c.subscriber_id.between(shard.c.first_id, shard.c.last_id),
                    delivery.c.state == "sending",
                )
            )
            return list(rows)

        doubtful = self.do(in_flight)
        self.came_back.update(doubtful)
        if self.policy == "resend":
            self.doubted.update(doubtful)

    # What people and time do

    @rule(n=st.integers(0, PEOPLE - 1), what=MEANWHILE)
    def meanwhile(self, n: int, what: str) -> None:
        """Something else happens."""
        match what:
            case "wait":
                self.now += timedelta(minutes=6)
            case "a day passes":
                self.now += timedelta(days=1)
            case "leave" if len(self.left) < 2 and self.waiting():
                self.leave(n)
            case "leave alone":
                self.leave_alone()
            case "pause" if self.status in ("sending", "paused"):
                self.pause_or_resume()
            case "take over":
                self.take_over(n % len(self.workers), n % (PEOPLE // SHARD + 1))
            case "give up":
                self.give_up(n, is_all=n == 0)
            case "hear":
                self.hear([number for number, times in self.arrived.items() if times])

    def leave(self, who: int) -> None:
        there = self.waiting()
        number = there[who % len(there)]
        self.do(lambda c: preferences.leave(c, number, source="page", now=self.now))
        self.left.add(number)

    def waiting(self) -> list[int]:
        """Who may still get it; who is to be tried again comes first."""
        waits = [(state is not State.DEFERRED, n) for n, state in self.states.items() if state in ledger.WAITING]
        return [n for _, n in sorted(waits)]

    def hear(self, numbers: Sequence[int] = ()) -> None:
        """Mails are reported to have arrived, of everybody whom none is named: then they have, whatever we know."""
        told = numbers or self.people
        self.believed.update(told)

        async def work(c: Any) -> None:
            await hearing.note(c, self.id, told, "delivered")
            await ledger.arrived(c, self.id, told, self.now)

        self.do(work)

    def leave_alone(self) -> None:
        """The domain of all of them is left alone for some minutes."""
        pause = Pause("x.org", Cause.BLOCK, self.now, self.now + timedelta(minutes=5), 9)
        self.do(lambda c: pauses.begin(c, pause))

    def pause_or_resume(self) -> None:
        async def work(c: Any) -> None:
            found = await store.find(c, "x/y")
            if found.status == "paused":
                await lifecycle.resume(c, found, self.now)
            else:
                await lifecycle.pause(c, found)

        self.do(work)

    def cancel(self) -> None:
        async def work(c: Any) -> None:
            await lifecycle.cancel(c, await store.find(c, "x/y"), self.now)

        self.do(work)
        self.is_cancelled = True

    @precondition(lambda self: self.status != "cancelled" and MENDED & set(self.states.values()))
    @rule(n=st.integers(0, len(MENDED) - 1))
    def mend(self, n: int) -> None:
        """Staff have what stands in one of these states sent again."""
        there = sorted(MENDED & set(self.states.values()))
        state = there[n % len(there)]
        self.came_back.update(self.those(state))
        self.do(lambda c: ledger.requeue(c, self.id, [state], self.now))

    @precondition(lambda self: self.status != "cancelled" and State.UNCERTAIN in self.states.values())
    @rule()
    def resend(self) -> None:
        """Staff have what is in doubt sent again."""
        self.came_back.update(self.those(State.UNCERTAIN))
        self.doubted.update(self.those(State.UNCERTAIN))
        self.do(lambda c: ledger.requeue(c, self.id, [State.UNCERTAIN], self.now))

    @precondition(lambda self: State.UNCERTAIN in self.states.values())
    @rule()
    def believe(self) -> None:
        """Staff know that what is in doubt has arrived."""
        self.believed.update(self.those(State.UNCERTAIN))
        self.do(lambda c: ledger.believe_sent(c, self.id, self.now))

    def those(self, state: State) -> list[int]:
        """Whose deliveries stand there."""
        return [number for number, its in self.states.items() if its is state]

    # What must hold

    @invariant()
    def nobody_gets_it_twice_without_a_doubt(self) -> None:
        for number, times in getattr(self, "arrived", {}).items():
            assert times <= 1 + self.doubted[number]

    @invariant()
    def nobody_is_handed_out_twice_without_having_come_back(self) -> None:
        for number, times in getattr(self, "handed_out", {}).items():
            assert times <= 1 + self.came_back[number]

    def teardown(self) -> None:
        """Whatever has happened: one owner that works well finishes it, and then everyone is accounted for."""
        if not hasattr(self, "people"):
            return
        if self.status == "paused":
            self.pause_or_resume()
        for number in range(PEOPLE // SHARD + 1):
            self.doubt(number)
        self.workers = [Worker() for _ in range(3)]
        self.do(lambda c: ledger.adopt_orphans(c, self.now))
        for _ in range(20):
            self.now += timedelta(days=1)
            self.take(0)
            if self.workers[0].hold is None:
                break
            for _ in range(SHARD):
                self.claim(0, WINDOW)
                self.offer(0, ["sent"] * WINDOW)
                self.settle(0)
            self.let_go(0)
        self.nobody_gets_it_twice_without_a_doubt()
        self.everyone_is_accounted_for()

    def everyone_is_accounted_for(self) -> None:
        status, states = self.status, self.states
        assert status == ("cancelled" if self.is_cancelled else "finished")
        assert set(states) == set(self.people)
        assert set(states.values()) <= FINAL, "nobody waits for ever"
        for number, state in states.items():
            is_known = self.arrived[number] or number in self.believed
            assert state is not State.SENT or is_known, "who counts as reached has been reached"
            assert state is not State.SUPPRESSED or number in self.left
            assert state is not State.CANCELLED or status == "cancelled"
            assert state is not State.UNCERTAIN or self.policy == "hold" or status == "cancelled"
