"""Whoever waits to write to SQLite is seen by whoever writes, in another process too, and is forgotten when it dies."""

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from newsletter import database as databases
from newsletter.sqlite import waiting
from newsletter.sqlite.waiting import Waiting

SAYING = """
import sys, pathlib
from newsletter.sqlite.waiting import Waiting
with Waiting(pathlib.Path(sys.argv[1])).said():
    print("said", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "newsletter.sqlite3"
    databases.begin_file(path)
    return path


def saying(path: Path) -> subprocess.Popen[bytes]:
    """A process that says it waits, until it is told to end."""
    command = [sys.executable, "-c", SAYING, str(path)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[3])
    assert process.stdout is not None
    assert process.stdout.readline() == b"said\n"
    return process


def test_who_waits_in_another_process_is_seen_until_it_has_its_turn(path: Path) -> None:
    looking = Waiting(path)
    assert not looking.is_said()
    with saying(path) as first, saying(path) as second:
        assert looking.is_said()
        first.communicate()
        assert looking.is_said(), "the other waits still"
        second.communicate()
        assert not looking.is_said()
    looking.close()


def test_who_is_killed_while_it_waits_waits_no_more(path: Path) -> None:
    looking = Waiting(path)
    with saying(path) as process:
        assert looking.is_said()
        process.send_signal(signal.SIGKILL)
        process.wait()
        assert not looking.is_said()
    looking.close()


def test_who_may_write_to_a_database_may_say_that_they_wait_and_nobody_else(path: Path) -> None:
    with Waiting(path).said():
        assert waiting.file(path).stat().st_mode & 0o777 == 0o600


def test_who_cannot_say_that_they_wait_waits_all_the_same(path: Path) -> None:
    waiting.file(path).mkdir()
    with Waiting(path).said():
        assert not Waiting(path).is_said()


@pytest.mark.parametrize("kind", ["begin", "briefly", "here"])
async def test_a_transaction_says_that_it_waits_while_it_does_and_no_longer(path: Path, kind: str) -> None:
    url = f"sqlite:///{path}"
    await databases.upgrade(url)
    database, looking = databases.connect(url), Waiting(path)
    other = sqlite3.connect(path, isolation_level=None)

    async def write() -> None:
        async with getattr(database, kind)() as connection:
            await connection.execute(text("DELETE FROM bucket"))

    await write()
    assert not waiting.file(path).exists(), "nobody had to wait"
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(write())
    while not looking.is_said():  # noqa: ASYNC110 - it is the operating system that knows
        await asyncio.sleep(0.001)
    assert database.is_awaited()
    other.execute("COMMIT")
    await writing
    assert not looking.is_said()
    other.close()
    looking.close()
    await database.close()
