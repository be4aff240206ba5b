"""Relays that answer byte by byte, or not at all: others go on, a pause and a stop take hold, and nobody is lost."""

import asyncio
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from newsletter import database as databases
from newsletter.campaigns import lifecycle, store
from newsletter.clock import wall_clock
from newsletter.delivery import ledger, transactional
from newsletter.delivery.state import State
from newsletter.delivery.transactional import Kind
from subscribers.tables import subscriber

pytestmark = pytest.mark.faults

PATIENCE = 60
SLACK = 2.0
"""What a machine gets, in seconds, that runs the rest of these tests meanwhile."""


def byte_by_byte(data: bytes) -> list[bytes]:
    return [data[n : n + 1] for n in range(len(data))]


def whole(data: bytes) -> list[bytes]:
    return [data]


async def until(is_so: Callable[[], bool]) -> None:
    """Wait until the servers have seen so much."""
    async with asyncio.timeout(PATIENCE):
        while not is_so():  # noqa: ASYNC110 - they are asked in one place, instead of each telling
            await asyncio.sleep(0.05)


BESIDE = """
[[relays]]
name = "quick"
host = "127.0.0.1"
port = {port}
tls = "none"
connections = 1
"""


@pytest.mark.parametrize(
    ("database_url", "cut", "drip"),
    [("sqlite", byte_by_byte, 0.01), ("postgresql", whole, 0.15)],
    ids=["byte by byte", "each line late"],
    indirect=["database_url"],
)
async def test_beside_a_tarpit_others_go_on_and_a_pause_and_a_stop_take_hold(
    smtp_server: Any, prepare: Any, fork: Any, tripwire: Any, migrated_url: str, tmp_path: Path, cut: Any, drip: float
) -> None:
    people = 600  # six shards: there is one for each relay, whatever the quick one took before a pause
    database = databases.connect(migrated_url)

    async def staff(step: Any, *when: datetime) -> None:
        async with database.begin() as connection:
            await step(connection, await store.find(connection, slug), *when)

    async def none_in_flight() -> None:
        async with asyncio.timeout(PATIENCE):
            while True:
                async with database.read() as connection:
                    found = await store.find(connection, slug)
                    if not (await ledger.counts(connection, found.id)).get(State.SENDING):
                        return
                await asyncio.sleep(0.05)

    clock = asyncio.get_running_loop().time
    async with smtp_server(cut=cut, drip=drip) as tarpit, smtp_server(answers=tripwire, gate=tripwire.gate) as quick:
        slug = await prepare(tarpit.port, people, connections=1, more=BESIDE.format(port=quick.port))
        tripwire.arm(90, holds=True)  # else the quick one might take all that is left
        async with database.begin() as connection:
            await lifecycle.schedule(connection, await store.find(connection, slug), wall_clock())
        sender = fork("worker")
        await asyncio.wait_for(tripwire.reached.wait(), PATIENCE)
        assert len(tarpit.received) < 20, "it holds up nobody but those it has"
        asked = clock()
        await staff(lifecycle.pause)
        tripwire.gate.set()
        await none_in_flight()
        assert clock() - asked < 1 + 4 * 14 * drip + SLACK
        count = len(tarpit.received)
        tripwire.arm(10, holds=True)
        await staff(lifecycle.resume, wall_clock())
        await asyncio.wait_for(tripwire.reached.wait(), PATIENCE)
        await until(lambda: len(tarpit.received) >= count + 2)
        tripwire.gate.set()
        asked = clock()
        sender.terminate()
        await asyncio.to_thread(sender.join, PATIENCE)
        assert clock() - asked < 4 * 14 * drip + SLACK
        tarpit.drip = 0
        last = fork("campaign", "send", slug, "--yes")
        await asyncio.to_thread(last.join, PATIENCE)
    await database.close()
    said = (tmp_path / "said.log").read_text()
    assert [sender.exitcode, last.exitcode] == [0, 0], said
    assert f"{slug} is finished: {people} sent." in said
    reached = Counter(one.rcpt_to for server in (tarpit, quick) for one in server.received)
    assert len(reached) == people
    assert set(reached.values()) == {1}


@pytest.mark.parametrize("is_mute", [True, False], ids=["for a greeting", "for an answer"])
async def test_a_stop_waits_for_a_silent_relay_no_longer_than_it_is_to(
    smtp_server: Any, prepare: Any, fork: Any, migrated_url: str, tmp_path: Path, is_mute: bool
) -> None:
    people, drain = 20, 1.0
    at_data: list[str] = []

    def answers(verb: str, address: str) -> str | None:
        if verb == "DATA":
            at_data.append(address)
            return "hang"
        return None

    database = databases.connect(migrated_url)
    async with smtp_server(answers=answers, is_mute=is_mute) as server:
        slug = await prepare(server.port, people, connections=1, delivery=f"drain = {drain}")
        async with database.begin() as connection:
            await lifecycle.schedule(connection, await store.find(connection, slug), wall_clock())
            someone = await connection.scalar(select(subscriber.c.id))
            await transactional.enqueue(connection, someone or 0, Kind.LINK, now=wall_clock(), most_a_day=1)
        sender = fork("worker")
        await until(lambda: (server.connections if is_mute else len(at_data)) >= 2)
        asked = asyncio.get_running_loop().time()
        sender.terminate()
        await asyncio.to_thread(sender.join, PATIENCE)
        waited = asyncio.get_running_loop().time() - asked
        server.answers, server.is_mute = lambda verb, argument: None, False
        last = fork("worker")
        await until(lambda: len(server.received) > people)
        last.terminate()
        await asyncio.to_thread(last.join, PATIENCE)
    await database.close()
    assert [sender.exitcode, last.exitcode] == [0, 0], (tmp_path / "said.log").read_text()
    assert waited < (0 if is_mute else drain) + SLACK
    assert len(server.received) == people + 1
