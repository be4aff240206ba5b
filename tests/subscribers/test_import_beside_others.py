"""An import writes as much at once as it may on SQLite, and makes nobody wait who wants to write there too."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import func, select, text

from newsletter.cli.people_import import ByMail
from newsletter.database import Database
from newsletter.delivery import transactional
from newsletter.tables import transactional as mails
from subscribers import importing
from subscribers.importing import Report, store, writing
from subscribers.tables import subscriber

ON_SQLITE = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
ROWS = 20_000

WRITING = """
import asyncio, sqlite3, sys
from sqlalchemy import text
from newsletter import database as databases

async def main(path):
    look = sqlite3.connect(path, timeout=0, isolation_level=None)
    database = databases.connect(f"sqlite:///{path}")
    async with database.briefly() as connection:
        await connection.execute(text("SELECT 1"))
    print("ready", flush=True)
    while True:  # until the import writes
        try:
            look.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            break
        look.execute("ROLLBACK")
    async with database.briefly() as connection:
        print(await connection.scalar(text("SELECT count(*) FROM subscriber")), flush=True)
        await connection.execute(text("PRAGMA user_version = 7"))
    await database.close()

asyncio.run(main(sys.argv[1]))
"""


class Watched:
    """A database that is asked for transactions: which kinds, how many had been added before each, who waits."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.is_sqlite = database.is_sqlite
        self.read = database.read
        self.is_awaited = database.is_awaited
        self.kinds: list[str] = []
        self.before_second = lambda: None

    def begin(self):
        """Thousands of rows."""
        return self._opened("begin")

    def here(self):
        """Some hundred."""
        return self._opened("here")

    def _opened(self, kind: str):
        if len(self.kinds) == 1:
            self.before_second()
        self.kinds.append(kind)
        return getattr(self.database, kind)()


def people_file(folder: Path, count: int) -> Path:
    path = folder / "people.csv"
    path.write_text("email\n" + "".join(f"p{number}@example.org\n" for number in range(count)))
    return path


async def taken(database, path: Path, now) -> Report:
    return await importing.run(path, database=database, hash_key="h" * 40, now=now)


async def count(database: Database) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(subscriber))


@pytest.fixture
def few_at_once(batch_size):
    batch_size(1000)


async def test_while_nobody_else_writes_a_batch_is_one_transaction(people, tmp_path, few_at_once):
    watched = Watched(people.database)
    report = await taken(watched, people_file(tmp_path, 1800), people.now)
    assert report.counts.pending == await count(people.database) == 1800
    assert watched.kinds[:2] == ["begin", "begin"]
    assert "here" not in watched.kinds


@ON_SQLITE
async def test_while_others_write_an_import_writes_less_at_once(people, tmp_path, few_at_once):
    watched = Watched(people.database)

    def somebody_writes() -> None:
        with closing(sqlite3.connect(people.database.url.database)) as other:
            other.execute("PRAGMA user_version = 7")

    watched.before_second = somebody_writes
    report = await taken(watched, people_file(tmp_path, 1800), people.now)
    assert report.counts.pending == await count(people.database) == 1800
    assert watched.kinds[:2] == ["begin", "begin"], "the second finds out"
    assert watched.kinds[2:5] == ["here"] * 3, "256 of 800 were its own"


@ON_SQLITE
async def test_whoever_waits_in_another_process_goes_before_what_an_import_has_begun_to_write(
    people, tmp_path, batch_size
):
    batch_size(ROWS)
    path, database = people_file(tmp_path, ROWS), people.database
    command = [sys.executable, "-c", WRITING, database.url.database]
    folder = Path(__file__).parents[2]
    with subprocess.Popen(command, stdout=subprocess.PIPE, cwd=folder, text=True) as other:  # noqa: ASYNC220 - at once
        assert other.stdout is not None
        assert other.stdout.readline() == "ready\n"
        report = await taken(database, path, people.now)
        seen, _ = other.communicate()
    assert other.returncode == 0
    assert int(seen) < ROWS, "all of them would have been one transaction"
    assert report.counts.pending == await count(database) == ROWS


@ON_SQLITE
async def test_an_import_goes_on_although_somebody_says_all_the_time_that_they_wait(
    people, tmp_path, monkeypatch, few_at_once
):
    monkeypatch.setattr(writing, "_LONGEST_WAIT", 0.01)
    watched = Watched(people.database)
    watched.is_awaited = lambda: True
    report = await taken(watched, people_file(tmp_path, 1800), people.now)
    assert report.counts.pending == await count(people.database) == 1800


@ON_SQLITE
async def test_an_import_may_be_broken_off_at_whatever_it_does(people, tmp_path, monkeypatch, few_at_once):
    """Without a moment between two looks it is broken off at once, while its people are given to the connection."""
    monkeypatch.setattr(writing, "_LOOK", 0)
    monkeypatch.setattr(writing, "_COURTEOUS", 0)
    watched, path = Watched(people.database), people_file(tmp_path, 1800)
    looks = iter([*[True] * 400, *[False] * 10**6])
    watched.is_awaited = lambda: next(looks)
    report = await taken(watched, path, people.now)
    assert report.counts.pending == await count(people.database) == 1800


async def test_two_imports_at_once_write_each_its_own_people(people, tmp_path, monkeypatch, few_at_once):
    monkeypatch.setattr(writing, "_LONGEST_WAIT", 0)
    watched, files = Watched(people.database), []
    watched.is_awaited = lambda: True  # so that a batch takes several transactions
    for name in ("ana", "ben"):
        rows = "".join(f"{name}{number}@example.org,{name}\n" for number in range(2000))
        files.append(tmp_path / f"{name}.csv")
        files[-1].write_text(f"email,first_name\n{rows}")
    reports = await asyncio.gather(*(taken(watched, path, people.now) for path in files))
    assert [report.counts.pending for report in reports] == [2000, 2000]
    async with people.database.read() as connection:
        rows = (await connection.execute(select(subscriber.c.address, subscriber.c.first_name))).all()
    assert len(rows) == 4000
    assert all(address.startswith(name) for address, name in rows)


@ON_SQLITE
async def test_nothing_of_a_batch_stays_in_the_memory_of_the_connection_that_wrote_it(people, tmp_path, few_at_once):
    await taken(people.database, people_file(tmp_path, 1800), people.now)
    async with people.database.begin() as connection:
        names = [name for _, name, _ in await connection.execute(text("PRAGMA database_list"))]
    assert "staged" not in names


async def test_two_imports_at_once_ask_whoever_waits_no_more_than_once(people, database, tmp_path):
    path = tmp_path / "people.csv"
    path.write_text("email\nana@example.org\n")

    def bring(**options):
        return importing.run(path, database=database, hash_key="h" * 40, now=people.now, **options)

    await bring()
    async with database.begin() as connection:
        ids = list(await connection.scalars(select(subscriber.c.id)))
        await store.hold(connection, ids)
        await transactional.ask(connection, ids, now=people.now)
        beside = asyncio.create_task(bring(asking=ByMail(people.now)))
        await asyncio.sleep(0.3)
    assert (await beside).asked == 0
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(mails)) == 1
