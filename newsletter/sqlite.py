"""SQLite without a thread for each small statement: most take less time than waking one does, by far.

aiosqlite makes four trips to a thread for a statement and three for a transaction; a page of ours took twenty. Here

- reading happens where it is asked for, until it has taken so many steps that others would notice; then it is
  broken off and done in the thread, from its beginning;
- writing happens in the thread, except in a transaction that was announced as brief; what such a transaction reads
  besides, it reads like any other, but for fewer steps: most of it is a row or two;
- a transaction that finds the file locked waits for it without a thread;
- one that had it locked for long leaves it alone for a moment, so that another process gets its turn.
"""

import asyncio
import sqlite3
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

Result = TypeVar("Result")

_AHEAD = 1000
"""Rows that come back with the statement itself; more are fetched when they are asked for."""

_STEPS, _STEPS_BETWEEN_WRITES = 20_000, 1_000
"""Of SQLite's virtual machine, of which it takes about 20,000 a millisecond: what may be read before that must go to
the thread."""

_FIRST_PAUSE, _LONGEST_PAUSE = 0.001, 0.004
"""Seconds between two looks at a lock; a brief transaction looks as often as it can."""

_LONG, _COURTESY = 0.002, 0.003
"""Seconds: after how long a lock was held others are let in, and for how long. SQLite keeps no queue: who asks for the
lock again at once has it, and whoever looks from time to time would find it taken again and again."""


async def connect(path: Path, *, only_reads: bool, patience: float) -> "Connection":
    """Open a connection, as SQLAlchemy's `async_creator` wants it. `patience` is how long to wait for a lock, in s."""
    opened = partial(sqlite3.connect, path, timeout=patience, isolation_level=None, check_same_thread=False)
    return Connection(await asyncio.to_thread(opened), only_reads=only_reads, patience=patience)


class Connection:
    """What SQLAlchemy uses of aiosqlite's connection. BEGIN waits for the first statement and goes with it."""

    def __init__(self, connection: sqlite3.Connection, *, only_reads: bool, patience: float) -> None:
        self._connection = connection
        self.only_reads = only_reads
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._at_work: asyncio.Future[Any] | None = None
        self._begin = ""
        self._is_brief = False
        self._locked_at = 0.0
        self._polite_until = 0.0

    def cursor(self) -> "Cursor":
        """A new cursor."""
        return Cursor(self)

    async def create_function(self, *definition: Any, **options: Any) -> None:
        """Add a function to SQL; SQLAlchemy brings one for regular expressions."""
        self._connection.create_function(*definition, **options)

    def be_brief(self) -> None:
        """Do everything until the end of this transaction right here: it is a few small statements."""
        self._is_brief = True

    def postpone(self, begin: str) -> None:
        """Begin a transaction with the next statement."""
        self._begin = begin

    async def trip(self, work: Callable[[sqlite3.Connection], Result], *, reads: bool = False) -> Result:
        """Do something in the transaction that was to begin, here or in the thread; `reads` if it writes nothing."""
        await self._settled()
        if self._begin:
            await self._start()
        if self._is_brief:
            return work(self._connection)
        if reads:  # to break off what writes would undo the whole transaction
            self._connection.set_progress_handler(_enough, _STEPS if self.only_reads else _STEPS_BETWEEN_WRITES)
            try:
                return work(self._connection)
            except sqlite3.OperationalError as error:
                if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                    raise
            finally:
                self._connection.set_progress_handler(None, 0)
        return await self.in_thread(work)

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

    async def commit(self) -> None:
        """Commit; a transaction without a statement has not begun."""
        await self._end(sqlite3.Connection.commit)

    async def rollback(self) -> None:
        """Roll back, likewise."""
        await self._end(sqlite3.Connection.rollback)

    async def close(self) -> None:
        """Close the file. The last to do so moves what was written from the log into it, which takes its time."""
        await self.in_thread(sqlite3.Connection.close)
        self._thread.shutdown(wait=False)

    def stop(self) -> None:
        """Let go without waiting, where no event loop runs any more."""
        self._thread.shutdown(wait=True)
        self._connection.close()

    async def _start(self) -> None:
        """Begin; on a file that somebody else writes to, look again until they have done. Raises OperationalError."""
        begin, self._begin = self._begin, ""
        if not self._is_brief and (wait := self._polite_until - time.monotonic()) > 0:
            await asyncio.sleep(wait)
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
            await asyncio.sleep(pause)
            pause = _FIRST_PAUSE if self._is_brief else min(2 * pause, _LONGEST_PAUSE)

    async def _end(self, work: Callable[[sqlite3.Connection], None]) -> None:
        begun, self._begin = not self._begin, ""
        try:
            if begun:
                await self._settled()
                here = self._is_brief or self.only_reads or not self._connection.in_transaction
                await (self._here(work) if here else self.in_thread(work))
                now = time.monotonic()
                if not self.only_reads and now - self._locked_at > _LONG:
                    self._polite_until = now + _COURTESY
        finally:
            self._is_brief = False

    async def _here(self, work: Callable[[sqlite3.Connection], None]) -> None:
        work(self._connection)

    async def _settled(self) -> None:
        """Wait for what a cancelled caller has left in the thread."""
        if self._at_work is not None and not self._at_work.done():
            await asyncio.wait([self._at_work])
        self._at_work = None


def _enough() -> int:
    return 1


def _heard(job: asyncio.Future[Any]) -> None:
    """Take note of how a job ended that nobody waits for: asyncio would complain that it was broken off."""
    if not job.cancelled():
        job.exception()


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

        def work(connection: sqlite3.Connection) -> tuple[sqlite3.Cursor, list[Any]]:
            cursor = connection.execute(sql, parameters)
            return cursor, cursor.fetchmany(_AHEAD) if cursor.description else []

        reads = self._connection.only_reads or sql.startswith("SELECT ")
        self._cursor, rows = await self._connection.trip(work, reads=reads)
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
            await self._connection.in_thread(lambda _: cursor.close())

    async def _fetch(self, count: int | None) -> None:
        cursor = self._cursor
        assert cursor is not None  # noqa: S101 - only an open statement has more rows
        rows = await self._connection.in_thread(
            lambda _: cursor.fetchall() if count is None else cursor.fetchmany(count)
        )
        self._take(rows, count)

    def _take(self, rows: list[Any], asked: int | None = _AHEAD) -> None:
        self._rows.extend(rows)
        self._is_open = asked is not None and len(rows) == asked
