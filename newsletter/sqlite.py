"""SQLite beside the event loop, at one trip to its thread for each statement.

aiosqlite makes four (a cursor, the statement, its rows, the cursor's end), and BEGIN makes three more. A trip wakes
two threads, which costs more than most statements do: a window of mails took twenty, and takes five here.
"""

import sqlite3
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

Result = TypeVar("Result")

_AHEAD = 1000
"""Rows that come back with the statement itself; more are fetched when they are asked for."""


async def connect(path: Path) -> "Connection":
    """Open a connection with a thread of its own, as SQLAlchemy's `async_creator` wants it."""
    connection = Connection(lambda: sqlite3.connect(path), iter_chunk_size=_AHEAD)
    connection._thread.daemon = True  # as SQLAlchemy does: one that nobody closed must not keep the process alive
    await connection
    return connection


class Connection(aiosqlite.Connection):
    """A connection whose BEGIN waits for the first statement and goes with it."""

    _begin = ""

    def cursor(self) -> "Cursor":  # type: ignore[override] # SQLAlchemy enters it, as it does aiosqlite's
        """A new cursor; the thread hears of it when it executes something."""
        return Cursor(self)

    def postpone(self, begin: str) -> None:
        """Begin a transaction with the next statement."""
        self._begin = begin

    async def trip(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do something in the thread, in the transaction that was to begin."""
        begin, self._begin = self._begin, ""

        def begun() -> Result:
            if begin:
                self._conn.execute(begin)
            return work(self._conn)

        result: Result = await self._execute(begun)  # type: ignore[no-untyped-call] # nor has it a public name
        return result

    async def commit(self) -> None:
        """Commit; a transaction without a statement has not begun."""
        if not self._forgotten():
            await super().commit()

    async def rollback(self) -> None:
        """Roll back, likewise."""
        if not self._forgotten():
            await super().rollback()

    def _forgotten(self) -> bool:
        begin, self._begin = self._begin, ""
        return bool(begin)


class Cursor:
    """What SQLAlchemy uses of aiosqlite's cursor."""

    arraysize = 1

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._cursor: sqlite3.Cursor | None = None
        self._rows: deque[Any] = deque()
        self._is_open = False

    async def __aenter__(self) -> "Cursor":
        """Nothing to enter."""
        return self

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

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> "Cursor":
        """Run a statement and fetch its first rows."""
        if sql.startswith("BEGIN"):
            self._connection.postpone(sql)
            return self

        def work(connection: sqlite3.Connection) -> tuple[sqlite3.Cursor, list[Any]]:
            cursor = connection.execute(sql, parameters)
            return cursor, cursor.fetchmany(_AHEAD) if cursor.description else []

        self._cursor, rows = await self._connection.trip(work)
        self._take(rows)
        return self

    async def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> "Cursor":
        """Run a statement once for each row of parameters."""
        self._cursor = await self._connection.trip(lambda connection: connection.executemany(sql, rows))
        return self

    async def fetchone(self) -> Any:
        """The next row, or None."""
        return next(iter(await self.fetchmany(1)), None)

    async def fetchmany(self, size: int | None = None) -> list[Any]:
        """The next rows, fewer than asked for only at the end."""
        wanted = size or self.arraysize
        while len(self._rows) < wanted and self._is_open:
            await self._fetch(max(wanted, _AHEAD))
        return [self._rows.popleft() for _ in range(min(wanted, len(self._rows)))]

    async def fetchall(self) -> list[Any]:
        """All that is left."""
        if self._is_open:
            await self._fetch(None)
        rows = list(self._rows)
        self._rows.clear()
        return rows

    async def close(self) -> None:
        """End the statement; one that was read to its end has ended."""
        cursor = self._cursor
        if self._is_open and cursor is not None:
            self._is_open = False
            await self._connection.trip(lambda _: cursor.close())

    async def _fetch(self, count: int | None) -> None:
        cursor = self._cursor
        assert cursor is not None  # noqa: S101 - only an open statement has more rows
        rows = await self._connection.trip(lambda _: cursor.fetchall() if count is None else cursor.fetchmany(count))
        self._take(rows, count)

    def _take(self, rows: list[Any], asked: int | None = _AHEAD) -> None:
        self._rows.extend(rows)
        self._is_open = asked is not None and len(rows) == asked
