"""The driver under SQLAlchemy: hardly a trip to a thread."""

import asyncio
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError, OperationalError

from newsletter import database as databases
from newsletter.database import Database
from newsletter.sqlite import dialect, driver

MANY = 2500
"""More than come with the statement itself."""

NUMBERS = f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {MANY}) SELECT i FROM n"


@pytest.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Database]:
    """A file with one table."""
    database = databases.connect(f"sqlite:///{tmp_path}/a.sqlite3")
    async with database.begin() as connection:
        await connection.execute(text("CREATE TABLE thing (id INTEGER PRIMARY KEY, name TEXT UNIQUE)"))
    yield database
    await database.close()


async def test_every_row_comes_however_many_there_are(opened):
    async with opened.read() as connection:
        assert list(await connection.scalars(text(NUMBERS))) == list(range(1, MANY + 1))


async def test_rows_can_be_streamed_and_left_in_the_middle(opened):
    async with opened.read() as connection:
        result = await connection.stream(text(NUMBERS))
        first = [row.i for row in await result.fetchmany(1500)]
        await result.close()
        assert first == list(range(1, 1501))
        assert await connection.scalar(text("SELECT 7")) == 7


async def test_an_insert_tells_its_number_and_an_update_how_many_it_changed(opened):
    async with opened.begin() as connection:
        inserted = await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))
        assert inserted.lastrowid == 1
        changed = await connection.execute(text("UPDATE thing SET name = 'b'"))
        assert changed.rowcount == 1


async def test_a_transaction_that_fails_leaves_nothing_and_the_next_one_works(opened):
    with pytest.raises(IntegrityError):
        async with opened.begin() as connection:
            await connection.execute(text("INSERT INTO thing (name) VALUES (:name)"), [{"name": "a"}, {"name": "a"}])
    async with opened.begin() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM thing")) == 0


async def test_a_transaction_without_a_statement_neither_begins_nor_hinders(opened):
    async with opened.begin():
        pass
    with pytest.raises(ZeroDivisionError):
        async with opened.begin():
            raise ZeroDivisionError
    async with opened.begin() as connection:
        await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))
    async with opened.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM thing")) == 1


async def test_the_first_statement_takes_the_write_lock_although_it_only_reads(opened, tmp_path):
    other = sqlite3.connect(tmp_path / "a.sqlite3", timeout=0)
    async with opened.begin() as connection:
        await connection.scalar(text("SELECT count(*) FROM thing"))
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("INSERT INTO thing (name) VALUES ('a')")
    other.close()


async def test_a_view_to_read_from_refuses_to_write(opened):
    with pytest.raises(OperationalError, match="readonly"):
        async with opened.read() as connection:
            await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))


async def test_a_view_stays_as_it_was_while_others_write(opened):
    async with opened.read() as view:
        assert await view.scalar(text("SELECT count(*) FROM thing")) == 0
        async with opened.begin() as connection:
            await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))
        assert await view.scalar(text("SELECT count(*) FROM thing")) == 0


LONG = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 3000000) SELECT count(*) FROM n"


async def test_a_long_read_holds_nobody_else_up(opened):
    turns = 0

    async def turn() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    beside = asyncio.ensure_future(turn())
    async with opened.read() as connection:
        assert await connection.scalar(text(LONG)) == 3_000_000
    beside.cancel()
    assert turns > 100


async def test_small_reads_go_to_no_thread_however_often_they_are_done(opened, monkeypatch):
    monkeypatch.setattr(driver, "_STEPS", 50)  # of which a look at the clock is due after each few
    monkeypatch.setattr(driver, "_NOTICEABLE", 3600)

    def in_thread(*_: object) -> None:
        raise AssertionError("a thread was asked")

    async with opened.read() as connection:
        await connection.scalar(text("SELECT 7"))
        monkeypatch.setattr(driver.Connection, "in_thread", in_thread)
        for _ in range(100):
            assert await connection.scalar(text("SELECT 7")) == 7
    monkeypatch.undo()


async def test_a_read_that_is_given_up_leaves_nothing_running_and_the_next_one_works(opened):
    async def read() -> None:
        async with opened.read() as connection:
            await connection.scalar(text(LONG.replace("3000000", "3000000000")))

    reading = asyncio.ensure_future(read())
    await asyncio.wait([reading], timeout=0.05)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    async with opened.read() as connection:
        assert await connection.scalar(text("SELECT 7")) == 7


async def test_a_brief_transaction_is_whole_or_not_at_all(opened):
    async with opened.briefly() as connection:
        await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))
    with pytest.raises(IntegrityError):
        async with opened.briefly() as connection:
            await connection.execute(text("INSERT INTO thing (name) VALUES (:name)"), [{"name": "b"}, {"name": "a"}])
    async with opened.begin() as connection:
        assert list(await connection.scalars(text("SELECT name FROM thing"))) == ["a"]


async def test_a_brief_transaction_waits_for_none_that_has_not_begun_to_write(opened):
    async with opened.begin() as waiting:  # for another process, say
        async with asyncio.timeout(5), opened.briefly() as connection:
            await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))
        assert await waiting.scalar(text("SELECT name FROM thing")) == "a"


@pytest.mark.parametrize("kind", ["briefly", "here"])
async def test_what_stays_here_asks_no_thread_and_the_next_transaction_does_again(opened, monkeypatch, kind):
    asked = []
    in_thread = driver.Connection.in_thread

    def counted(self, work):
        asked.append(work)
        return in_thread(self, work)

    monkeypatch.setattr(driver.Connection, "in_thread", counted)
    async with getattr(opened, kind)() as connection:
        await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))
    assert not asked
    async with opened.begin() as connection:
        await connection.execute(text("INSERT INTO thing (name) VALUES ('b')"))
    assert len(asked) == 2, "the statement and its commit"


@pytest.mark.parametrize("kind", ["briefly", "here"])
async def test_others_have_their_turn_between_two_statements_unless_these_are_urgent(opened, kind):
    turns = []
    async with getattr(opened, kind)() as connection:
        await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))  # a connection opens in a thread
        asyncio.get_running_loop().call_soon(turns.append, "another's")
        await connection.execute(text("INSERT INTO thing (name) VALUES ('b')"))
        turns.append("the second")
    assert turns == (["the second"] if kind == "briefly" else ["another's", "the second"])


@pytest.mark.parametrize("kind", ["begin", "briefly", "here"])
async def test_who_finds_the_file_locked_waits_and_lets_others_work_meanwhile(opened, tmp_path, kind):
    other = sqlite3.connect(tmp_path / "a.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def write() -> None:
        async with getattr(opened, kind)() as connection:
            await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))

    writing = asyncio.ensure_future(write())
    async with opened.read() as connection:
        assert await connection.scalar(text("SELECT count(*) FROM thing")) == 0
    assert not (await asyncio.wait([writing], timeout=0.1))[0]
    other.execute("COMMIT")
    other.close()
    await writing


@pytest.mark.parametrize("kind", ["begin", "here"])
async def test_who_had_the_file_locked_for_long_lets_others_in_before_they_lock_it_again(
    opened, tmp_path, monkeypatch, kind
):
    monkeypatch.setattr(driver, "_COURTESY", 3600)

    async def write() -> None:
        async with getattr(opened, kind)() as connection:
            await connection.execute(text("INSERT INTO thing (name) VALUES ('a')"))
            await asyncio.get_running_loop().create_future()

    async with getattr(opened, kind)() as connection:
        await connection.execute(text("UPDATE thing SET name = 'b'"))
        locked = time.monotonic()  # the first statement locks the file, which may take its time
        while time.monotonic() - locked < 0.01:
            await connection.execute(text("UPDATE thing SET name = 'b'"))
    again = asyncio.create_task(write())
    for _ in range(10):
        await asyncio.sleep(0)
    other = sqlite3.connect(tmp_path / "a.sqlite3", isolation_level=None, timeout=0)
    other.execute("BEGIN IMMEDIATE")
    other.execute("COMMIT")
    other.close()
    again.cancel()
    await asyncio.wait([again])
    async with opened.briefly() as connection:  # which nobody has to let in
        await connection.execute(text("INSERT INTO thing (name) VALUES ('c')"))


async def test_patience_with_a_locked_file_has_an_end(tmp_path):
    other = sqlite3.connect(tmp_path / "a.sqlite3", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    engine = dialect.engine(tmp_path / "a.sqlite3", ["busy_timeout = 0"], only_reads=False, patience=0.05)
    async with engine.connect() as connection:
        with pytest.raises(OperationalError, match="locked"):
            await connection.execute(text("SELECT 1"))
    await engine.dispose()
    other.close()
