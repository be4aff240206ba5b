"""Many people in SQLite: how long somebody waits for a page while an import or a campaign runs, and staff for a count.

The pages are asked one after the other, with a pause between them: what is measured is the server, not a queue.
"""

import asyncio
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import update

from benchmarks import ground, imports, processes, web, wire
from benchmarks.ground import Ground
from benchmarks.rows import Row, row
from benchmarks.scale import Scale
from newsletter import database as databases
from newsletter.campaigns import audiences, lifecycle
from newsletter.database import Database
from newsletter.delivery import ledger
from newsletter.delivery.state import State
from newsletter.engine import parts
from subscribers import audience
from subscribers.audience import About
from subscribers.links import Links, Purpose
from subscribers.tables import subscriber

_MILLISECONDS, _AT_MOST = 20, 50
_SECONDS = 2
_ONE_AT_A_TIME = (1, 0.005)
_MOST_VISITS = 100
_IMPORTED = 500_000
_WHO = (
    'role = "teacher" and follows("closing") and not received("closing/invitation") and joined > 2021-02-01'
    ' or domain = "example7.net"'
)


def measure(scale: Scale) -> Iterator[Row]:
    """A row for a count, and for each kind of work beside the slowest in twenty, and in a hundred, of what is asked."""
    with ground.folder() as at, ground.sqlite() as url, wire.sink() as port:
        made = asyncio.run(ground.prepare(url, at, people=scale.crowd, port=port))
        name = f"audience count among {scale.crowd:,}, SQLite"
        yield row(name, asyncio.run(_counting(url)), "s", below=_SECONDS)
        visits = min(_MOST_VISITS, scale.crowd // 200)
        with web.serving(
            [sys.executable, "-m", "newsletter", "--settings", str(made.settings_path), "serve"]
        ) as served:
            for beside, first, at_work in (("an import", 1, _importing), ("a campaign", visits + 1, _sending)):
                asyncio.run(_unconfirm(url, first, visits))
                with at_work(at, url, made):
                    asking = _visits(parts.links(made.settings), range(first, first + visits))
                    told = web.asked(at, served, asking, *_ONE_AT_A_TIME)
                pages = f"join, confirm and preference pages among {scale.crowd:,} beside {beside}"
                yield row(f"{pages}: the slowest in twenty", told["p95_ms"], "ms", below=_MILLISECONDS)
                yield row(f"{pages}: the slowest in a hundred", told["p99_ms"], "ms", below=_AT_MOST)


def _visits(links: Links, people: range) -> list[str]:
    """What as many people ask for: the form, joining, confirming, their preferences, and saving them."""
    now = datetime.now(UTC)
    asking: list[str] = []
    for number in people:
        confirm = links.token(Purpose.CONFIRM, number, issued_at=now)
        choose = links.token(Purpose.PREFERENCES, number, issued_at=now)
        asking += [
            "GET /join HTTP/1.1",
            web.post("/join", f"email=visitor{number}@example.org&scope=everything"),
            f"GET /confirm/{confirm} HTTP/1.1",
            web.post(f"/confirm/{confirm}", ""),
            f"GET /preferences/{choose} HTTP/1.1",
            web.post(f"/preferences/{choose}", "part=pause&length=month"),
        ]
    return asking


@contextmanager
def _importing(at: Path, url: str, _: Ground) -> Iterator[None]:
    """An import of a file that takes longer than the visits, in a process beside."""
    path = at / "more.csv"
    imports.write(path, imports.people(_IMPORTED, "more"))
    with processes.running([sys.executable, "-m", "benchmarks.importer", url, str(path)], core=1) as process:
        yield
        if process.poll() is not None:
            raise SystemExit("benchmarks: the import ended before the visits did")


@contextmanager
def _sending(_: Path, url: str, made: Ground) -> Iterator[None]:
    """A campaign to everybody, sent by the server's own engine."""
    asyncio.run(_start(url, made))
    yield
    if not asyncio.run(_waiting(url, made)):
        raise SystemExit("benchmarks: the campaign ended before the visits did")


async def _start(url: str, made: Ground) -> None:
    async with _opened(url) as database, database.begin() as connection:
        await lifecycle.start(connection, made.settings, made.campaign, now=datetime.now(UTC))


async def _waiting(url: str, made: Ground) -> int:
    """How many of the campaign's mails have not been sent yet."""
    async with _opened(url) as database, database.read() as connection:
        return (await ledger.counts(connection, made.campaign.id)).get(State.QUEUED, 0)


async def _unconfirm(url: str, first: int, count: int) -> None:
    """Make some people pending, so that there is something to confirm."""
    of = subscriber.c.id.between(first, first + count - 1)
    async with _opened(url) as database, database.begin() as connection:
        await connection.execute(update(subscriber).where(of).values(status="pending", confirmed_at=None))


async def _counting(url: str) -> float:
    """Seconds to count whom an expression means, compiled anew."""
    async with _opened(url) as database, database.read() as connection:
        begun = time.perf_counter()
        only = await audiences.condition(connection, _WHO)
        await audience.count(connection, About(None), datetime.now(UTC), only=only)
        return time.perf_counter() - begun


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    database = databases.connect(url)
    try:
        yield database
    finally:
        await database.close()
