"""`newsletter serve` as a real process: it refuses what it cannot serve, and ends with everything settled."""

import asyncio
import json
import os
import re
import signal
import socket
import sqlite3
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from newsletter import assets
from newsletter import database as databases
from newsletter.clock import wall_clock
from newsletter.constellation import file, store

Serve = Callable[..., Awaitable[asyncio.subprocess.Process]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with settings for a database that does not exist yet."""
    lines = ["[secrets]", f'signing_keys = ["{"k" * 40}"]', f'hash_key = "{"h" * 40}"']
    (tmp_path / "newsletter.toml").write_text("\n".join(lines))
    return tmp_path


@pytest.fixture
async def serve(folder: Path) -> AsyncIterator[Serve]:
    """Starts the command in that folder."""
    started: list[asyncio.subprocess.Process] = []

    async def start(*arguments: str) -> asyncio.subprocess.Process:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "newsletter", "serve", *arguments),
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONUNBUFFERED": "1"},
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        if process.returncode is None:
            process.kill()
            await process.communicate()


async def migrate(folder: Path) -> None:
    await databases.upgrade(f"sqlite:///{folder}/newsletter.sqlite3")


async def address(process: asyncio.subprocess.Process) -> str:
    """Where it says that it serves."""
    assert process.stdout is not None
    line = (await asyncio.wait_for(process.stdout.readline(), 30)).decode()
    found = re.search(r"http://\S+?(?=,)", line)
    assert found, line
    return found[0]


def health(url: str) -> dict[str, str]:
    with urllib.request.urlopen(f"{url}/health", timeout=30) as response:
        return json.load(response)


async def test_it_serves_runs_the_engine_and_ends_with_0_when_it_is_told_to(serve: Serve, folder: Path) -> None:
    await migrate(folder)
    process = await serve("--port", "0")
    told = await asyncio.to_thread(health, await address(process))
    assert told == {"status": "ok", "database": "ok", "schema": "ok", "engine": "running"}
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    said = b"warning: no constellation is loaded yet; run `newsletter constellation load FILE`\n"
    assert (process.returncode, errors) == (0, said)


async def test_a_second_one_serves_the_pages_and_runs_the_engine_once_the_first_has_ended(
    serve: Serve, folder: Path
) -> None:
    await migrate(folder)
    first = await serve("--port", "0")
    await asyncio.to_thread(health, await address(first))
    second = await serve("--port", "0")
    url = await address(second)
    assert (await asyncio.to_thread(health, url))["engine"] == "elsewhere"
    first.kill()
    async with asyncio.timeout(30):
        while (await asyncio.to_thread(health, url))["engine"] != "running":  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.1)
    second.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(second.communicate(), 30)
    assert second.returncode == 0
    events = [json.loads(line)["event"] for line in errors.splitlines() if line.startswith(b"{")]
    assert events == ["engine not started", "engine started"]


async def test_a_database_that_is_behind_is_refused_with_the_command_that_mends_it(serve: Serve, folder: Path) -> None:
    process = await serve("--port", "0")
    output, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert output == b""
    assert errors.count(b"\n") == 1
    assert b"newsletter db upgrade" in errors


async def test_a_port_that_is_taken_is_one_line(serve: Serve, folder: Path) -> None:
    await migrate(folder)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        process = await serve("--port", str(taken.getsockname()[1]))
        _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == 1
    assert errors.count(b"\n") == 1
    assert b"Address already in use; choose another with --host or --port" in errors


@pytest.mark.parametrize("wrong", [("--port", "70000"), ("--host", "256.1.1.1"), ("--port", "many")])
async def test_an_address_that_cannot_be_is_one_line_or_usage(
    serve: Serve, folder: Path, wrong: tuple[str, str]
) -> None:
    await migrate(folder)
    process = await serve(*wrong)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode in (1, 2)
    assert b"Traceback" not in errors


def ask_to_join(url: str, **form: str) -> int:
    request = urllib.request.Request(f"{url}/join", urllib.parse.urlencode(form).encode())
    try:
        with urllib.request.urlopen(request, timeout=30) as response:
            return response.status
    except urllib.error.HTTPError as refused:
        return refused.code


@pytest.mark.parametrize("answer", ["ABORT, 'the limits of a row'", "away"])
async def test_a_request_that_fails_is_one_line_of_the_log_and_names_nobody(
    serve: Serve, folder: Path, answer: str
) -> None:
    await migrate(folder)
    with (folder / "newsletter.toml").open("a") as settings:
        settings.write('\n[joining]\nproof_of_work = "off"\ncheck_domains = false\n')
    database = databases.connect(f"sqlite:///{folder}/newsletter.sqlite3")
    async with database.begin() as connection:
        await store.load(connection, file.read(assets.TEMPLATES / "init" / "constellation.toml"), wall_clock())
    await database.close()
    with sqlite3.connect(folder / "newsletter.sqlite3") as refusing:
        if answer == "away":
            refusing.execute("ALTER TABLE arrival RENAME TO elsewhere")
        else:
            refusing.execute(f"CREATE TRIGGER refuse BEFORE INSERT ON arrival BEGIN SELECT RAISE({answer}); END")
    refusing.close()
    process = await serve("--port", "0", "--no-engine")
    url = await address(process)
    status = await asyncio.to_thread(ask_to_join, url, email="ana@example.org", first_name="Anastasia")
    assert status == 500
    process.send_signal(signal.SIGTERM)
    _, errors = await asyncio.wait_for(process.communicate(), 30)
    [line] = [json.loads(line) for line in errors.decode().splitlines()]
    assert (line["event"], line["level"]) == ("server", "error")
    assert "arrival" in str(line) if answer == "away" else "the limits of a row" in str(line)
    assert ("reception.py" in line.get("exception", "")) is (answer != "away"), "a mistake of ours, where it was made"
    assert "ana@example.org" not in str(line)
    assert "Anastasia" not in str(line)
