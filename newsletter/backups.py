"""The backup of a SQLite database, and its way back. PostgreSQL has tools of its own for both."""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from newsletter import database, engine_lock
from newsletter.database import DatabaseBusy, DatabaseError

_COMPANIONS = ("", "-wal", "-shm")
"""What SQLite keeps of a database, by the ends of the names. A log that belongs to another one would spoil it."""


async def write(url: str, target: Path) -> None:
    """Copy a live database to a new file, whole and consistent, with SQLite's own backup.

    Raises DatabaseError for PostgreSQL and for a target that exists.
    """
    if database.parse(url).get_backend_name() != "sqlite":
        raise DatabaseError("PostgreSQL is backed up by its own tool: pg_dump --format=custom --file=FILE")
    await asyncio.to_thread(_write, _path(url), target)


async def restore(url: str, source: Path) -> Path | None:
    """Put a backup in the place of the database; answer where the one that stood there is kept, if one did.

    Raises DatabaseError for PostgreSQL, for what is no backup of ours or one of a later version, and where an earlier
    one is still kept; DatabaseBusy while an engine runs on the database. Nothing has changed then.
    """
    if database.parse(url).get_backend_name() != "sqlite":
        raise DatabaseError("PostgreSQL is restored by its own tool: pg_restore --clean --if-exists --dbname=NAME FILE")
    database.require_folder(url)
    return await asyncio.to_thread(_restore, source, _path(url))


def _path(url: str) -> Path:
    return Path(str(database.parse(url).database))


def _write(source: Path, target: Path) -> None:
    if target.exists():
        raise DatabaseError(f"{target} exists already; name a new file")
    if not source.exists():
        raise DatabaseError(f"{source}: there is no such database")
    _copied(source, target).rename(target)


def _restore(source: Path, path: Path) -> Path | None:
    _require_ours(source)
    kept = path.with_name(f"{path.name}.replaced")
    if kept.exists():
        raise DatabaseError(f"{kept} is there from an earlier time; move it away first")
    with _stopped(path):
        copy = _copied(source, path)
        was_there = path.exists()
        for end in _COMPANIONS:
            if (part := path.with_name(path.name + end)).exists():
                part.rename(kept.with_name(kept.name + end))
        copy.rename(path)
    return kept if was_there else None


@contextmanager
def _stopped(path: Path) -> Iterator[None]:
    try:
        with engine_lock.locked_file(engine_lock.lock_file(path)):
            yield
    except DatabaseBusy as error:
        raise DatabaseBusy(f"a service runs on {path}; stop it first") from error


def _require_ours(source: Path) -> None:
    if not source.is_file():
        raise DatabaseError(f"{source}: there is no such backup")
    try:
        with closing(sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True)) as held:
            (revision,) = held.execute("SELECT version_num FROM alembic_version").fetchone()
            (state,) = held.execute("PRAGMA quick_check(1)").fetchone()
    except (sqlite3.Error, TypeError) as error:
        raise DatabaseError(f"{source} is no backup of a database of ours: {error}") from error
    if revision not in database.revisions():
        raise DatabaseError(f"{source} is at {revision}, which this version does not know; upgrade the program")
    if state != "ok":
        raise DatabaseError(f"{source} is damaged: {state}")


def _copied(source: Path, target: Path) -> Path:
    """A copy beside the target, for its owner's eyes alone; under another name until it is whole."""
    unfinished = target.with_name(f"{target.name}.partial")
    try:
        unfinished.unlink(missing_ok=True)
        database.begin_file(unfinished)
        with closing(sqlite3.connect(source)) as live, closing(sqlite3.connect(unfinished)) as copy:
            live.backup(copy)
    except (sqlite3.Error, OSError) as error:
        unfinished.unlink(missing_ok=True)
        raise DatabaseError(f"{target}: could not write the copy: {error}") from error
    return unfinished
