"""Connections that stay open between transactions.

To take one out of SQLAlchemy's pool and to give it back takes longer than all that a page asks of SQLite.
"""

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


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
        self._idle: list[AsyncConnection] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end, rolled back by an exception."""
        await self._enter()
        try:
            connection = self._idle.pop() if self._idle else await self._engine.connect()
            is_well = False  # who was cancelled in the middle of something leaves nothing that others could go on with
            try:
                transaction = await connection.begin()
                try:
                    yield connection
                except Exception:
                    await transaction.rollback()
                    is_well = True
                    raise
                await transaction.commit()
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
