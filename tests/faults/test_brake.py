"""A pause, a resume and a cancellation take hold within a second, though a window takes much longer."""

import asyncio
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import func, select

from newsletter import database as databases
from newsletter.campaigns import lifecycle, store
from newsletter.clock import wall_clock
from newsletter.delivery.state import State
from newsletter.tables import delivery

pytestmark = pytest.mark.faults

WINDOW, CONNECTIONS, DELAY = 100, 2, 0.2
"""A window takes twenty seconds: nobody could wait for its end."""

MANY_HOSTS = """
[engine]
kind = "procrastinate"
"""


PATIENCE = 60
WITHIN, SLACK = 1.0, 1.0
"""What is promised, in seconds, and what a machine gets that runs the rest of these tests meanwhile."""


@pytest.mark.parametrize(
    ("database_url", "engine"),
    [("sqlite", ""), ("postgresql", MANY_HOSTS)],
    ids=["embedded", "worker"],
    indirect=["database_url"],
)
async def test_pause_resume_and_cancel_take_hold_within_a_second(
    smtp_server: Any, prepare: Any, spawn: Any, migrated_url: str, engine: str
) -> None:
    arrived: asyncio.Queue[float] = asyncio.Queue()
    clock = asyncio.get_running_loop().time

    def answers(verb: str, _: str) -> None:
        if verb == "BODY":
            arrived.put_nowait(clock())

    async def some_arrive(count: int) -> float:
        """Wait until so many mails more have arrived; answer when the first of them did."""
        async with asyncio.timeout(PATIENCE):
            first, *_ = [await arrived.get() for _ in range(count)]
        return first

    async def none_arrives() -> float:
        """Wait until nothing is in flight; answer when the last mail arrived."""
        in_flight = select(func.count()).select_from(delivery).where(delivery.c.state == State.SENDING)
        async with asyncio.timeout(PATIENCE):
            while True:
                async with database.read() as connection:
                    if not await connection.scalar(in_flight):
                        break
                await asyncio.sleep(0.05)
        return [arrived.get_nowait() for _ in range(arrived.qsize())][-1]

    database = databases.connect(migrated_url)
    async with smtp_server(answers=answers, delay=DELAY) as server:
        slug = await prepare(server.port, 4 * WINDOW, window=WINDOW, connections=CONNECTIONS, more=engine)

        async def staff(step: Any, *when: datetime) -> float:
            async with database.begin() as connection:
                await step(connection, await store.find(connection, slug), *when)
            return clock()

        await staff(lifecycle.schedule, wall_clock())
        await spawn("worker")
        await some_arrive(6)
        asked = await staff(lifecycle.pause)
        paused = await none_arrives() - asked
        asked = await staff(lifecycle.resume, wall_clock())
        resumed = await some_arrive(6) - asked
        asked = await staff(lifecycle.cancel, wall_clock())
        cancelled = await none_arrives() - asked
    await database.close()
    assert max(paused, resumed, cancelled) < WITHIN + SLACK, (paused, resumed, cancelled)
    assert len(server.received) < WINDOW
