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
