"""The driver as SQLAlchemy wants one: PEP 249's connection and cursor, which SQLAlchemy runs in a greenlet."""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import URL, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteExecutionContext
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.engine import Connection
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util.concurrency import await_, in_greenlet

from newsletter.sqlite import driver

_AHEAD = 1000
"""Rows that come back with the statement itself; more are fetched when they are asked for."""


def engine(path: Path, pragmas: Sequence[str], *, only_reads: bool, patience: float) -> AsyncEngine:
    """SQLAlchemy's engine over the driver, without a pool; each of its connections begins with the pragmas.

    One that not `only_reads` locks the file for writing with its first statement, and has `patience` seconds for that.
    """

    def opened() -> _Adapted:
        return _Adapted(await_(driver.Connection.open(path, pragmas, only_reads=only_reads, patience=patience)))

    url = URL.create(f"sqlite+{Dialect.driver}", database=str(path))
    made = create_async_engine(url, poolclass=NullPool, creator=opened, hide_parameters=True)
    event.listen(made.sync_engine, "begin", lambda connection: under(connection).begin())
    return made


def under(connection: Connection | None) -> driver.Connection:
    """The driver's connection under SQLAlchemy's."""
    assert connection is not None  # noqa: S101 - a transaction runs on it
    found = connection.connection.driver_connection
    assert isinstance(found, driver.Connection)  # noqa: S101 - `engine` made it
    return found


class _Adapted:
    """A connection of PEP 249."""

    def __init__(self, connection: driver.Connection) -> None:
        self.driver_connection = connection

    def cursor(self, *, is_streaming: bool = False) -> "_Cursor":
        return _Cursor(self.driver_connection, is_streaming=is_streaming)

    def create_function(self, *definition: Any, **options: Any) -> None:
        """SQLAlchemy brings one for regular expressions."""
        self.driver_connection.create_function(*definition, **options)

    def commit(self) -> None:
        await_(self.driver_connection.commit())

    def rollback(self) -> None:
        await_(self.driver_connection.rollback())

    def close(self) -> None:
        await_(self.driver_connection.close())

    def terminate(self) -> None:
        """Close it after something went wrong; without waiting, where no event loop runs any more."""
        if in_greenlet():
            self.close()
        else:
            self.driver_connection.close_at_once()


class _Cursor:
    """A cursor of PEP 249. Unless it `is_streaming`, all its rows come with the statement."""

    arraysize = 1

    def __init__(self, connection: driver.Connection, *, is_streaming: bool) -> None:
        self._connection = connection
        self._is_streaming = is_streaming
        self._cursor: sqlite3.Cursor | None = None
        self._rows: deque[Any] = deque()
        self._is_open = False

    @property
    def description(self) -> Any:
        """The columns of the rows, or None for a statement that has none."""
        return None if self._cursor is None else self._cursor.description

    @property
    def rowcount(self) -> int:
        """How many rows were changed; -1 where that makes no sense."""
        return -1 if self._cursor is None else self._cursor.rowcount

    @property
    def lastrowid(self) -> int | None:
        """The number of the row that was inserted last."""
        return None if self._cursor is None else self._cursor.lastrowid

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> None:
        """Run a statement and fetch its first rows, or all."""

        def work(connection: sqlite3.Connection) -> tuple[sqlite3.Cursor, list[Any]]:
            cursor = connection.execute(sql, parameters)
            return cursor, cursor.fetchmany(_AHEAD) if cursor.description else []

        self._cursor, rows = await_(self._connection.trip(work, reads=self._connection.is_reading(sql)))
        self._take(rows)
        if self._is_open and not self._is_streaming:
            self._fetch(None)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of parameters."""
        self._cursor = await_(self._connection.trip(lambda connection: connection.executemany(sql, rows)))

    def fetchone(self) -> Any:
        """The next row, or None."""
        if not self._rows and self._is_open:
            self._fetch(_AHEAD)
        return self._rows.popleft() if self._rows else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows, fewer than asked for only at the end."""
        wanted = size or self.arraysize
        while len(self._rows) < wanted and self._is_open:
            self._fetch(max(wanted, _AHEAD))
        return [self._rows.popleft() for _ in range(min(wanted, len(self._rows)))]

    def fetchall(self) -> list[Any]:
        """All that is left."""
        if self._is_open:
            self._fetch(None)
        rows = list(self._rows)
        self._rows.clear()
        return rows

    def close(self) -> None:
        """End the statement; one that was read to its end has ended."""
        cursor = self._cursor
        if self._is_open and cursor is not None:
            self._is_open = False
            await_(self._connection.in_thread(lambda _: cursor.close()))

    async def _async_soft_close(self) -> None:
        """What SQLAlchemy asks before it reads rows without waiting: all of them are here."""

    def _fetch(self, count: int | None) -> None:
        cursor = self._cursor
        assert cursor is not None  # noqa: S101 - only an open statement has more rows
        work: Callable[[sqlite3.Connection], list[Any]]
        work = (lambda _: cursor.fetchall()) if count is None else (lambda _: cursor.fetchmany(count))
        self._take(await_(self._connection.in_thread(work)), count)

    def _take(self, rows: list[Any], asked: int | None = _AHEAD) -> None:
        self._rows.extend(rows)
        self._is_open = asked is not None and len(rows) == asked


class _Execution(SQLiteExecutionContext):
    def create_server_side_cursor(self) -> Any:
        return self._dbapi_connection.cursor(is_streaming=True)


class Dialect(SQLiteDialect_pysqlite):
    """SQLite's dialect over the driver."""

    driver = "newsletter"
    supports_statement_cache = True
    supports_server_side_cursors = True
    is_async = True
    has_terminate = True
    execution_ctx_cls = _Execution

    def get_driver_connection(self, connection: Any) -> Any:
        """What lies under PEP 249's connection."""
        return connection.driver_connection

    def do_terminate(self, dbapi_connection: Any) -> None:
        """Close a connection after something went wrong."""
        dbapi_connection.terminate()


registry.register(f"sqlite.{Dialect.driver}", __name__, Dialect.__name__)
