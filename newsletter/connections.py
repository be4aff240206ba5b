"""Connections that stay open between transactions.

To take one out of SQLAlchemy's pool and to give it back takes longer than all that a page asks of SQLite.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class Connections:
    """At most so many connections of an engine, each in one transaction at a time; who comes last waits."""

    def __init__(self, engine: AsyncEngine, *, most: int, patience: float) -> None:
        """`patience` is how many seconds one waits for a connection before TimeoutError."""
        self._engine = engine
        self._patience = patience
        self._room = asyncio.Semaphore(most)
        self._idle: list[AsyncConnection] = []

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        """A transaction: committed at the end, rolled back by an exception."""
        async with asyncio.timeout(self._patience):
            await self._room.acquire()
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
            self._room.release()

    async def dispose(self) -> None:
        """Close every connection that nobody uses."""
        while self._idle:
            await self._idle.pop().close()
        await self._engine.dispose()
