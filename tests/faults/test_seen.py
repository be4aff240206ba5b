"""What its operator sees of a campaign that is being sent: on a terminal, by `engine status`, in the log."""

import asyncio
import fcntl
import json
import os
import pty
import re
import struct
import sys
import termios
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter import database as databases
from newsletter.campaigns import lifecycle, store
from newsletter.clock import wall_clock
from newsletter.delivery import pauses
from newsletter.delivery.pauses import Cause, Pause

pytestmark = [pytest.mark.faults, pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)]

PEOPLE = 120
WIDTH = 80
BY_OTHERS = "another process already runs the engine, and delivers it; watching it"


@pytest.fixture
def terminal() -> Iterator[tuple[int, int]]:
    """Both ends of a terminal of 80 columns: what a person reads, and what a program writes to."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    yield ours, theirs
    os.close(ours)
    os.close(theirs)


@pytest.mark.parametrize("others", ["", BY_OTHERS], ids=["here", "there"])
async def test_a_terminal_shows_rate_remaining_time_relays_and_domains_while_a_campaign_is_sent(
    smtp_server: Any, prepare: Any, spawn: Any, tripwire: Any, terminal: tuple[int, int], tmp_path: Path, others: str
) -> None:
    ours, theirs = terminal
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        slug = await prepare(server.port, PEOPLE)
        if others:
            assert b"engine started" in await (await spawn("worker")).stdout.readline()
        tripwire.arm(PEOPLE // 2, holds=True)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "newsletter", "--settings", str(tmp_path / "newsletter.toml")),
            *("campaign", "send", slug, "--yes"),
            cwd=Path(__file__).parents[2],
            env={**os.environ, "TERM": "xterm", "NO_COLOR": "1"},
            stdin=asyncio.subprocess.DEVNULL,
            stdout=theirs,
            stderr=theirs,
        )
        try:
            seen = await read_until(ours, "example.org", tripwire.reached)
            tripwire.gate.set()
            seen += await read_until(ours, "is finished", tripwire.reached)
            assert await asyncio.wait_for(process.wait(), 60) == 0
        finally:
            if process.returncode is None:
                process.kill()
    lines = [line.rstrip() for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", seen).replace("\r", "\n").splitlines()]
    assert max(map(len, lines)) <= WIDTH, max(lines, key=len)
    assert not others or others in lines, "what is said before has a line of its own"
    bars = [line for line in lines if line.startswith(slug) and f"/{PEOPLE}" in line]
    assert any(re.search(rf" \d+/{PEOPLE} +[\d,]+/s 0:\d\d:\d\d$", line) for line in bars), bars
    assert any(re.fullmatch(r" *relay +connections *", line) for line in lines)
    assert any(re.fullmatch(r"smtp +[12] +takes mail", line.strip()) for line in lines)
    assert any(re.fullmatch(r"example\.org +\d+ +0 +0 +0", line.strip()) for line in lines)


async def test_status_shows_who_does_what_and_the_log_of_a_sender_in_trouble_names_nobody(
    smtp_server: Any, prepare: Any, spawn: Any
) -> None:
    asked: set[str] = set()

    def answers(verb: str, address: str) -> str | None:
        """A relay that repeats addresses in what it complains of, some of it once."""
        is_first = f"{verb} {address}" not in asked
        asked.add(f"{verb} {address}")
        match verb, address.partition("@")[0]:
            case "RCPT", "p1":
                return f"550 5.1.1 <{address}>: no such user"
            case "RCPT", "p2" if is_first:
                return f"450 4.2.0 <{address}>: later"
            case "BODY", "p3" if is_first:
                return f"421 4.3.2 closing after {address}"
        return None

    async with smtp_server(answers=answers, delay=0.1) as server:  # it has minutes to do, and ends with the test
        slug = await prepare(server.port, 100 * PEOPLE)
        worker, sender = await spawn("worker"), await spawn("campaign", "send", slug, "--yes")
        told = json.loads(await status_with(spawn, "example.org", "engine", "status", "--json"))
        shown = await status_with(spawn, "example.org", "engine", "status")
        for one in (sender, worker):
            one.terminate()
        ended = asyncio.gather(sender.communicate(), worker.communicate())
        quiet, log = [output.decode() for output, _ in await asyncio.wait_for(ended, 60)]
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert re.search(r"^ \S+:\d+ +\d+ s ago +\d+ +\d+ +opening/thanks: [12] *$", shown, re.MULTILINE)
    assert re.search(
        r"^ opening/thanks +sending +12,000 +1[012],\d+ +\d+ +[012] of 120 +\d+:\d\d:\d\d *$", shown, re.MULTILINE
    )
    assert re.search(r"^\d+ mails a second by the embedded engine\.$", shown, re.MULTILINE)
    assert re.search(r"^ smtp +[012] +(takes mail|\S.*)$", shown, re.MULTILINE)
    assert re.search(r"^ example\.org +\d+ +\d +\d +0 *$", shown, re.MULTILINE)
    assert [set(one["holds"]) for one in told["workers"]] == [{slug}]
    assert (told["campaigns"][0]["audience"], told["campaigns"][0]["states"]["refused"]) == (100 * PEOPLE, 1)
    assert told["rate"] > 0
    assert told["domains"]["example.org"]["sent"] > 0
    (relay,) = told["relays"]  # one of its connections may be opened anew just now
    assert (relay["name"], relay["busy"] in (0, 1, 2)) == ("smtp", True)
    assert "\x1b" not in quiet, "without a terminal nothing is drawn"
    assert quiet.count("is sending: ") == 1
    lines = [json.loads(line) for line in log.splitlines()]
    assert "the relay closed: 421 4.3.2 closing after [address]" in [line.get("reason") for line in lines]
    assert "@" not in log


async def test_status_names_a_relay_that_has_had_its_fill_and_receivers_that_get_less_or_nothing(
    smtp_server: Any, prepare: Any, spawn: Any, migrated_url: str
) -> None:
    def answers(verb: str, address: str) -> str | None:
        return "450 4.7.28 slow down" if verb == "RCPT" and address[:3] in ("p0@", "p1@", "p2@") else None

    async with smtp_server(answers=answers) as server:
        warming = "warm_up = [40]\nwarm_up_from = 2121-01-01"  # it is its first day until then
        await prepare(server.port, PEOPLE, smtp=warming, retry_first=600)
        database = databases.connect(migrated_url)
        now = wall_clock()
        async with database.begin() as connection:
            blocked = Pause("blocks.example", Cause.BLOCK, now, now + timedelta(hours=2), 31)
            await pauses.begin(connection, blocked)
            await lifecycle.schedule(connection, await store.find(connection, "opening/thanks"), now)
        await database.close()
        worker = await spawn("worker")
        told = json.loads(await status_with(spawn, "450 4.7.28 slow down", "engine", "status", "--json"))
        shown = await status_with(spawn, "its warm-up", "engine", "status")
        worker.terminate()
        await asyncio.wait_for(worker.communicate(), 60)
    words = " ".join(shown.split())
    assert "smtp 0 has had its share of the 40 mails of this day of its warm-up (UTC)" in words
    assert f"blocks.example nothing until {blocked.until:%Y-%m-%d %H:%M} it blocks us (31 reports)" in words
    assert "example.org 5 a second 450 4.7.28 slow down" in words
    assert max(map(len, shown.splitlines())) <= WIDTH
    assert [(one["to"], one["per_second"]) for one in told["slowed"]] == [("example.org", 5)]
    assert [(one["domain"], one["reports"]) for one in told["paused_domains"]] == [("blocks.example", 31)]
    assert "pulse" not in told["workers"][0], "what it says of itself stands in its place already"
    assert len(server.received) == 36 - 3


async def read_until(terminal: int, words: str, happened: asyncio.Event) -> str:
    """What is written to a terminal, up to these words and to what is to have happened meanwhile."""
    read = ""
    async with asyncio.timeout(60):
        while words not in read or not happened.is_set():
            read += (await asyncio.to_thread(os.read, terminal, 65536)).decode()
    return read


async def status_with(spawn: Any, words: str, *arguments: str) -> str:
    """What this command says as soon as it holds these words: a process says every two seconds how it does."""
    async with asyncio.timeout(60):
        while True:
            process = await spawn(*arguments)
            output, _ = await process.communicate()
            assert process.returncode == 0, output.decode()
            if words in " ".join((shown := output.decode()).split()):
                return shown
