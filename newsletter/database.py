"""The connections to SQLite or PostgreSQL, and the migrations that bring either to the schema of this program."""

import asyncio
import logging
import os
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, create_engine, inspect, make_url, text
from sqlalchemy.exc import ArgumentError, DBAPIError, InterfaceError, InternalError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from newsletter import assets, queue_schema
from newsletter.errors import NewsletterError
from newsletter.sqlite import connections, dialect
from newsletter.sqlite.connections import Connections
from newsletter.sqlite.waiting import Waiting

Result = TypeVar("Result")

# What psycopg says of its own follows an error that is told; without a handler, Python writes it to stderr as it is
logging.getLogger("psycopg").addHandler(logging.NullHandler())

_BUSY_SECONDS = 30
_PRAGMAS = (
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "foreign_keys = ON",
    "cache_size = -1024",  # KiB of each connection; the operating system caches the file for all of them together
)
"""How SQLite is used. Where it is written to, our driver waits for a lock, without blocking: there is no timeout."""

_SECURE_DELETE = "secure_delete = ON"
"""What is deleted is overwritten: nobody who is erased is in the file still. Not every SQLite does so by itself."""

_FOR_IMPORT = ("cache_size = -32768",)
"""A million hashes are written each somewhere else in its index."""


class DatabaseError(NewsletterError):
    """The database cannot be reached, is not ours, or is not at the schema this program needs."""


class DatabaseBusy(DatabaseError):
    """Another process already runs the engine on this database."""


UNUSABLE = (OperationalError, InterfaceError, InternalError)
"""What is raised of a database that does not answer, is full or is locked, or of a PostgreSQL that may only be read."""

AWAY = (*UNUSABLE, OSError, TimeoutError)
"""The same while somebody goes on working: asked again later, as after a failover, it may be there."""


def is_away(error: BaseException) -> bool:
    """Whether a database did not answer, or is full, locked or may only be read: later, the same may succeed.

    SQLite says that a statement is wrong by the same class of errors.
    """
    if isinstance(error, UNUSABLE):
        return getattr(error.orig, "sqlite_errorcode", None) != sqlite3.SQLITE_ERROR
    return isinstance(error, TimeoutError)


@dataclass(frozen=True, slots=True)
class Database:
    """A database: `begin()` to write, `read()` to look.

    On SQLite what writes goes through one connection, which BEGINs IMMEDIATE: others would only contend for the lock,
    and a deferred BEGIN silently loses updates under concurrent select-then-update. What is brief has one of its own,
    so that it need not wait for something that itself waits for another process.
    """

    url: URL
    writer: AsyncEngine | Connections
    brief_writer: AsyncEngine | Connections
    reader: AsyncEngine | Connections
    waiting: Waiting | None = None

    @property
    def is_sqlite(self) -> bool:
        """Whether this is SQLite, whose engine is one process."""
        return self.url.get_backend_name() == "sqlite"

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that writes: committed at the end, rolled back by an exception."""
        return self.writer.begin()

    def briefly(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction of a few small statements, such as a request makes: `here`, before all that is not brief."""
        return _here(self.brief_writer, is_urgent=True)

    def here(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that SQLite runs without a thread: others wait a third as long for their turn to write.

        Nothing else runs in this process during a statement. So it is for some hundred rows, or where nothing else is
        to run.
        """
        return _here(self.writer, is_urgent=False)

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A consistent view to read from; SQLite refuses to write through it."""
        return self.reader.begin()

    def is_awaited(self) -> bool:
        """Whether anybody waits to write to SQLite, here or in another process; on PostgreSQL nobody has to."""
        return self.waiting is not None and self.waiting.is_said()

    async def close(self) -> None:
        """Close every connection."""
        for kept in {self.writer, self.brief_writer, self.reader}:
            await kept.dispose()
        if self.waiting is not None:
            self.waiting.close()


@asynccontextmanager
async def _here(writer: AsyncEngine | Connections, *, is_urgent: bool) -> AsyncIterator[AsyncConnection]:
    async with writer.begin() as connection:
        if isinstance(connection, connections.Connection):
            connection.driver.stay(is_urgent=is_urgent)
        yield connection


def parse(url: str) -> URL:
    """Read a database URL, `sqlite:///FILE` or `postgresql://…`. Raises DatabaseError."""
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError) as error:  # a port that is no number is a ValueError
        raise DatabaseError(f"database = {url!r} is not a URL; use sqlite:///FILE or postgresql://HOST/NAME") from error
    shown = parsed.render_as_string(hide_password=True)
    backend = parsed.get_backend_name()
    if backend not in ("sqlite", "postgresql"):
        raise DatabaseError(f"database = {shown!r}: {backend} is not supported; use sqlite:///FILE or postgresql://…")
    if backend == "sqlite" and parsed.database in (None, "", ":memory:"):
        raise DatabaseError(f"database = {shown!r}: name a file, as in sqlite:///newsletter.sqlite3")
    return parsed


def fault(url: str, error: BaseException) -> str:
    """What a person is told of a database that failed: which, and the first line of its words."""
    said = str(error.orig if isinstance(error, DBAPIError) else error).strip() or type(error).__name__
    return f"{parse(url).render_as_string(hide_password=True)}: {said.splitlines()[0]}"


def connect(url: str, *, pool: int = 8, for_import: bool = False) -> Database:
    """Make the engines; nothing is opened before the first use. `pool` is how many connections may be open.

    `for_import` gives SQLite the memory that a large import is faster with.
    """
    parsed = parse(url)
    if parsed.get_backend_name() == "postgresql":
        engine = create_async_engine(
            parsed.set(drivername="postgresql+psycopg"),
            pool_size=pool,
            max_overflow=pool,
            pool_pre_ping=True,
            hide_parameters=True,  # they are people's names and addresses, and an error is written into the log
        )
        return Database(parsed, engine, engine, engine)
    path = Path(str(parsed.database))
    extra = _FOR_IMPORT if for_import else ()
    writing = [*_PRAGMAS, _SECURE_DELETE, "query_only = OFF", "busy_timeout = 0", *extra]
    reading = [*_PRAGMAS, "query_only = ON", f"busy_timeout = {_BUSY_SECONDS * 1000}"]
    writer = dialect.engine(path, writing, only_reads=False, patience=_BUSY_SECONDS)
    reader = dialect.engine(path, reading, only_reads=True, patience=_BUSY_SECONDS)
    return Database(
        parsed,
        Connections(writer, most=1, patience=_BUSY_SECONDS),
        Connections(writer, most=1, patience=_BUSY_SECONDS),
        Connections(reader, most=pool, patience=_BUSY_SECONDS),
        Waiting(path),
    )


async def upgrade(url: str) -> str:
    """Bring a database to this program's schema, creating a SQLite file that does not exist, for its owner
    alone; answer its revision.

    On PostgreSQL also the tables that hand work to many hosts, where the extra `postgres` is installed.
    """
    require_folder(url)
    if (missing := _missing_file(url)) is not None:
        begin_file(Path(missing))
    revision = await asyncio.to_thread(_with_connection, url, _upgrade)
    if parse(url).get_backend_name() == "postgresql" and queue_schema.is_installed():
        await asyncio.to_thread(_with_connection, url, queue_schema.upgrade, isolation_level="AUTOCOMMIT")
    return revision


async def current(url: str) -> str | None:
    """The revision a database is at, or None for an empty one."""
    if (missing := _missing_file(url)) is not None:
        raise DatabaseError(f"{missing}: there is no such database; `newsletter db upgrade` makes it")
    return await asyncio.to_thread(_with_connection, url, _current)


def head() -> str:
    """The revision this program needs."""
    return max(revisions())


def revisions() -> set[str]:
    """Those of the migrations' files, whose names begin with them: Alembic would run each to know, at every command."""
    return {file.name.partition("_")[0] for file in (assets.MIGRATIONS / "versions").glob("[0-9]*_*.py")}


async def require_current(url: str) -> None:
    """Refuse a database that is not at the schema of this program, naming the command that mends it."""
    found, needed = await current(url), head()
    if found is None:
        raise DatabaseError("the database is empty; run `newsletter db upgrade`")
    if found != needed:
        if found in revisions():
            raise DatabaseError(f"the database is at {found}, behind {needed}; run `newsletter db upgrade`")
        raise DatabaseError(f"the database is at {found}, which this version does not know; upgrade the program")


async def require_queue(url: str) -> None:
    """Refuse a database that cannot hand work to many hosts, naming what mends it."""
    if parse(url).get_backend_name() != "postgresql":
        raise DatabaseError('many hosts need PostgreSQL: set database = "postgresql://…", or engine.kind = "embedded"')
    if not queue_schema.is_installed():
        raise DatabaseError("many hosts need the extra `postgres`: pip install '.[postgres]' in a checkout")
    if not await asyncio.to_thread(_with_connection, url, queue_schema.is_current):
        raise DatabaseError("the tables that hand work to many hosts are missing or old; run `newsletter db upgrade`")


def begin_file(path: Path) -> None:
    """Make a file that only its owner may read, for addresses. SQLite gives what it puts beside it the same mode.

    Raises DatabaseError where nothing can be written.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    except OSError as error:
        raise DatabaseError(f"{path}: cannot be made: {error.strerror or error}") from error


def _missing_file(url: str) -> str | None:
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite" and not Path(str(parsed.database)).exists():
        return str(parsed.database)
    return None


def require_folder(url: str) -> None:
    """SQLite itself says only that it is unable to open the file."""
    parsed = parse(url)
    if parsed.get_backend_name() != "sqlite":
        return
    path = Path(str(parsed.database))
    if path.is_dir():
        raise DatabaseError(f"{path} is a folder; name a file in it, as in sqlite:///{path / 'newsletter.sqlite3'}")
    if not path.parent.is_dir():
        raise DatabaseError(f"{path}: there is no folder {path.parent}; make it, or name another file")


def _require_utf8(connection: Connection) -> None:
    """A server that was set up without a locale makes databases that know bytes, and no letters."""
    if connection.dialect.name != "postgresql":
        return
    encoding = connection.scalar(text("SHOW server_encoding"))
    if encoding != "UTF8":
        name = connection.engine.url.database
        anew = f"createdb --encoding=UTF8 --template=template0 {name}"
        raise DatabaseError(f"the database {name} is in {encoding}, which cannot hold every name; make it anew: {anew}")


def _upgrade(connection: Connection) -> str:
    _require_utf8(connection)
    # Imported for this alone: it takes half as long as all else that a command needs.
    from alembic.config import Config

    from alembic import command

    config = Config()
    config.set_main_option("script_location", str(assets.MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, "head")
    return head()


def _current(connection: Connection) -> str | None:
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _with_connection(url: str, work: Callable[[Connection], Result], **options: Any) -> Result:
    parsed = parse(url)
    if parsed.get_backend_name() == "sqlite":
        engine = create_engine(parsed.set(drivername="sqlite"), **options)
    else:  # whatever the server's own encoding is: without one, psycopg answers bytes
        in_utf8 = {"client_encoding": "utf8"}
        engine = create_engine(parsed.set(drivername="postgresql+psycopg"), connect_args=in_utf8, **options)
    try:
        with engine.begin() as connection:
            if connection.dialect.name == "sqlite":
                connection.exec_driver_sql(f"PRAGMA {_SECURE_DELETE}")
            return work(connection)
    except DBAPIError as error:
        raise DatabaseError(fault(url, error)) from error
    finally:
        engine.dispose()
