"""PostgreSQL that crashes while a campaign is sent, and comes back: everyone is reached, and nobody twice."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests import clusters
from tests.clusters import Cluster
from tests.conftest import folder_in_memory

pytestmark = pytest.mark.faults

PEOPLE, WINDOW, CONNECTIONS = 300, 20, 2
PATIENCE = 60
HOSTS = 2

LEASE = 3

QUICKLY_DEAD = f"""
[engine]
kind = "procrastinate"
heartbeat = 0.5
lease = {LEASE}
"""

MANY_HOSTS = """
[engine]
kind = "procrastinate"
heartbeat = 1
lease = 20
"""


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-own-", dir=folder_in_memory()))
    try:
        with clusters.running(folder) as cluster:
            yield cluster
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(cluster: Cluster) -> str:
    """An empty database of the server that may be taken down."""
    return cluster.create()


@pytest.mark.parametrize("engine", ["", MANY_HOSTS], ids=["embedded", "workers"])
async def test_a_database_that_crashes_and_comes_back_doubles_nobody(
    smtp_server: Any,
    prepare: Any,
    fork: Any,
    until_said: Any,
    tripwire: Any,
    cluster: Cluster,
    tmp_path: Path,
    engine: str,
) -> None:
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        slug = await prepare(server.port, PEOPLE, window=WINDOW, connections=CONNECTIONS, more=engine)
        workers = [fork("worker") for _ in range(HOSTS if engine else 0)]
        tripwire.arm(PEOPLE // 3, holds=True)
        sender = fork("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), PATIENCE)
        cluster.crash()
        tripwire.gate.set()
        await until_said("database away, asked again")
        cluster.start()
        await asyncio.to_thread(sender.join, PATIENCE)
        for one in workers:
            one.terminate()
            await asyncio.to_thread(one.join, PATIENCE)
    said = (tmp_path / "said.log").read_text()
    assert {one.exitcode for one in (sender, *workers)} == {0}, said
    assert f"{slug} is finished: {PEOPLE} sent." in said
    assert "Traceback" not in said
    assert "error connecting" not in said, "a library writes no lines of its own between those of our log"
    reached = Counter(one.rcpt_to for one in server.received)
    assert set(reached) == {f"p{n}@example.org" for n in range(PEOPLE)}
    assert set(reached.values()) == {1}


@pytest.mark.parametrize("is_long", [True, False], ids=["longer-than-the-lease", "for-a-moment"])
async def test_who_outlives_the_database_is_not_taken_for_dead_when_it_is_back(
    smtp_server: Any,
    prepare: Any,
    fork: Any,
    until_said: Any,
    tripwire: Any,
    cluster: Cluster,
    tmp_path: Path,
    is_long: bool,
) -> None:
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        slug = await prepare(server.port, PEOPLE, window=WINDOW, connections=CONNECTIONS, more=QUICKLY_DEAD)
        workers = [fork("worker") for _ in range(HOSTS + 1)]  # one has nothing to do, and could take over
        tripwire.arm(PEOPLE // 3, holds=True)
        sender = fork("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), PATIENCE)
        cluster.crash()
        if is_long:  # what was sent cannot be settled until it is back
            tripwire.gate.set()
        await until_said("database away")
        await asyncio.sleep(2 * LEASE if is_long else 0)
        cluster.start()
        await until_said("database is back")
        if not is_long:  # the relay is slower than the lease is long
            await asyncio.sleep(4 * LEASE)
            tripwire.gate.set()
        await asyncio.to_thread(sender.join, PATIENCE)
        for one in workers:
            one.terminate()
            await asyncio.to_thread(one.join, PATIENCE)
    said = (tmp_path / "said.log").read_text()
    assert {one.exitcode for one in (sender, *workers)} == {0}, said
    assert "worker is silent" not in said
    assert "shard lost" not in said
    away, back = (said.count(f'"{event}"') for event in ("database away, asked again", "database is back"))
    assert back <= len(workers) + 1, "once by each process; who did not ask meanwhile has nothing to say"
    assert back >= (len(workers) if is_long else 1)
    assert back <= away <= 2 * back, "once for each kind of fault: connections that are cut, and none that is taken"
    assert "Traceback" not in said
    reached = Counter(one.rcpt_to for one in server.received)
    assert set(reached) == {f"p{n}@example.org" for n in range(PEOPLE)}
    assert set(reached.values()) == {1}
