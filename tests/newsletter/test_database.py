"""The databases: migrations, the pragmas that matter, and the lock."""

import asyncio
import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import CheckConstraint, create_engine, delete, func, insert, inspect, select, text, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import DBAPIError

from newsletter import assets, engine_lock
from newsletter import database as databases
from newsletter.delivery import transactional
from newsletter.delivery.transactional import Kind
from newsletter.tables import campaign, delivery, inbox, metadata
from subscribers import erasure
from subscribers.moving import Mailbox
from subscribers.tables import consent, subscriber
from tests import hashes


def person(now: datetime) -> dict[str, object]:
    return {"address": "a@example.org", "normal": "a@example.org", "hash": "h", "status": "pending", "joined_at": now}


async def test_a_new_database_is_at_head_after_an_upgrade(database_url: str) -> None:
    assert await databases.upgrade(database_url) == databases.head()
    await databases.require_current(database_url)


def test_the_revision_that_is_needed_is_the_one_that_alembic_would_end_at() -> None:
    config = Config()
    config.set_main_option("script_location", str(assets.MIGRATIONS))
    assert databases.head() == ScriptDirectory.from_config(config).get_current_head()


ENDED_AMID_A_PIPELINE = """
import asyncio, sys
from sqlalchemy import text
from newsletter import database as databases

async def sleep(database):
    async with database.begin() as connection:
        await connection.execute(text("SELECT pg_sleep(:seconds)"), [{"seconds": 60}] + [{"seconds": 0}] * 999)

async def main():
    database = databases.connect(sys.argv[1])
    sleeping = asyncio.create_task(sleep(database))
    asleep = text("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE :sleep")
    found = 0
    while not found:
        async with database.read() as connection:  # whose picture of who does what is that of its beginning
            found = await connection.scalar(asleep, {"sleep": "SELECT pg_sleep%"})
    sleeping.cancel()
    await asyncio.wait([sleeping])
    await database.close()

asyncio.run(main())
"""


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_a_command_that_is_ended_amid_its_statements_has_the_driver_say_nothing(database_url: str) -> None:
    run = subprocess.run((sys.executable, "-c", ENDED_AMID_A_PIPELINE, database_url), capture_output=True, check=True)
    assert (run.stdout, run.stderr) == (b"", b"")


async def test_an_instant_comes_back_as_the_same_moment_in_utc(database: databases.Database, now: datetime) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(subscriber), [person(now)])
    async with database.read() as connection:
        assert await connection.scalar(select(subscriber.c.joined_at)) == now


async def test_a_naive_datetime_is_refused(database: databases.Database) -> None:
    with pytest.raises(Exception, match="naive datetime"):
        async with database.begin() as connection:
            await connection.execute(insert(subscriber), [person(datetime(2021, 1, 1))])  # noqa: DTZ001 - the point


async def test_evidence_of_consent_can_be_neither_changed_nor_deleted(
    database: databases.Database, now: datetime
) -> None:
    row = {"subscriber_id": 1, "at": now, "action": "requested", "actor": "person"}
    async with database.begin() as connection:
        await connection.execute(insert(subscriber), [person(now)])
        await connection.execute(insert(consent), [row])
    for attempt in (update(consent).values(source="other"), delete(consent)):
        with pytest.raises(DBAPIError, match="append-only"):
            async with database.begin() as connection:
                await connection.execute(attempt)


async def test_evidence_of_consent_can_not_be_replaced_either(database: databases.Database, now: datetime) -> None:
    row = {"id": 1, "subscriber_id": 1, "at": now, "action": "requested", "actor": "person"}
    forged = {**row, "action": "confirmed", "ip": "192.0.2.66"}
    async with database.begin() as connection:
        await connection.execute(insert(subscriber), [person(now)])
        await connection.execute(insert(consent), [row])
    if database.is_sqlite:
        replacing = insert(consent).prefix_with("OR REPLACE").values(forged)
    else:
        replacing = postgresql.insert(consent).values(forged).on_conflict_do_update(index_elements=["id"], set_=forged)
    with pytest.raises(DBAPIError, match="append-only"):
        async with database.begin() as connection:
            await connection.execute(replacing)
    async with database.read() as connection:
        assert await connection.scalar(select(consent.c.action)) == "requested"


@pytest.mark.parametrize("column", ["status", "rhythm"])
async def test_a_column_takes_only_one_of_the_values_it_may_have(
    database: databases.Database, now: datetime, column: str
) -> None:
    with pytest.raises(DBAPIError, match="subscriber_" + column):
        async with database.begin() as connection:
            await connection.execute(insert(subscriber), [{**person(now), column: "another"}])


def test_sqlite_checks_what_the_code_says_and_makes_no_table_of_values_for_each_row(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/new.sqlite3"
    asyncio.run(databases.upgrade(url))
    engine = create_engine(url)
    with engine.connect() as connection:
        made = {
            (table, check["name"]): check["sqltext"]
            for table in metadata.tables
            for check in inspect(connection).get_check_constraints(table)
        }
    engine.dispose()
    written = {
        (table.name, str(constraint.name)): str(constraint.sqltext)
        for table in metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, CheckConstraint)
    }
    assert made == written
    assert not [text for text in made.values() if " IN ('" in text]


async def test_evidence_goes_when_its_person_is_erased(database: databases.Database, now: datetime) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(subscriber), [person(now)])
        await connection.execute(
            insert(consent), [{"subscriber_id": 1, "at": now, "action": "requested", "actor": "person"}]
        )
        await connection.execute(delete(subscriber))
        assert await connection.scalar(select(func.count()).select_from(consent)) == 0


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_nothing_of_whoever_is_erased_is_left_in_the_file(
    database: databases.Database, now: datetime, add_people: Any
) -> None:
    given, file = "ana.maria.of.the.long.name@rare.example", Path(str(database.url.database))

    def traces() -> list[int]:
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0] == 0
        return [path.read_bytes().lower().count(b"rare.example") for path in sorted(file.parent.glob(f"{file.name}*"))]

    async with database.begin() as connection:
        people = await add_people(connection, 600, now)
        named = {"address": given, "normal": given, "first_name": "Ana at rare.example"}
        await connection.execute(update(subscriber).where(subscriber.c.id == people[300]).values(**named))
        await connection.execute(insert(campaign).values(id=1, slug="a/b", kind="invitation", created_at=now))
        reply = f"554 5.7.1 <{given}>: Relay access denied"
        rows = [{"campaign_id": 1, "subscriber_id": n, "state": "refused", "reply": reply} for n in people[300:301]]
        await connection.execute(insert(delivery), rows)
        said = {"address": given, "detail": reply * 200}  # more than fits a page: it stands on pages of its own
        told = {"provider": "smtp", "event_id": "1", "received_at": now, "subscriber_id": people[300], "event": said}
        await connection.execute(insert(inbox), [told])
        for kind in (Kind.MOVE, Kind.MOVED):
            to = Mailbox(given, hashes.of(given))
            await transactional.enqueue(connection, people[300], kind, now=now, most_a_day=9, to=to)
    assert sum(traces()) > 100
    async with database.begin() as connection:
        assert await erasure.erase(connection, people[300], now=now)
    assert sum(traces()) == 0


async def test_concurrent_read_then_write_loses_no_update(database: databases.Database, now: datetime) -> None:
    async with database.begin() as connection:
        await connection.execute(insert(inbox), [{"provider": "0", "event_id": "x", "received_at": now, "event": {}}])

    async def add_one() -> None:
        async with database.begin() as connection:
            count = await connection.scalar(select(inbox.c.provider).with_for_update())
            await connection.execute(update(inbox).values(provider=str(int(count or "0") + 1)))

    await asyncio.gather(*[add_one() for _ in range(20)])
    async with database.read() as connection:
        assert await connection.scalar(select(inbox.c.provider)) == "20"


async def test_the_engine_lock_is_held_by_one_at_a_time(database: databases.Database) -> None:
    async with engine_lock.held(database):
        with pytest.raises(databases.DatabaseBusy, match="another process"):
            async with engine_lock.held(database):
                pass
    for _ in range(20):  # at once, however long the server takes to notice that a connection has gone
        async with engine_lock.held(database):
            pass


async def test_reading_cannot_write_on_sqlite(tmp_path: Path, now: datetime) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    await databases.upgrade(url)
    database = databases.connect(url)
    with pytest.raises(DBAPIError, match="readonly"):
        async with database.read() as connection:
            await connection.execute(insert(subscriber), [person(now)])
    await database.close()


async def test_a_folder_that_is_missing_or_stands_where_the_file_should_be_is_named(tmp_path: Path) -> None:
    with pytest.raises(databases.DatabaseError, match=r"there is no folder .*gone; make it"):
        await databases.upgrade(f"sqlite:///{tmp_path}/gone/news.sqlite3")
    with pytest.raises(databases.DatabaseError, match=r"is a folder; name a file in it, as in sqlite:///.*"):
        await databases.upgrade(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("mysql://x/y", "mysql is not supported"),
        ("nonsense", "is not a URL"),
        ("postgresql://127.0.0.1:abc/x", "is not a URL"),
        ("sqlite://", "name a file"),
    ],
)
def test_a_database_url_that_cannot_work_is_one_clear_line(url: str, message: str) -> None:
    with pytest.raises(databases.DatabaseError, match=message) as caught:
        databases.parse(url)
    assert "\n" not in str(caught.value)


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "broken.sqlite3"
    file.write_text("this is not a database, only a text that is long enough to look like one" * 20)
    with pytest.raises(databases.DatabaseError, match=r"broken\.sqlite3: file is not a database"):
        await databases.upgrade(f"sqlite:///{file}")
    assert file.read_text().startswith("this is not")


async def test_a_database_that_is_behind_is_refused_with_the_command_that_mends_it(database_url: str) -> None:
    await databases.upgrade(database_url)
    database = databases.connect(database_url)
    async with database.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '0001'"))
    with pytest.raises(databases.DatabaseError, match="newsletter db upgrade"):
        await databases.require_current(database_url)
    await database.close()


async def test_a_database_that_knows_no_letters_is_refused_with_the_command_that_makes_another(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bytes ENCODING 'SQL_ASCII' LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0")
    url = postgres.replace("/postgres?", "/bytes?")
    assert await databases.current(url) is None
    with pytest.raises(databases.DatabaseError) as refused:
        await databases.upgrade(url)
    assert str(refused.value) == (
        "the database bytes is in SQL_ASCII, which cannot hold every name; "
        "make it anew: createdb --encoding=UTF8 --template=template0 bytes"
    )
