"""A campaign ready to be sent by a real `newsletter` process."""

import asyncio
import multiprocessing
import multiprocessing.process
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from newsletter import assets, cli
from newsletter import database as databases
from newsletter.campaigns import store
from newsletter.clock import wall_clock
from newsletter.constellation import file
from newsletter.constellation import store as constellations

Spawn = Callable[..., Awaitable[asyncio.subprocess.Process]]
Fork = Callable[..., multiprocessing.process.BaseProcess]


@pytest.fixture
async def spawn(tmp_path: Path) -> AsyncIterator[Spawn]:
    """Start `newsletter …` as a process of its own, with the settings of `prepare`; what a test leaves is killed."""
    started: list[asyncio.subprocess.Process] = []

    async def start(*arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-m",
            "newsletter",
            "--settings",
            str(tmp_path / "newsletter.toml"),
            *arguments,
            cwd=Path(__file__).parents[1],
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
            said, _ = await process.communicate()
            sys.stdout.write(said.decode())  # pytest shows it where the test failed


_PREPARED = multiprocessing.get_context("forkserver")
_PREPARED.set_forkserver_preload(
    [
        "newsletter.cli.campaign",
        "newsletter.cli.campaign_sending",
        "newsletter.cli.progress",
        "newsletter.cli.worker",
        "newsletter.engine.workers",
    ]
)


def _newsletter(said: str, arguments: list[str]) -> None:
    """What a forked process does: the command, with both its streams in a file."""
    with Path(said).open("a", buffering=1) as out, redirect_stdout(out), redirect_stderr(out):
        sys.argv = ["newsletter", *arguments]
        cli.main()


@pytest.fixture
def fork(tmp_path: Path) -> Iterator[Fork]:
    """Start `newsletter …` as a process forked from one that has imported it, so that twenty take no longer than one.

    What it says is in `said.log` of the test's folder; what a test leaves is killed.
    """
    started = []

    def start(*arguments: str) -> multiprocessing.process.BaseProcess:
        every = ["--settings", str(tmp_path / "newsletter.toml"), *arguments]
        process = _PREPARED.Process(target=_newsletter, args=(str(tmp_path / "said.log"), every))
        process.start()
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.join()
        process.close()


@pytest.fixture
def until_said(tmp_path: Path) -> Callable[[str], Awaitable[None]]:
    """Wait until a forked process has said these words."""

    said = tmp_path / "said.log"

    async def wait(words: str) -> None:
        async with asyncio.timeout(60):
            while not said.exists() or words not in said.read_text():  # noqa: ASYNC110 - a file tells nobody that it grows
                await asyncio.sleep(0.02)

    return wait


@pytest.fixture
def prepare(database_url: str, tmp_path: Path, add_people: Any) -> Callable[..., Awaitable[str]]:
    """Settings, a database with people, and the draft of a campaign to all of them; answers its name."""

    async def go(
        port: int,
        people: int,
        *,
        window: int = 20,
        connections: int = 2,
        retry_first: int = 1,
        smtp: str = "",
        delivery: str = "",
        more: str = "",
    ) -> str:
        (tmp_path / "newsletter.toml").write_text(
            f"""
            database = "{database_url}"
            public_url = "https://news.example.org"
            [secrets]
            signing_keys = ["{"k" * 40}"]
            hash_key = "{"h" * 40}"
            [smtp]
            host = "127.0.0.1"
            port = {port}
            tls = "none"
            connections = {connections}
            {smtp}
            [delivery]
            window = {window}
            shard = 100
            retry_first = {retry_first}
            {delivery}
            [preflight]
            network = false
            spamassassin = false
            [bounces]
            address = "bounce@bounces.example.org"
            {more}
            """
        )
        await databases.upgrade(database_url)
        database = databases.connect(database_url)
        now = wall_clock()
        async with database.begin() as connection:
            await constellations.load(connection, file.read(assets.TEMPLATES / "init" / "constellation.toml"), now)
            await add_people(connection, people, now)
            draft = await store.draft(connection, "opening", "thanks", now=now)
        await database.close()
        return draft.slug

    return go
