"""SQLite for SQLAlchemy's asyncio, without a thread for each small statement: most take less time than waking one does.

aiosqlite makes four trips to a thread for a statement and three for a transaction, and its adapter as many into
greenlets; a page of ours took twenty. This is a driver as PEP 249 has it, which waits only where there is something to
wait for:

- reading happens where it is asked for, until it has taken so long that others would notice; then it is broken off
  and done in the thread, from its beginning;
- writing happens in the thread, except in a transaction that was announced to stay here, since it is brief or nothing
  else is waiting; what any other transaction reads besides, it reads like one that only reads, but for less long;
- a transaction that finds the file locked waits for it without a thread;
- one that had it locked for long leaves it alone for a moment, so that another process gets its turn.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy
from sqlalchemy import URL, event
from sqlalchemy.dialects import registry
from sqlalchemy.dialects.sqlite.base import SQLiteExecutionContext
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool
from sqlalchemy.util.concurrency import await_, in_greenlet

Result = TypeVar("Result")

_AHEAD = 1000
"""Rows that come back with the statement itself; more are fetched when they are asked for."""

_STEPS = 1_000
"""Of SQLite's virtual machine, between two looks at the clock. The steps alone say little: SQLite counts a statement's
through all the times it was run, so that after so many of them one was broken off that had hardly begun; and Python
prepares one that failed anew, each time from then on."""

_NOTICEABLE, _BETWEEN_WRITES = 0.001, 0.0001
"""Seconds that may be read before that must go to the thread."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.004
"""Seconds between two looks at a lock; an urgent transaction looks as often as it can."""

_LONG, _COURTESY = 0.002, 0.003
"""Seconds: after how long a lock was held others are let in, and for how long. SQLite keeps no queue: who asks for the
lock again at once has it, and whoever looks from time to time would find it taken again and again."""


def engine(path: Path, pragmas: Sequence[str], *, only_reads: bool, patience: float) -> AsyncEngine:
    """SQLAlchemy's engine over this driver, without a pool; each of its connections begins with the pragmas.

    One that not `only_reads` locks the file for writing with its first statement, and has `patience` seconds for that.
    """
    made = create_async_engine(
        URL.create(f"sqlite+{Dialect.driver}", database=str(path)),
        poolclass=NullPool,
        creator=lambda: await_(_connect(path, pragmas, only_reads=only_reads, patience=patience)),
    )
    begin = "BEGIN" if only_reads else "BEGIN IMMEDIATE"

    @event.listens_for(made.sync_engine, "begin")
    def on_begin(connection: sqlalchemy.Connection) -> None:
        driver(connection).postpone(begin)

    return made


def driver(connection: sqlalchemy.Connection | None) -> "Connection":
    """The connection under SQLAlchemy's."""
    assert connection is not None  # noqa: S101 - a transaction runs on it
    found = connection.connection.driver_connection
    assert isinstance(found, Connection)  # noqa: S101 - `engine` made it
    return found


async def _connect(path: Path, pragmas: Sequence[str], *, only_reads: bool, patience: float) -> "Connection":
    def opened() -> sqlite3.Connection:
        connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
        for pragma in pragmas:
            connection.execute(f"PRAGMA {pragma}")
        return connection

    return Connection(await asyncio.to_thread(opened), only_reads=only_reads, patience=patience)


class Connection:
    """A connection of PEP 249, for SQLAlchemy's greenlets. BEGIN waits for the first statement and goes with it."""

    def __init__(self, connection: sqlite3.Connection, *, only_reads: bool, patience: float) -> None:
        self._connection = connection
        self.only_reads = only_reads
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._at_work: asyncio.Future[Any] | None = None
        self._begin = ""
        self._stays = self._is_urgent = False
        self._deadline = 0.0
        self._locked_at = 0.0
        self._polite_until = 0.0

    def cursor(self, *, is_streaming: bool = False) -> "Cursor":
        """A new cursor."""
        return Cursor(self, is_streaming=is_streaming)

    def create_function(self, *definition: Any, **options: Any) -> None:
        """Add a function to SQL; SQLAlchemy brings one for regular expressions."""
        self._connection.create_function(*definition, **options)

    def stay(self, *, is_urgent: bool) -> None:
        """Do everything until the end of this transaction right here; one that `is_urgent` lets no other go first."""
        self._stays, self._is_urgent = True, is_urgent

    def postpone(self, begin: str) -> None:
        """Begin a transaction with the next statement."""
        self._begin = begin

    def trip(self, work: Callable[[sqlite3.Connection], Result], *, reads: bool = False) -> Result:
        """Do something in the transaction that was to begin, here or in the thread; `reads` if it writes nothing."""
        if self._at_work is not None:
            await_(self._settled())
        if self._begin:
            self._start()
        if self._stays:
            return work(self._connection)
        if reads:  # to break off what writes would undo the whole transaction
            self._deadline = time.monotonic() + (_NOTICEABLE if self.only_reads else _BETWEEN_WRITES)
            self._connection.set_progress_handler(self._is_late, _STEPS)
            try:
                return work(self._connection)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
            finally:
                self._connection.set_progress_handler(None, 0)
        return await_(self.in_thread(work))

    async def in_thread(self, work: Callable[[sqlite3.Connection], Result]) -> Result:
        """Do something beside the event loop. Who is cancelled meanwhile leaves nothing running."""
        await self._settled()
        job = asyncio.get_running_loop().run_in_executor(self._thread, work, self._connection)
        self._at_work = job
        try:
            return await asyncio.shield(job)
        except asyncio.CancelledError:
            self._connection.interrupt()
            job.add_done_callback(_heard)
            raise

    def commit(self) -> None:
        """Commit; a transaction without a statement has not begun."""
        self._end(sqlite3.Connection.commit)

    def rollback(self) -> None:
        """Roll back, likewise."""
        self._end(sqlite3.Connection.rollback)

    def close(self) -> None:
        """Close the file. The last to do so moves what was written from the log into it, which takes its time."""
        await_(self.in_thread(sqlite3.Connection.close))
        self._thread.shutdown(wait=False)

    def terminate(self) -> None:
        """Close it after something went wrong; without waiting, where no event loop runs any more."""
        if in_greenlet():
            self.close()
        else:
            self._thread.shutdown(wait=True)
            self._connection.close()

    def _start(self) -> None:
        """Begin; on a file that somebody else writes to, look again until they have done. Raises OperationalError."""
        begin, self._begin = self._begin, ""
        if not self._is_urgent and (wait := self._polite_until - time.monotonic()) > 0:
            await_(asyncio.sleep(wait))
        until, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        while True:
            try:
                self._connection.execute(begin)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                    raise
            else:
                self._locked_at = time.monotonic()
                return
            await_(asyncio.sleep(pause))
            pause = _FIRST_PAUSE if self._is_urgent else min(2 * pause, _LONGEST_PAUSE)

    def _end(self, work: Callable[[sqlite3.Connection], None]) -> None:
        begun, self._begin = not self._begin, ""
        try:
            if begun:
                if self._at_work is not None:
                    await_(self._settled())
                if self._stays or self.only_reads or not self._connection.in_transaction:
                    work(self._connection)
                else:
                    await_(self.in_thread(work))
                now = time.monotonic()
                if not self.only_reads and now - self._locked_at > _LONG:
                    self._polite_until = now + _COURTESY
        finally:
            self._stays = self._is_urgent = False

    def _is_late(self) -> bool:
        return time.monotonic() > self._deadline

    async def _settled(self) -> None:
        """Wait for what a cancelled caller has left in the thread."""
        if self._at_work is not None and not self._at_work.done():
            await asyncio.wait([self._at_work])
        self._at_work = None


def _heard(job: asyncio.Future[Any]) -> None:
    """Take note of how a job ended that nobody waits for: asyncio would complain that it was broken off."""
    if not job.cancelled():
        job.exception()


class Cursor:
    """A cursor as PEP 249 has it. Unless it `is_streaming`, all its rows come with the statement."""

    arraysize = 1

    def __init__(self, connection: Connection, *, is_streaming: bool) -> None:
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

        reads = self._connection.only_reads or sql.startswith("SELECT ")
        self._cursor, rows = self._connection.trip(work, reads=reads)
        self._take(rows)
        if self._is_open and not self._is_streaming:
            self._fetch(None)
        await_(_NOTHING)

    def executemany(self, sql: str, rows: Sequence[Sequence[Any]]) -> None:
        """Run a statement once for each row of parameters."""
        self._cursor = self._connection.trip(lambda connection: connection.executemany(sql, rows))
        await_(_NOTHING)

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


class _Nothing:
    """What is there at once. SQLAlchemy takes a driver that awaits nothing at all for one that blocks."""

    def __await__(self) -> Generator[None]:
        yield from ()


_NOTHING = _Nothing()


class _Execution(SQLiteExecutionContext):
    def create_server_side_cursor(self) -> Any:
        return self._dbapi_connection.cursor(is_streaming=True)


class Dialect(SQLiteDialect_pysqlite):
    """SQLite's dialect over `Connection`."""

    driver = "newsletter"
    supports_statement_cache = True
    supports_server_side_cursors = True
    is_async = True
    has_terminate = True
    execution_ctx_cls = _Execution

    def do_terminate(self, dbapi_connection: Any) -> None:
        """Close a connection after something went wrong."""
        dbapi_connection.terminate()


registry.register(f"sqlite.{Dialect.driver}", __name__, Dialect.__name__)
