"""Relays and databases that fail while a campaign is sent: everyone is reached, and nobody twice who need not be."""

import asyncio
import sqlite3
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import make_url

pytestmark = pytest.mark.faults

PEOPLE = 240
ONLY_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ONLY_POSTGRESQL = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)


CUT = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid()"
)


async def sent_by(process: Any, server: Any, tmp_path: Path) -> Counter[str]:
    """Wait until the sender has done all; answer how often each address was reached."""
    await asyncio.to_thread(process.join, 90)
    said = (tmp_path / "said.log").read_text()
    assert process.exitcode == 0, said
    assert f"opening/thanks is finished: {PEOPLE} sent." in said
    reached = Counter(one.rcpt_to for one in server.received)
    assert set(reached) == {f"p{n}@example.org" for n in range(PEOPLE)}
    return reached


def every(count: int, verb: str, reply: str, *, until: int = 40) -> Any:
    """Answers of a relay that gives this reply to every so many of a verb, a while long."""
    seen = Counter[str]()

    def answers(given: str, _: str) -> str | None:
        seen[given] += 1
        is_bad = given == verb and seen[given] % count == 0 and seen[given] <= until * count
        return reply if is_bad else None

    return answers


@pytest.mark.parametrize(
    ("answers", "in_doubt"),
    [
        (every(40, "BODY", "take-and-close"), 6),
        (every(30, "RCPT", "close"), 0),
        (every(50, "MAIL", "421 4.3.2 shutting down"), 0),
        (every(60, "BODY", "421 4.7.0 too much"), 0),
        (every(20, "RCPT", "450 4.7.1 slow down"), 0),
        (every(80, "DATA", "hang", until=2), 0),
    ],
    ids=["closes after N", "closes at an envelope", "421 at MAIL", "421 to a mail", "450", "hangs"],
)
async def test_a_relay_that_fails_in_the_middle_costs_nobody_their_mail(
    smtp_server: Any, prepare: Any, fork: Any, tmp_path: Path, answers: Any, in_doubt: int
) -> None:
    async with smtp_server(answers=answers) as server:
        slug = await prepare(server.port, PEOPLE, smtp="timeout = 1")
        reached = await sent_by(fork("campaign", "send", slug, "--yes"), server, tmp_path)
    assert sum(reached.values()) - PEOPLE <= in_doubt


async def test_a_relay_that_is_killed_and_comes_back_is_found_again(
    smtp_server: Any, prepare: Any, fork: Any, until_said: Any, tripwire: Any, tmp_path: Path
) -> None:
    async with smtp_server(answers=tripwire) as server:
        slug = await prepare(server.port, PEOPLE)
        tripwire.arm(PEOPLE // 3)
        process = fork("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), 60)
        server.kill()
        await until_said("no relay takes mail")
        await server.listen()
        reached = await sent_by(process, server, tmp_path)
    assert sum(reached.values()) - PEOPLE <= 2


@ONLY_SQLITE
async def test_a_file_that_another_program_has_locked_doubles_nobody(
    smtp_server: Any, prepare: Any, fork: Any, tripwire: Any, tmp_path: Path
) -> None:
    async with smtp_server(answers=tripwire) as server:
        slug = await prepare(server.port, PEOPLE)
        tripwire.arm(PEOPLE // 3)
        process = fork("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), 60)
        with closing(sqlite3.connect(tmp_path / "newsletter.sqlite3", timeout=30)) as other:
            other.execute("BEGIN IMMEDIATE")
            count = len(server.received)
            await asyncio.sleep(0.5)  # the lock is held for so long: that is the fault itself
            assert len(server.received) - count <= 2 * 20 * 2
            other.rollback()
        reached = await sent_by(process, server, tmp_path)
    assert set(reached.values()) == {1}


@ONLY_POSTGRESQL
async def test_connections_to_the_database_that_are_cut_double_nobody(
    smtp_server: Any, prepare: Any, fork: Any, tripwire: Any, tmp_path: Path, migrated_url: str
) -> None:
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        slug = await prepare(server.port, PEOPLE)
        process = None
        for _ in range(3):
            tripwire.arm(PEOPLE // 5, holds=True)
            tripwire.gate.set()
            process = process or fork("campaign", "send", slug, "--yes")
            await asyncio.wait_for(tripwire.reached.wait(), 60)
            with psycopg.connect(migrated_url, autocommit=True) as connection:
                connection.execute(CUT)
        tripwire.gate.set()
        reached = await sent_by(process, server, tmp_path)
    assert set(reached.values()) == {1}


@ONLY_POSTGRESQL
async def test_a_database_that_may_only_be_read_for_a_while_as_after_a_failover_doubles_nobody(
    smtp_server: Any, prepare: Any, fork: Any, until_said: Any, tripwire: Any, tmp_path: Path, migrated_url: str
) -> None:
    name = make_url(migrated_url).database
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        slug = await prepare(server.port, PEOPLE)
        tripwire.arm(PEOPLE // 3, holds=True)
        process = fork("campaign", "send", slug, "--yes")
        await asyncio.wait_for(tripwire.reached.wait(), 60)
        with psycopg.connect(migrated_url, autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" SET default_transaction_read_only = on'.encode())
            connection.execute(CUT)
            tripwire.gate.set()
            await until_said("read-only transaction")
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(f'ALTER DATABASE "{name}" RESET default_transaction_read_only'.encode())
            connection.execute(CUT)
        reached = await sent_by(process, server, tmp_path)
    assert set(reached.values()) == {1}
