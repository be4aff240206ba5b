"""Owners that crash, freeze and wake, in any order: nobody is lost, and nobody gets it twice without a doubt."""

import asyncio
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import insert, select, update

from newsletter import database as databases
from newsletter.delivery import ledger
from newsletter.delivery.ledger import Due, Hold, Settlement, State
from newsletter.tables import campaign, delivery, shard
from subscribers import preferences
from subscribers.audience import About
from subscribers.tables import choice, subscriber

PEOPLE, SHARD, WINDOW = 5, 3, 2
FINAL = {State.SENT, State.REFUSED, State.EXPIRED, State.SUPPRESSED, State.UNCERTAIN, State.CANCELLED}
WORKERS = st.integers(0, 2)
OTHERS = st.integers(1, 2)
HOW = st.lists(
    st.sampled_from(["sent", "sent", "lost", "deferred", "refused", "expired", "unoffered"]),
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


class Life(RuleBasedStateMachine):
    """One campaign to five people, in shards of three, worked on by three owners."""

    database: databases.Database
    run: Callable[..., Any]

    @initialize(policy=st.sampled_from(["resend", "hold"]))
    def begin(self, policy: str) -> None:
        self.policy = policy
        self.now = datetime(2021, 1, 15, 12, tzinfo=UTC)
        self.workers = [Worker() for _ in range(3)]
        self.arrived: Counter[int] = Counter()
        self.doubted: Counter[int] = Counter()
        self.handed_out: Counter[int] = Counter()
        self.came_back: Counter[int] = Counter()
        self.owners: dict[int, Worker] = {}
        self.left: set[int] = set()
        self.status = "sending"
        self.do(self.enrol)

    async def enrol(self, c: Any) -> None:
        for table in (campaign, subscriber):
            await c.execute(table.delete())
        await c.execute(choice.delete())
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

    def do(self, work: Callable[[Any], Any]) -> Any:
        """Something in a transaction of its own, a second later; None when the ledger fences it off."""
        self.now += timedelta(seconds=1)

        async def in_transaction() -> Any:
            async with self.database.begin() as connection:
                return await work(connection)

        try:
            return self.run(in_transaction())
        except ledger.Fenced:
            return None

    # What owners do

    @rule(n=WORKERS)
    def take(self, n: int) -> None:
        if self.workers[n].hold is None:
            hold = self.do(lambda c: ledger.take(c, str(n), self.now, on_uncertain=self.policy))
            self.own(n, hold)

    def own(self, n: int, hold: Hold | None) -> None:
        """The new owner begins at the beginning of its shard."""
        self.workers[n] = Worker(hold, after=hold.first_id - 1 if hold else 0)
        if hold is not None:
            self.owners[hold.number] = self.workers[n]

    def is_owner(self, one: Worker) -> bool:
        return one.hold is not None and self.owners[one.hold.number] is one

    @rule(n=WORKERS, limit=st.integers(1, WINDOW))
    def claim(self, n: int, limit: int) -> None:
        one = self.workers[n]
        if one.hold is None or one.window:
            return
        window = self.do(
            lambda c: ledger.claim(c, one.hold, after_id=one.after, limit=limit, about=About(None), now=self.now)
        )
        assert (window is not None) == self.is_owner(one), "who was replaced claims nothing"
        if window is None:
            self.workers[n] = Worker()
            return
        one.window, one.after = window.due, window.last_id
        claimed = {due.subscriber_id for due in window.due}
        self.handed_out.update(claimed)
        assert not claimed & self.left, "who left is never mailed again"
        assert self.status == "sending" or not claimed, f"nothing is claimed while it is {self.status}"

    @rule(n=WORKERS, how=HOW)
    def offer(self, n: int, how: list[str]) -> None:
        one = self.workers[n]
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

    @rule(n=WORKERS)
    def settle(self, n: int) -> None:
        one = self.workers[n]
        if one.hold is None or not one.window:
            return
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
            self.workers[n] = Worker()

    async def written(self, c: Any, hold: Hold, settled: list[Settlement]) -> bool:
        await ledger.settle(c, hold, settled, self.now)
        return True

    @rule(n=WORKERS, how=HOW)
    def work(self, n: int, how: list[str]) -> None:
        """A window as it should go."""
        self.take(n)
        self.claim(n, WINDOW)
        self.offer(n, how)
        self.settle(n)

    @rule(n=WORKERS)
    def let_go(self, n: int) -> None:
        one = self.workers[n]
        if one.hold is not None and not one.window:
            self.do(lambda c: ledger.let_go(c, one.hold, self.now))
            self.do(lambda c: ledger.finish(c, self.now, self.id))
            self.workers[n] = Worker()

    @rule(n=WORKERS)
    def crash(self, n: int) -> None:
        self.workers[n] = Worker()

    @rule(n=WORKERS, number=st.integers(0, PEOPLE // SHARD))
    def take_over(self, n: int, number: int) -> None:
        """Somebody believes the shard's owner dead; it may only be frozen, and go on with its window later."""
        if self.workers[n].hold is None:
            self.doubt(number)
            hold = self.do(lambda c: ledger.take_over(c, str(n), self.id, number, self.now, on_uncertain=self.policy))
            self.own(n, hold)

    @rule(n=WORKERS, step=OTHERS)
    def freeze(self, n: int, step: int) -> None:
        """An owner with a window in flight is believed dead and replaced at once; it wakes with its next step."""
        other = (n + step) % len(self.workers)
        if self.workers[n].hold is not None and self.workers[n].window:
            self.crash(other)
            self.take_over(other, self.workers[n].hold.number)
            self.claim(other, WINDOW)

    def doubt(self, number: int) -> None:
        """What is in flight of a shard that is taken over may arrive once more."""

        async def in_flight(c: Any) -> list[int]:
            rows = await c.scalars(
                select(delivery.c.subscriber_id)
                .join(shard, (shard.c.campaign_id == delivery.c.campaign_id) & (shard.c.number == number))
                .where(
                    delivery.c.subscriber_id.between(shard.c.first_id, shard.c.last_id), delivery.c.state == "sending"
                )
            )
            return list(rows)

        doubtful = self.do(in_flight)
        self.came_back.update(doubtful)
        if self.policy == "resend":
            self.doubted.update(doubtful)

    # What people and time do

    @rule(who=st.integers(0, PEOPLE - 1))
    def leave(self, who: int) -> None:
        number = self.people[who]
        self.do(lambda c: preferences.leave(c, number, source="page", now=self.now))
        self.left.add(number)

    @rule()
    def wait(self) -> None:
        self.now += timedelta(minutes=6)

    @precondition(lambda self: self.status in ("sending", "paused"))
    @rule(to=st.sampled_from(["paused", "sending"]))
    def pause_or_resume(self, to: str) -> None:
        running = update(campaign).where(campaign.c.status.in_(["sending", "paused"]))
        self.do(lambda c: c.execute(running.values(status=to)))
        self.status = to

    @precondition(lambda self: self.status != "cancelled" and len(self.left) > 3)
    @rule()
    def cancel(self) -> None:
        async def work(c: Any) -> None:
            stops = update(campaign).where(campaign.c.status.in_(["sending", "paused"])).values(status="cancelled")
            if (await c.execute(stops)).rowcount:
                await ledger.cancel(c, self.id, self.now)
                self.status = "cancelled"

        self.do(work)

    @precondition(lambda self: self.status != "cancelled")
    @rule()
    def retry(self) -> None:
        async def work(c: Any) -> None:
            given_up = select(delivery.c.subscriber_id).where(delivery.c.state == State.EXPIRED)
            self.came_back.update(await c.scalars(given_up))
            await ledger.requeue(c, self.id, [State.EXPIRED, State.DEFERRED], self.now)

        self.do(work)

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
            self.pause_or_resume("sending")
        for number in range(PEOPLE // SHARD + 1):
            self.doubt(number)
        self.workers = [Worker() for _ in range(3)]
        self.do(lambda c: ledger.adopt_orphans(c, self.now))
        for _ in range(20):
            self.now += timedelta(minutes=6)
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
        async def read(c: Any) -> tuple[str, dict[int, str]]:
            rows = await c.execute(select(delivery.c.subscriber_id, delivery.c.state))
            return await c.scalar(select(campaign.c.status)), {number: State(state) for number, state in rows}

        status, states = self.do(read)
        assert status == ("cancelled" if self.status == "cancelled" else "finished")
        assert set(states) == set(self.people)
        assert set(states.values()) <= FINAL, "nobody waits for ever"
        for number, state in states.items():
            assert state is not State.SENT or self.arrived[number], "who counts as reached has been reached"
            assert state is not State.SUPPRESSED or number in self.left
            assert state is not State.CANCELLED or status == "cancelled"
            assert state is not State.UNCERTAIN or self.policy == "hold" or status == "cancelled"


def test_no_order_of_crashes_takeovers_pauses_and_late_reports_loses_or_doubles_anyone(migrated_url: str) -> None:
    with asyncio.Runner() as runner:

        async def opened() -> databases.Database:
            return databases.connect(migrated_url)

        database = runner.run(opened())
        machine = type("LifeOnce", (Life,), {"database": database, "run": staticmethod(runner.run)})
        quick = settings(
            max_examples=30 if database.is_sqlite else 10,
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=list(HealthCheck),
        )
        try:
            run_state_machine_as_test(machine, settings=quick)
        finally:
            runner.run(database.close())
