"""Workers on many hosts, as processes on one PostgreSQL: killed, frozen and woken, paused, stopped."""

import asyncio
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import update

from newsletter import database as databases
from newsletter.campaigns import store
from newsletter.clock import wall_clock
from newsletter.engine import status
from newsletter.tables import campaign
from tests.conftest import make_settings

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)]

LEASE = 4
WORKERS = f"""
[engine]
kind = "procrastinate"
heartbeat = 0.5
lease = {LEASE}
"""
PATIENCE = 60
"""Seconds in which even a machine that is very busy starts a process."""


async def seen(url: str, until: Callable[[status.Status], bool]) -> status.Status:
    """The status of the engine, as soon as it is so."""
    database = databases.connect(url)
    settings = make_settings(url, engine={"kind": "procrastinate", "heartbeat": 0.5, "lease": LEASE})
    try:
        async with asyncio.timeout(PATIENCE):
            while True:
                async with database.read() as connection:
                    now = await status.read(connection, settings, wall_clock())
                if until(now):
                    return now
                await asyncio.sleep(0.1)
    finally:
        await database.close()


async def test_a_campaign_whose_last_worker_died_before_it_called_it_finished_is_finished_by_another(
    prepare: Any, spawn: Any, migrated_url: str
) -> None:
    slug = await prepare(25, 1, more=WORKERS)
    database = databases.connect(migrated_url)
    async with database.begin() as connection:
        await connection.execute(update(campaign).values(status="sending", started_at=wall_clock()))
    worker = await spawn("worker")
    async with asyncio.timeout(PATIENCE):
        while True:
            async with database.read() as connection:
                if (await store.find(connection, slug)).status == "finished":
                    break
            await asyncio.sleep(0.1)
    await database.close()
    worker.terminate()
    await asyncio.wait_for(worker.communicate(), PATIENCE)
    assert worker.returncode == 0


async def test_of_three_workers_one_is_killed_and_one_frozen_past_its_lease_and_everyone_is_reached(
    smtp_server: Any, prepare: Any, spawn: Any, tripwire: Any, migrated_url: str
) -> None:
    people, window, connections = 900, 20, 2
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        slug = await prepare(server.port, people, window=window, connections=connections, more=WORKERS)
        frozen, killed, healthy = [await spawn("worker") for _ in range(3)]
        await seen(migrated_url, lambda now: len(now.workers) == 3)
        tripwire.arm(people // 4, holds=True)
        watching = await spawn("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), PATIENCE)
        at_work = await seen(migrated_url, lambda now: all(one.holds for one in now.workers))
        assert sum(one.holds[slug] for one in at_work.workers) == 3 * connections
        assert (at_work.campaigns[0].slug, at_work.campaigns[0].audience) == (slug, people)
        frozen.send_signal(signal.SIGSTOP)
        tripwire.arm(people // 4, holds=True)
        tripwire.gate.set()
        await asyncio.wait_for(tripwire.reached.wait(), PATIENCE)
        killed.kill()
        tripwire.gate.set()
        output, _ = await asyncio.wait_for(watching.communicate(), PATIENCE)
        assert f"{slug} is finished: {people} sent." in output.decode()
        before = len(server.received)
        frozen.send_signal(signal.SIGCONT)
        said = await asyncio.wait_for(frozen.stdout.readuntil(b"has another owner now"), PATIENCE)
        for one in (frozen, healthy):
            one.send_signal(signal.SIGTERM)
        await asyncio.wait_for(asyncio.gather(frozen.communicate(), healthy.communicate()), PATIENCE)
    assert b"shard" in said
    assert [frozen.returncode, healthy.returncode] == [0, 0]
    reached = Counter(one.rcpt_to for one in server.received)
    assert set(reached) == {f"p{n}@example.org" for n in range(people)}
    assert sum(reached.values()) - people <= 2 * window * connections
    assert len(server.received) - before <= 2 * connections, "who wakes offers no more than it had begun to write"


async def test_who_watches_is_let_go_when_the_rest_has_to_wait_for_the_next_day(
    smtp_server: Any, prepare: Any, spawn: Any, migrated_url: str
) -> None:
    today = wall_clock().date()
    async with smtp_server() as server:
        warm_up = f"warm_up = [10, 10, 10]\nwarm_up_from = {today}"
        slug = await prepare(server.port, 50, smtp=warm_up, more=WORKERS)
        worker = await spawn("worker")
        await seen(migrated_url, lambda now: bool(now.workers))
        watching = await spawn("campaign", "send", slug, "--yes")
        said, _ = await asyncio.wait_for(watching.communicate(), PATIENCE)
        worker.terminate()
        await asyncio.wait_for(worker.communicate(), PATIENCE)
    assert watching.returncode == 3, "some still wait"
    assert f"{slug} is sending: 41 queued, 9 sent." in said.decode(), "a tenth is left to confirmations"
    assert "The next are due at" in said.decode()
