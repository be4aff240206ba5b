"""The backup of a database and its way back: whole, for its owner alone, and never over anything."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest
from sqlalchemy import insert

from newsletter import backups, engine_lock
from newsletter import database as databases
from newsletter.database import DatabaseBusy, DatabaseError
from subscribers.tables import subscriber


@pytest.fixture
def easy_going() -> Iterator[None]:
    """A person whose files everybody on the machine may read."""
    before = os.umask(0o022)
    yield
    os.umask(before)


async def join(database: databases.Database, name: str, now: datetime) -> None:
    person = {"address": name, "normal": name, "hash": name, "status": "pending", "joined_at": now}
    async with database.begin() as connection:
        await connection.execute(insert(subscriber), [person])


def names(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as connection, connection:
        found = [name for (name,) in connection.execute("SELECT address FROM subscriber ORDER BY id")]
    connection.close()
    return found


async def test_a_database_its_companions_and_its_backup_are_for_their_owners_eyes_alone(
    tmp_path: Path, now: datetime, easy_going: None
) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    await databases.upgrade(url)
    database = databases.connect(url)
    await join(database, "ana", now)
    (tmp_path / "copy.sqlite3.partial").touch()  # as a backup that was killed leaves it
    await backups.write(url, tmp_path / "copy.sqlite3")
    seen = {entry.name: entry.stat().st_mode & 0o777 for entry in os.scandir(tmp_path)}
    await database.close()
    assert seen == dict.fromkeys(["a.sqlite3", "a.sqlite3-wal", "a.sqlite3-shm", "copy.sqlite3"], 0o600)


async def test_a_backup_is_whole_and_never_overwrites(tmp_path: Path, now: datetime) -> None:
    url = f"sqlite:///{tmp_path}/a.sqlite3"
    await databases.upgrade(url)
    database = databases.connect(url)
    await join(database, "ana", now)
    target = tmp_path / "copy.sqlite3"
    await backups.write(url, target)
    assert names(target) == ["ana"]
    with pytest.raises(DatabaseError, match="exists already"):
        await backups.write(url, target)
    await database.close()


async def test_what_is_restored_is_as_it_was_and_what_stood_there_is_kept_whole(tmp_path: Path, now: datetime) -> None:
    url, path, backup = f"sqlite:///{tmp_path}/a.sqlite3", tmp_path / "a.sqlite3", tmp_path / "copy.sqlite3"
    await databases.upgrade(url)
    database = databases.connect(url)
    await join(database, "ana", now)
    await backups.write(url, backup)
    await join(database, "bo", now)
    assert (tmp_path / "a.sqlite3-wal").stat().st_size  # as a crash leaves it: bo is in the log alone
    kept = await backups.restore(url, backup)
    await database.close()
    assert kept == tmp_path / "a.sqlite3.replaced"
    assert (names(path), names(backup), names(kept)) == (["ana"], ["ana"], ["ana", "bo"])
    assert path.stat().st_mode & 0o077 == 0
    with pytest.raises(DatabaseError, match=r"a\.sqlite3\.replaced is there from an earlier time"):
        await backups.restore(url, backup)
    path.unlink()
    kept.unlink()
    assert await backups.restore(url, backup) is None
    assert names(path) == ["ana"]


async def test_nothing_is_restored_while_an_engine_runs(tmp_path: Path) -> None:
    url, path, backup = f"sqlite:///{tmp_path}/a.sqlite3", tmp_path / "a.sqlite3", tmp_path / "copy.sqlite3"
    await databases.upgrade(url)
    await backups.write(url, backup)
    database, before = databases.connect(url), path.stat().st_ino
    async with engine_lock.held(database):
        with pytest.raises(DatabaseBusy, match="stop it first"):
            await backups.restore(url, backup)
    await database.close()
    assert path.stat().st_ino == before


async def test_what_is_no_backup_of_ours_takes_nobodys_place(tmp_path: Path, now: datetime) -> None:
    url, path = f"sqlite:///{tmp_path}/a.sqlite3", tmp_path / "a.sqlite3"
    await databases.upgrade(url)
    later, other, text = (tmp_path / name for name in ("later.sqlite3", "other.sqlite3", "notes.txt"))
    await backups.write(url, later)
    for file, statement in ((later, "UPDATE alembic_version SET version_num = '9999'"), (other, "CREATE TABLE a (b)")):
        with closing(sqlite3.connect(file)) as connection, connection:
            connection.execute(statement)
    text.write_text("Buy milk, and bread, and butter. " * 40)
    for file, said in (
        (later, "is at 9999, which this version does not know; upgrade the program"),
        (other, "is no backup of a database of ours: no such table: alembic_version"),
        (text, "is no backup of a database of ours: file is not a database"),
        (tmp_path / "none.sqlite3", "there is no such backup"),
    ):
        with pytest.raises(DatabaseError, match=said):
            await backups.restore(url, file)
    assert names(path) == []
    for step in (backups.write, backups.restore):
        with pytest.raises(DatabaseError, match="by its own tool"):
            await step("postgresql://localhost/a", tmp_path / "x")
