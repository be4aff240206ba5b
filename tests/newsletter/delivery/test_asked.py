"""A mailbox is asked so often a day, by whichever mails and whoever has it asked."""

import asyncio
from datetime import timedelta
from typing import Any

from sqlalchemy import func, select

from newsletter.database import Database
from newsletter.delivery import asked
from newsletter.tables import asked as table

MOST = 3


async def take(database: Database, clock: Any, mailbox: str = "aa") -> bool:
    async with database.begin() as connection:
        return await asked.take(connection, mailbox, now=clock(), most_a_day=MOST)


async def test_each_place_is_free_again_a_day_after_it_was_taken(database: Database, clock: Any) -> None:
    for _ in range(MOST):
        assert await take(database, clock)
        clock.forward(hours=8)
    clock.forward(seconds=-1)  # a second before the first has its day
    assert not await take(database, clock)
    assert await take(database, clock, "bb")
    clock.forward(seconds=1)
    assert [await take(database, clock), await take(database, clock)] == [True, False]


async def test_those_who_ask_at_the_same_moment_share_no_place(database: Database, clock: Any) -> None:
    taken = await asyncio.gather(*(take(database, clock) for _ in range(9)))
    assert taken.count(True) == MOST


async def test_what_counts_no_more_is_forgotten(database: Database, clock: Any) -> None:
    await take(database, clock)
    clock.forward(hours=23)
    await take(database, clock, "bb")
    clock.forward(hours=1)
    async with database.begin() as connection:
        await asked.forget(connection, clock() - timedelta(seconds=1))
        assert await connection.scalar(select(func.count()).select_from(table)) == 2
        await asked.forget(connection, clock())
        assert list(await connection.scalars(select(table.c.hash))) == ["bb"]
