"""A database whose disk is full for a while: sending stops, nothing is lost, and nobody gets a mail twice.

The disk is one of a few megabytes, in memory. Where nobody lets us mount one, the same is said by other means.
"""

import asyncio
import errno
import os
import resource
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import uuid4

import psycopg
import pytest

from tests import clusters
from tests.clusters import Cluster

pytestmark = pytest.mark.faults

PEOPLE = 240
MEGABYTES = 160
"""PostgreSQL's own files take sixty."""
PATIENCE = 60
WORDY = "250 2.0.0 Ok: queued as " + "a1b2c3" * 80
"""A long answer, so that the table that keeps it has to grow."""

NO_ROOM = """
CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE disk_full USING MESSAGE = 'could not extend file "base/1/2": No space left on device'; END $$;
CREATE TRIGGER no_room BEFORE UPDATE ON delivery EXECUTE FUNCTION no_room()
"""
"""Says what PostgreSQL says then, with the same code."""


@dataclass(frozen=True)
class Disk:
    """A disk that a test may fill, or a folder of a large one."""

    folder: Path
    is_own: bool

    @contextmanager
    def full(self, url: str, process: Any) -> Iterator[None]:
        """Leave no room for the database at `url`, where `process` writes."""
        with ExitStack() as stack:
            if self.is_own:
                stack.enter_context(self.filled())
            elif url.startswith("sqlite"):
                stack.enter_context(_limited(process.pid, (self.folder / "newsletter.sqlite3-wal").stat().st_size))
            else:
                stack.enter_context(_refused(url))
            yield

    @contextmanager
    def filled(self) -> Iterator[None]:
        """Leave no room on it."""
        filler = self.folder / "filler"
        try:
            with filler.open("wb", buffering=0) as file:
                for size in (2**20, 2**12):
                    _fill(file, bytes(size))
            yield
        finally:
            filler.unlink()


def _fill(file: BinaryIO, block: bytes) -> None:
    try:
        while True:
            file.write(block)
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise


@contextmanager
def _limited(pid: int, size: int) -> Iterator[None]:
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (size, before[1]))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)


@contextmanager
def _refused(url: str) -> Iterator[None]:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(NO_ROOM)
        yield
        connection.execute("DROP FUNCTION no_room CASCADE")


@pytest.fixture
def disk() -> Iterator[Disk]:
    with tempfile.TemporaryDirectory(prefix="newsletter-disk-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # PostgreSQL is another user's
        mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", name]
        is_own = subprocess.run(mount, check=False, capture_output=True).returncode == 0
        try:
            yield Disk(folder, is_own)
        finally:
            if is_own:
                subprocess.run(["umount", name], check=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, disk: Disk) -> Iterator[str]:
    """An empty database on that disk; PostgreSQL's log of changes has room elsewhere."""
    if request.param == "sqlite":
        yield f"sqlite:///{disk.folder}/newsletter.sqlite3"
        return
    uri: str = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(uri, autocommit=True) as connection:
        where = ""
        if disk.is_own:
            place = disk.folder / "tables"
            place.mkdir()
            (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
            os.chown(place, Path(data).stat().st_uid, -1)
            connection.execute(f"CREATE TABLESPACE {name} LOCATION '{place}'")
            where = f"TABLESPACE {name}"
        connection.execute(f"CREATE DATABASE {name} {where}")
    yield uri.replace("/postgres?", f"/{name}?")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        if where:
            connection.execute(f"DROP TABLESPACE {name}")


@pytest.fixture
def answers(tripwire: Any) -> Any:
    """Those of a relay with many words."""

    def answer(verb: str, argument: str) -> str | None:
        tripwire(verb, argument)
        return WORDY if verb == "BODY" else None

    return answer


async def once_each(process: Any, server: Any, tmp_path: Path) -> None:
    """Wait until the sender has done all, and see that everyone was reached once."""
    await asyncio.to_thread(process.join, 90)
    said = (tmp_path / "said.log").read_text()
    assert process.exitcode == 0, said
    assert f"opening/thanks is finished: {PEOPLE} sent." in said
    reached = Counter(one.rcpt_to for one in server.received)
    assert set(reached) == {f"p{n}@example.org" for n in range(PEOPLE)}
    assert set(reached.values()) == {1}


async def test_a_disk_that_is_full_for_a_while_doubles_nobody(
    smtp_server: Any,
    prepare: Any,
    fork: Any,
    until_said: Any,
    tripwire: Any,
    answers: Any,
    tmp_path: Path,
    disk: Disk,
    database_url: str,
) -> None:
    async with smtp_server(answers=answers, gate=tripwire.gate) as server:
        slug = await prepare(server.port, PEOPLE)
        tripwire.arm(PEOPLE // 3, holds=True)
        process = fork("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), PATIENCE)
        with disk.full(database_url, process):
            tripwire.gate.set()
            await until_said("database away, asked again")
        await once_each(process, server, tmp_path)


class TestWithItsLog:
    """PostgreSQL that has no room for its log of changes either stops altogether, until somebody starts it again."""

    @pytest.fixture
    def cluster(self, disk: Disk) -> Iterator[Cluster]:
        folder = disk.folder / "postgresql"
        folder.mkdir()
        with clusters.running(folder) as cluster:
            yield cluster

    @pytest.fixture
    def database_url(self, cluster: Cluster) -> str:
        return cluster.create()

    async def test_a_postgresql_that_stopped_for_want_of_room_doubles_nobody(
        self,
        smtp_server: Any,
        prepare: Any,
        fork: Any,
        until_said: Any,
        tripwire: Any,
        answers: Any,
        tmp_path: Path,
        disk: Disk,
        cluster: Cluster,
    ) -> None:
        async with smtp_server(answers=answers, gate=tripwire.gate) as server:
            slug = await prepare(server.port, PEOPLE)
            tripwire.arm(PEOPLE // 3, holds=True)
            process = fork("campaign", "send", slug, "--yes")
            await asyncio.wait_for(tripwire.reached.wait(), PATIENCE)
            with ExitStack() as stack:
                if disk.is_own:
                    stack.enter_context(disk.filled())
                    fill_log(cluster)
                else:
                    cluster.crash()
                tripwire.gate.set()
                await until_said("database away, asked again")
                async with asyncio.timeout(PATIENCE):
                    while cluster.is_up:  # noqa: ASYNC110 - it tells nobody
                        await asyncio.sleep(0.05)
            cluster.start()
            await once_each(process, server, tmp_path)


def fill_log(cluster: Cluster) -> None:
    """Have it begin a new file of its log, for which there is no room."""
    with psycopg.connect(cluster.uri, autocommit=True) as connection:
        for _ in range(9):
            try:
                connection.execute("SELECT pg_switch_wal(), pg_logical_emit_message(false, 'newsletter', 'more')")
            except psycopg.Error:
                return
    pytest.fail("it found room")
