"""How long an answer takes tells nobody who is subscribed: the same is done before it for everyone, and the times of a
real server on a socket are distributed alike."""

import asyncio
import random
import re
import time
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import event, select
from starlette.types import Message, Receive, Scope, Send

from newsletter.clock import wall_clock
from newsletter.constellation import store
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.web.app import create_app
from subscribers import erasure, preferences, signup, suppression
from subscribers.addresses import parse
from subscribers.suppression import Reason
from subscribers.tables import subscriber

EACH = 40
KINDS = ("new", "pending", "confirmed", "left", "suppressed", "erased")
HASH_KEY = "h" * 40


@pytest.fixture
async def port(database: Database, database_url: str, constellation: Constellation, tmp_path: Path, spawn: Any) -> Any:
    """A server of its own process, without limits that the test would reach, where all these people are known."""
    joining = 'proof_of_work = "off"\nmost_an_hour = 100000\nmost_an_hour_from_network = 100000'
    secrets = f'signing_keys = ["{"k" * 40}"]\nhash_key = "{HASH_KEY}"'
    (tmp_path / "newsletter.toml").write_text(
        f'database = "{database_url}"\n[secrets]\n{secrets}\n[joining]\n{joining}\n[smtp]\nport = 1\n'
    )
    now = wall_clock()
    async with database.begin() as connection:
        await store.load(connection, constellation, now)
        for number in range(EACH):
            for kind in KINDS[1:]:
                await _known(connection, kind, f"{kind}{number}@example.org", now)
    process = await spawn("serve", "--port", "0")
    line = (await process.stdout.readline()).decode()
    served = re.search(r"http://127\.0\.0\.1:(\d+)", line)
    assert served, line
    yield int(served[1])
    process.terminate()
    await process.communicate()


async def _known(connection: Any, kind: str, address: str, now: Any) -> None:
    if kind == "suppressed":
        hashed = suppression.address_hash(address, HASH_KEY)
        await suppression.suppress(connection, hashed, Reason.REFUSED, at=now)
        return
    await signup.join(connection, signup.Request(parse(address), "form"), hash_key=HASH_KEY, now=now)
    number = await connection.scalar(select(subscriber.c.id).where(subscriber.c.address == address))
    if kind != "pending":
        await signup.confirm(connection, number, ip="", now=now)
    if kind == "left":
        await preferences.leave(connection, number, source="page", now=now)
    if kind == "erased":
        await erasure.erase(connection, number, now=now)


def _ask(port: int, rounds: list[tuple[str, str]]) -> dict[str, list[float]]:
    """Post each address over one connection; how long each answer took, by kind.

    Before each goes somebody new whose answer is not measured: whatever is still done for the one before, is for them.
    """
    taken: dict[str, list[float]] = {}
    connection = HTTPConnection("127.0.0.1", port)
    answers = set()
    for number, (kind, address) in enumerate(rounds):
        _post(connection, f"between{number}@example.org")
        began = time.perf_counter()
        answers.add(_post(connection, address))
        taken.setdefault(kind, []).append(time.perf_counter() - began)
    connection.close()
    assert len(answers) == 1
    return taken


def _post(connection: HTTPConnection, address: str) -> tuple[int, str | None, bytes]:
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/join", urlencode({"email": address}), headers)
    response = connection.getresponse()
    return response.status, response.headers["location"], response.read()


def _share_that_is_slower(some: list[float], others: list[float]) -> float:
    """How often one of these takes longer than one of the others: a half where they are alike (Mann and Whitney's U).

    It looks at ranks alone, so that one answer that waited for something else weighs no more than any other.
    """
    return sum(one > other for one in some for other in others) / (len(some) * len(others))


# On the database that the tests keep in memory: a disk's own moods are no part of the question.
@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_an_answer_takes_as_long_whoever_the_address_belongs_to(port: int, database: Database) -> None:
    rounds = [(kind, f"{kind}{number}@example.org") for kind in KINDS for number in range(EACH)]
    random.Random(7).shuffle(rounds)
    taken = await asyncio.to_thread(_ask, port, rounds)
    shares = {
        kind: _share_that_is_slower(taken[kind], [one for other in KINDS if other != kind for one in taken[other]])
        for kind in KINDS
    }
    # With 40 among 200, alike ones keep within 0.05 of a half two times in three; this is five times as much.
    assert all(0.25 < share < 0.75 for share in shares.values()), shares


async def test_before_the_answer_the_same_is_asked_of_the_database_whoever_the_address_belongs_to(
    database: Database, settings: Any, constellation: Constellation
) -> None:
    statements: list[str] = []
    before: dict[tuple[str, str], list[str]] = {}
    now = wall_clock()
    async with database.begin() as connection:
        await store.load(connection, constellation, now)
        for kind in KINDS[1:]:
            for path in ("join", "link"):
                await _known(connection, kind, f"{kind}-{path}@example.org", now)
        engine = connection.sync_connection.engine
    app = create_app(settings, database=database, run_engine=False)
    event.listen(engine, "before_cursor_execute", lambda *of: statements.append(" ".join(of[2].split())))

    async def noted(scope: Scope, receive: Receive, send: Send) -> None:
        async def answer(message: Message) -> None:
            if message["type"] == "http.response.start":
                before.setdefault((scope["path"], current), list(statements))
            await send(message)

        statements.clear()
        await app(scope, receive, answer)

    transport = httpx2.ASGITransport(app=noted)
    async with (
        app.router.lifespan_context(app),
        httpx2.AsyncClient(transport=transport, base_url="https://news.example.org") as client,
    ):
        current = "first"
        await client.post("/join", data={"email": "first@example.org"})  # the first of an hour tidies up
        for path in ("join", "link"):
            for current in KINDS:
                answer = await client.post(f"/{path}", data={"email": f"{current}-{path}@example.org"})
                assert answer.status_code == 303
                assert len(statements) > len(before[f"/{path}", current])  # and afterwards, more is
    for path in ("/join", "/link"):
        done = [before[path, kind] for kind in KINDS]
        assert any("request_count" in statement for statement in done[0])
        assert done == [done[0]] * len(KINDS), path
