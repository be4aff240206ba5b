"""In which order rows are locked on PostgreSQL, where two who wait for each other are told of a deadlock."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import select, text

from newsletter.campaigns import lifecycle, mending
from newsletter.database import Database
from newsletter.delivery import allowance, ledger
from newsletter.delivery.ledger import Settlement, State
from newsletter.engine import embedded
from newsletter.setting_tables import Smtp
from newsletter.settings import Settings
from newsletter.tables import shard
from subscribers.audience import About

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

_BLOCKED = text("SELECT count(*) FROM pg_stat_activity WHERE cardinality(pg_blocking_pids(pid)) > 0")


async def until_blocked(database: Database) -> None:
    """Wait until somebody waits for a lock that another holds."""
    async with asyncio.timeout(30):
        while True:
            async with database.read() as connection:
                if await connection.scalar(_BLOCKED):
                    return
            await asyncio.sleep(0.02)


async def test_who_waits_for_a_bucket_holds_its_shard_so_that_cancelling_all_shards_waits_in_no_ring(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    async with smtp_server() as server:
        limited = server.settings.model_copy(update={"per_second": 50.0, "connections": 1})
        settings = settings.model_copy(update={"smtp": limited})
        campaign = await start(settings, clock, 20)
        async with embedded.opened(settings, database, clock) as engine:
            async with database.begin() as other:
                await allowance.look(other, "smtp", limited, {}, 10, clock())
                sending = asyncio.create_task(engine.dispatcher.deliver(engine.stop))
                await until_blocked(database)
                async with database.read() as connection:
                    free = select(shard.c.number).with_for_update(skip_locked=True)
                    assert (await connection.execute(free)).all() == []
                cancelling = asyncio.create_task(_cancel(database, campaign, clock))
            await asyncio.wait_for(asyncio.gather(sending, cancelling), 30)


async def test_of_two_who_begin_a_day_of_a_warm_up_the_second_counts_what_the_first_was_given(
    database: Database, clock: Any
) -> None:
    warming = Smtp(warm_up=(10,), warm_up_from=clock().date())

    async def left() -> int:
        async with database.begin() as connection:
            return (await allowance.look(connection, "smtp", warming, {}, 200, clock())).left

    async with database.begin() as connection:
        first = await allowance.look(connection, "smtp", warming, {}, 200, clock())
        second = asyncio.create_task(left())
        await until_blocked(database)
        await allowance.spend(connection, first, 7, clock())
    assert (first.left, await asyncio.wait_for(second, 30)) == (9, 2)


async def _cancel(database: Database, campaign: Any, clock: Any) -> None:
    async with database.begin() as connection:
        await lifecycle.cancel(connection, campaign, clock())


async def test_trying_again_what_was_deferred_waits_for_those_who_send_and_they_do_not_wait_for_it(
    database: Database, settings: Settings, clock: Any, start: Any
) -> None:
    campaign = await start(settings, clock, 20)

    async def retry() -> int:
        async with database.begin() as connection:
            return await mending.retry(connection, campaign, clock())

    async with database.begin() as connection:
        hold = await ledger.take(connection, "me", clock(), on_uncertain="resend")
        assert hold is not None
        window = await ledger.claim(connection, hold, after_id=0, limit=20, about=About(None), now=clock())
        later = [Settlement(due.subscriber_id, State.DEFERRED, "451 later", clock()) for due in window.due]
        await ledger.settle(connection, hold, later, clock())
    async with database.begin() as connection:
        await ledger.settle(connection, hold, [], clock())
        retrying = asyncio.create_task(retry())
        await until_blocked(database)
        claimed = await ledger.claim(connection, hold, after_id=0, limit=5, about=About(None), now=clock())
    assert len(claimed.due) == 5
    assert await asyncio.wait_for(retrying, 30) == 15
