"""The right to run the engine on a database: a lock that the operating system or PostgreSQL lets go of when its holder
dies, however it dies."""

import asyncio
import fcntl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from newsletter.database import Database, DatabaseBusy

_BUSY = "another process already runs the engine on this database; it will deliver what is due"
_PATIENCE_TO_LET_GO = 2.0  # seconds
_LOCK_NUMBER = 0x6E657773  # "news": the advisory lock of the embedded engine on PostgreSQL


@asynccontextmanager
async def held(database: Database, *, shared: bool = False) -> AsyncIterator["EngineLock"]:
    """Hold the right to run the engine: alone, or `shared` with others that share it. Raises DatabaseBusy."""
    if database.is_sqlite:
        with locked_file(lock_file(Path(str(database.url.database)))):
            yield EngineLock(None)
        return
    assert isinstance(database.writer, AsyncEngine)  # noqa: S101 - `connect` made it
    async with database.writer.connect() as connection:
        lock = EngineLock(connection, "_shared" if shared else "")
        await lock.take()
        try:
            yield lock
        finally:
            await lock.let_go()
            await connection.invalidate()


@dataclass(frozen=True, slots=True)
class EngineLock:
    """The right to run the engine, as long as it is held: PostgreSQL forgets it with the connection it was taken by."""

    connection: AsyncConnection | None
    form: str = ""

    async def take(self) -> None:
        """Take it over this connection. Raises DatabaseBusy while another process holds it."""
        assert self.connection is not None  # noqa: S101 - the lock of a file is taken with the file
        held = await self.connection.scalar(text(f"SELECT pg_try_advisory_lock{self.form}(:n)"), {"n": _LOCK_NUMBER})
        await self.connection.commit()  # no transaction need stay open for it
        if not held:
            raise DatabaseBusy(_BUSY)

    async def keep(self) -> None:
        """Make sure that it is still held; where the connection was cut, take it again. Raises DatabaseBusy."""
        if self.connection is None:
            return
        try:
            await self.connection.scalar(text("SELECT 1"))
            await self.connection.commit()
        except DBAPIError:
            await self.connection.rollback()
            try:
                await self.take()
            except DBAPIError:
                await self.connection.rollback()  # else nothing could be asked of it any more
                raise

    async def let_go(self) -> None:
        """Let others take it at once: the server would find out by and by that the connection has gone."""
        assert self.connection is not None  # noqa: S101 - the lock of a file goes with the file
        with suppress(DBAPIError, TimeoutError):  # a connection that was cut has no lock any more
            async with asyncio.timeout(_PATIENCE_TO_LET_GO):
                await self.connection.rollback()
                await self.connection.scalar(text(f"SELECT pg_advisory_unlock{self.form}(:n)"), {"n": _LOCK_NUMBER})
                await self.connection.commit()


async def is_held(database: Database) -> bool:
    """Whether any process holds the right to run the engine on a PostgreSQL; nobody's way is barred by asking."""
    held = text(
        "SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND objid = :n AND granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    )
    async with database.read() as connection:
        return bool(await connection.scalar(held, {"n": _LOCK_NUMBER}))


def lock_file(path: Path) -> Path:
    """Where the right to run the engine on a SQLite database is held."""
    return path.with_name(f"{path.name}.lock")


@contextmanager
def locked_file(path: Path) -> Iterator[None]:
    """Hold the right to run the engine on the SQLite database whose lock is this file. Raises DatabaseBusy."""
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise DatabaseBusy(_BUSY) from error
        yield
