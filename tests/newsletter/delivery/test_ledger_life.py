"""Owners that crash, freeze and wake, in any order: nobody is lost, and nobody gets it twice without a doubt.

The ways that deliveries go are those that docs/delivery.md draws.
"""

import asyncio
import re
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import run_state_machine_as_test

from newsletter import database as databases
from newsletter.delivery import ledger
from newsletter.delivery.state import State
from tests.newsletter.delivery.life import WINDOW, Arrow, Life

DRAWN = re.compile(r"^    (\w+) --> (\w+)", re.MULTILINE)


def drawn() -> set[Arrow]:
    """The arrows of the picture in the documentation."""
    text = (Path(__file__).parents[3] / "docs" / "delivery.md").read_text()
    return set(DRAWN.findall(text.partition("stateDiagram-v2")[2].partition("```")[0]))


def test_nothing_but_the_ledger_changes_a_delivery() -> None:
    package = Path(__file__).parents[3] / "newsletter"
    writes = re.compile(
        r"(?:update|insert|delete)\(delivery\)|(?:UPDATE|INTO|FROM) delivery\b(?!\.)|insert\(\w+, delivery\)"
    )
    writers = {file.name for file in package.rglob("*.py") if writes.search(file.read_text())}
    others = {"hearing.py", "after_pause.py"}
    assert writers == {"ledger.py", "statements.py", *others}, "what was heard of it, until when it waits, and no state"


@pytest.fixture
def life(migrated_url: str) -> Iterator[type[Life]]:
    """Lives over a database."""
    with asyncio.Runner() as runner:

        async def opened() -> databases.Database:
            return databases.connect(migrated_url)

        database = runner.run(opened())
        try:
            yield type("LifeOnce", (Life,), {"database": database, "run": staticmethod(runner.run), "taken": set()})
        finally:
            runner.run(database.close())


def test_no_order_of_crashes_takeovers_pauses_and_late_reports_loses_or_doubles_anyone(life: type[Life]) -> None:
    quick = settings(
        max_examples=50 if life.database.is_sqlite else 40,
        stateful_step_count=30,
        deadline=None,
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(life, settings=quick)
    assert life.taken <= drawn()
    assert len(life.taken) > len(drawn()) / 2


def bring(one: Life, state: State) -> None:
    """Have the first owner hold a shard, and two people's deliveries in it stand there."""
    one.begin("hold")
    one.take(0)
    if state is not State.QUEUED:
        one.claim(0, WINDOW)
    if state not in (State.QUEUED, State.SENDING):
        settle(one, state)
        one.now += timedelta(minutes=6)
        one.workers[0].after = 0


def settle(one: Life, state: State) -> None:
    how = {State.UNCERTAIN: "lost", State.QUEUED: "unoffered"}.get(state, state.value)
    one.offer(0, [how] * WINDOW)
    one.settle(0)


def left_alone(one: Life) -> None:
    one.leave_alone()
    one.claim(0, WINDOW)


def gone(one: Life) -> None:
    one.leave(0)
    one.claim(0, WINDOW)


OF_WAITING: dict[State, Callable[[Life], None]] = {
    State.SENDING: lambda one: one.claim(0, WINDOW),
    State.SUPPRESSED: gone,
    State.DEFERRED: left_alone,
    State.QUEUED: lambda one: one.claim(0, WINDOW, "gate"),
    State.EXPIRED: lambda one: one.give_up(0, is_all=True),
    State.CANCELLED: Life.cancel,
    State.SENT: Life.hear,
}
OF_STAFF: dict[Arrow, Callable[[Life], None]] = {
    (State.UNCERTAIN, State.SENT): Life.believe,
    (State.EXPIRED, State.SENT): Life.hear,
    (State.UNCERTAIN, State.QUEUED): Life.resend,
    (State.EXPIRED, State.QUEUED): lambda one: one.mend(0),
    (State.REFUSED, State.QUEUED): lambda one: one.mend(0),
}


def go(one: Life, came: State, goes: State) -> None:
    """Take one of the ways between two states."""
    if came is State.SENDING:
        settle(one, goes)
    elif came in ledger.WAITING:
        OF_WAITING[goes](one)
    else:
        OF_STAFF[came, goes](one)


@pytest.mark.parametrize("arrow", sorted(drawn()), ids="-".join)
def test_every_way_that_is_drawn_can_be_gone_and_leads_to_a_good_end(life: type[Life], arrow: Arrow) -> None:
    came, goes = map(State, arrow)
    one = life()
    bring(one, came)
    life.taken.clear()
    go(one, came, goes)
    assert arrow in life.taken
    one.teardown()
    assert life.taken <= drawn()
