"""Connections that stay open between transactions: handed on when all is well with them, and closed when it is not."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.sqlite import dialect
from newsletter.sqlite.connections import Connections


@pytest.fixture
async def one(tmp_path: Path) -> AsyncIterator[Connections]:
    """One connection, for which one waits hardly at all."""
    engine = dialect.engine(tmp_path / "a.sqlite3", [], only_reads=False, patience=1)
    connections = Connections(engine, most=1, patience=0.01)
    async with connections.begin() as connection:
        await connection.execute(text("CREATE TABLE thing (name TEXT)"))
    yield connections
    await connections.dispose()


async def use(connections: Connections, *, then: BaseException | None = None) -> AsyncConnection:
    async with connections.begin() as connection:
        await connection.execute(text("INSERT INTO thing VALUES ('a')"))
        if then is not None:
            raise then
    return connection


async def count(connections: Connections) -> int | None:
    async with connections.begin() as connection:
        return await connection.scalar(text("SELECT count(*) FROM thing"))


async def test_the_next_transaction_gets_the_same_connection_and_what_the_last_one_wrote(one):
    assert await use(one) is await use(one)
    assert await count(one) == 2


async def test_an_error_undoes_its_transaction_and_costs_no_connection(one):
    before = await use(one)
    with pytest.raises(ZeroDivisionError):
        await use(one, then=ZeroDivisionError())
    assert await use(one) is before
    assert await count(one) == 2


async def test_an_error_names_nobody_whose_values_were_to_be_written(one):
    async with one.begin() as connection:
        await connection.execute(text("CREATE UNIQUE INDEX once ON thing (name)"))
        await connection.execute(text("INSERT INTO thing VALUES ('ana@example.org')"))
    for again in (
        lambda connection: connection.run("INSERT INTO thing VALUES (?)", ("ana@example.org",)),
        lambda connection: connection.execute(text("INSERT INTO thing VALUES (:it)"), {"it": "ana@example.org"}),
    ):
        async with one.begin() as connection:
            with pytest.raises(IntegrityError, match="UNIQUE") as told:
                await again(connection)
        assert "ana@example.org" not in str(told.value)


async def test_who_is_cancelled_leaves_nothing_behind_and_the_next_gets_another_connection(one):
    before = await use(one)
    with pytest.raises(asyncio.CancelledError):
        await use(one, then=asyncio.CancelledError())
    assert before.closed
    assert await use(one) is not before
    assert await count(one) == 2


async def test_whoever_waits_too_long_is_told_and_takes_nobodys_place(one):
    async with one.begin():
        with pytest.raises(TimeoutError):
            await use(one)
    assert await count(one) == 0


async def test_a_place_that_comes_to_someone_who_has_just_been_cancelled_is_handed_on(one):
    async with one.begin():
        gone = asyncio.create_task(use(one))
        after = asyncio.create_task(use(one))
        await asyncio.sleep(0)
    gone.cancel()  # its turn has come, and it does not know yet
    with pytest.raises(asyncio.CancelledError):
        await gone
    await after
    assert await count(one) == 1
