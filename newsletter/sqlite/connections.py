"""Connections to SQLite that stay open between transactions.

To take one out of SQLAlchemy's pool and to give it back takes longer than all that a page asks of SQLite; and so does
a transaction of SQLAlchemy's, which is begun only where SQLAlchemy is asked something.
"""

import asyncio
import sqlite3
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self, TypeVar

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from newsletter.sqlite import dialect, driver
from subscribers.prepared import Direct

Result = TypeVar("Result")


class Connection(Direct):
    """A connection of SQLAlchemy's, and the driver under it, which can be asked without it."""

    __slots__ = ("driver",)

    driver: driver.Connection

    @classmethod
    async def open(cls, engine: AsyncEngine) -> Self:
        """Open one."""
        made = cls(engine)
        await made.start()
        made.driver = dialect.under(made.sync_connection)
        return made

    async def run(self, sql: str, parameters: Sequence[Any]) -> tuple[Sequence[Sequence[Any]], int]:
        """All rows of a statement, and how many it changed. Raises what SQLAlchemy raises."""
        return await _told(self.driver.run(sql, parameters), sql, parameters)

    async def commit(self) -> None:
        """Commit, whoever began the transaction."""
        if self.in_transaction():
            await super().commit()
        else:
            await _told(self.driver.commit())

    async def rollback(self) -> None:
        """Roll back, likewise."""
        if self.in_transaction():
            await super().rollback()
        else:
            await _told(self.driver.rollback())


async def _told(work: Awaitable[Result], sql: str | None = None, parameters: Sequence[Any] | None = None) -> Result:
    """Do something of the driver's, and have its errors be SQLAlchemy's."""
    try:
        return await work
    except sqlite3.Error as error:
        raise DBAPIError.instance(sql, parameters, error, sqlite3.Error, hide_parameters=True) from error


class Connections:
    """At most so many connections of an engine, each in one transaction at a time.

    Who finds none waits, in the order in which they came.
    """

    def __init__(self, engine: AsyncEngine, *, most: int, patience: float) -> None:
        """`patience` is how many seconds one waits for a connection before TimeoutError."""
        self._engine = engine
        self._patience = patience
        self._free = most
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Connection]:
        """A transaction: committed at the end, rolled back by an exception."""
        await self._enter()
        try:
            connection = self._idle.pop() if self._idle else await Connection.open(self._engine)
            is_well = False  # who was cancelled in the middle of something leaves nothing that others could go on with
            try:
                connection.driver.begin()
                try:
                    yield connection
                except Exception:
                    await connection.rollback()
                    is_well = True
                    raise
                await connection.commit()
                is_well = True
            finally:
                if is_well:
                    self._idle.append(connection)
                else:
                    await asyncio.shield(connection.close())
        finally:
            self._leave()

    async def dispose(self) -> None:
        """Close every connection that nobody uses."""
        while self._idle:
            await self._idle.pop().close()
        await self._engine.dispose()

    async def _enter(self) -> None:
        if self._free:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            async with asyncio.timeout(self._patience):
                await turn
        except (asyncio.CancelledError, TimeoutError):
            if turn.done() and not turn.cancelled():  # it came at this very moment: somebody else shall have it
                self._leave()
            raise

    def _leave(self) -> None:
        """Hand the place on to who is next; one who gave up waiting has cancelled their turn."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1
