"""SQLite for asyncio, without a thread for each small statement: most take less time than waking one does.

aiosqlite makes four trips to a thread for a statement and three for a transaction, and its adapter as many into
greenlets; a page of ours took twenty. This waits only where there is something to wait for:

- reading happens where it is asked for, until it has taken so long that others would notice; then it is broken off
  and done in the thread, from its beginning;
- writing happens in the thread, except in a transaction that was announced to stay here, since it is brief or nothing
  else is waiting; what any other transaction reads besides, it reads like one that only reads, but for less long;
- between two statements of one that stays, all others have their turn, unless it is urgent;
- a transaction that finds the file locked waits for it without a thread, and says meanwhile that it waits, so that
  whoever writes for long can stop;
- one that had it locked for long leaves it alone for a moment, so that another process gets its turn.
"""

import asyncio
import sqlite3
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Self, TypeVar

from newsletter.sqlite.waiting import Waiting

Result = TypeVar("Result")

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


class Connection:
    """One connection, used by one task at a time. BEGIN waits for the first statement and goes with it."""

    def __init__(self, connection: sqlite3.Connection, waiting: Waiting, *, only_reads: bool, patience: float) -> None:
        self._connection = connection
        self._waiting = waiting
        self.only_reads = only_reads
        self._patience = patience
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="sqlite")
        self._at_work: asyncio.Future[Any] | None = None
        self._is_to_begin = False
        self._stays = self._is_urgent = False
        self._deadline = 0.0
        self._locked_at = 0.0
        self._polite_until = 0.0

    @classmethod
    async def open(cls, path: Path, pragmas: Sequence[str], *, only_reads: bool, patience: float) -> Self:
        """Open a file. One that not `only_reads` locks it for writing with the first statement of each transaction, and
        has `patience` seconds for that."""

        def opened() -> sqlite3.Connection:
            connection = sqlite3.connect(path, timeout=patience, isolation_level=None, check_same_thread=False)
            for pragma in pragmas:
                connection.execute(f"PRAGMA {pragma}")
            return connection

        return cls(await asyncio.to_thread(opened), Waiting(path), only_reads=only_reads, patience=patience)

    def create_function(self, *definition: Any, **options: Any) -> None:
        """Add a function to SQL."""
        self._connection.create_function(*definition, **options)

    def begin(self) -> None:
        """Begin a transaction with the next statement, unless one has begun."""
        self._is_to_begin = not self._connection.in_transaction

    def stay(self, *, is_urgent: bool) -> None:
        """Do each statement of this transaction right here; one that `is_urgent` lets nothing go before it."""
        self._stays, self._is_urgent = True, is_urgent

    def is_reading(self, sql: str) -> bool:
        """Whether a statement writes nothing, so that it may be broken off and done again."""
        return self.only_reads or sql.startswith("SELECT ")

    async def run(self, sql: str, parameters: Sequence[Any]) -> tuple[list[Any], int]:
        """All rows of a statement, and how many it changed (-1 where that makes no sense)."""

        def work(connection: sqlite3.Connection) -> tuple[list[Any], int]:
            cursor = connection.execute(sql, parameters)
            return cursor.fetchall(), cursor.rowcount

        return await self.trip(work, reads=self.is_reading(sql))

    async def trip(self, work: Callable[[sqlite3.Connection], Result], *, reads: bool = False) -> Result:
        """Do something in the transaction that was to begin, here or in the thread; `reads` if it writes nothing."""
        if self._at_work is not None:
            await self._settled()
        if self._is_to_begin:
            await self._start()
        if self._stays:
            done = work(self._connection)
            if not self._is_urgent:
                await asyncio.sleep(0)  # whoever has got an answer meanwhile hears it now, not after the transaction
            return done
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

    def interrupt(self) -> None:
        """Break off what runs in the thread: it fails, and so does its transaction if it was writing."""
        self._connection.interrupt()

    async def commit(self) -> None:
        """Commit; a transaction without a statement has not begun."""
        await self._end(sqlite3.Connection.commit)

    async def rollback(self) -> None:
        """Roll back, likewise."""
        await self._end(sqlite3.Connection.rollback)

    async def close(self) -> None:
        """Close the file. The last to do so moves what was written from the log into it, which takes its time."""
        self._waiting.close()
        await self.in_thread(sqlite3.Connection.close)
        self._thread.shutdown(wait=False)

    def close_at_once(self) -> None:
        """Close it without waiting, where no event loop runs any more."""
        self._waiting.close()
        self._thread.shutdown(wait=True)
        self._connection.close()

    async def _start(self) -> None:
        """Begin; on a file that somebody else writes to, look again until they have done. Raises OperationalError."""
        self._is_to_begin = False
        begin = "BEGIN" if self.only_reads else "BEGIN IMMEDIATE"
        if not self._is_urgent and (wait := self._polite_until - time.monotonic()) > 0:
            await asyncio.sleep(wait)
        until, pause = time.monotonic() + self._patience, _FIRST_PAUSE
        if self._began(begin, until):
            return
        with self._waiting.said():
            while not self._began(begin, until):
                await asyncio.sleep(pause)
                pause = _FIRST_PAUSE if self._is_urgent else min(2 * pause, _LONGEST_PAUSE)

    def _began(self, begin: str, until: float) -> bool:
        """Whether nobody else was writing."""
        try:
            self._connection.execute(begin)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            return False
        self._locked_at = time.monotonic()
        return True

    async def _end(self, work: Callable[[sqlite3.Connection], None]) -> None:
        begun, self._is_to_begin = not self._is_to_begin, False
        try:
            if begun:
                if self._at_work is not None:
                    await self._settled()
                if self._stays or self.only_reads or not self._connection.in_transaction:
                    work(self._connection)
                else:
                    await self.in_thread(work)
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
