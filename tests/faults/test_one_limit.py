"""Ten workers on one PostgreSQL keep one limit: of a relay, and of a family of receivers."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from newsletter import database as databases
from newsletter.campaigns import lifecycle, store
from newsletter.clock import wall_clock
from newsletter.delivery.state import State
from newsletter.tables import delivery, worker

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]

HOSTS, PEOPLE, PER_SECOND = 10, 600, 50
HELD = 5
"""Seconds that a bucket holds."""
PATIENCE = 120
WORKERS = """
[engine]
kind = "procrastinate"
"""
PACE = f"""
[[pace]]
to = "example.org"
per_second = {PER_SECOND}
"""


@pytest.mark.parametrize(
    ("smtp", "more"), [(f"per_second = {PER_SECOND}", ""), ("", PACE)], ids=["of a relay", "of receivers"]
)
async def test_ten_workers_together_send_no_more_a_second_than_one_may(
    smtp_server: Any, prepare: Any, fork: Any, migrated_url: str, smtp: str, more: str
) -> None:
    clock = asyncio.get_running_loop().time
    arrived: list[float] = []

    def answers(verb: str, _: str) -> None:
        if verb == "BODY":
            arrived.append(clock())

    async def until(is_so: Any) -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                async with database.read() as connection:
                    if await connection.scalar(is_so):
                        return
                await asyncio.sleep(0.1)

    database = databases.connect(migrated_url)
    async with smtp_server(answers=answers) as server:
        slug = await prepare(server.port, PEOPLE, smtp=smtp, more=WORKERS + more)
        hosts = [fork("worker") for _ in range(HOSTS)]
        await until(select(func.count() == HOSTS).select_from(worker))
        async with database.begin() as connection:
            await lifecycle.schedule(connection, await store.find(connection, slug), wall_clock())
        begun = clock()
        await until(select(func.count() == PEOPLE).where(delivery.c.state == State.SENT))
        async with database.read() as connection:
            told = list(await connection.scalars(select(worker.c.pulse)))
        for one in hosts:
            one.terminate()
            await asyncio.to_thread(one.join, PATIENCE)
    await database.close()
    assert len({one.rcpt_to for one in server.received}) == len(server.received) == PEOPLE
    too_many = {
        count: at - begun for count, at in enumerate(arrived, 1) if count > PER_SECOND * (HELD + at - begun) + 1
    }
    assert not too_many
    assert sum(bool(one["settled"].get(State.SENT)) for one in told) > 1, "several of them have sent"
