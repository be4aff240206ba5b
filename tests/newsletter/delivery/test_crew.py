"""Connections that found nothing to do go on with what becomes due while others work."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from newsletter.campaigns import lifecycle, store
from newsletter.campaigns.store import Campaign
from newsletter.database import Database
from newsletter.delivery import ledger
from newsletter.delivery.ledger import State
from newsletter.engine import embedded
from newsletter.setting_tables import Relay, Smtp
from newsletter.settings import Settings

Start = Callable[..., Awaitable[Campaign]]


def over(settings: Settings, smtp: Smtp, **changes: Any) -> Settings:
    policy = settings.delivery.model_copy(update={"window": 5, "shard": 10})
    return settings.model_copy(update={"smtp": smtp, "delivery": policy, **changes})


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - the server is asked, instead of telling
            await asyncio.sleep(0.02)


async def test_a_campaign_that_begins_while_a_slow_relay_works_goes_out_by_the_quick_one(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start
) -> None:
    gate = asyncio.Event()
    async with smtp_server(gate=gate) as slow, smtp_server() as quick:
        relays = (Relay(name="quick", **quick.settings.model_dump() | {"connections": 1}),)
        settings = over(settings, slow.settings.model_copy(update={"connections": 1}), relays=relays)
        first = await start(settings, clock, 20)
        async with embedded.opened(settings, database, clock) as engine:
            delivering = asyncio.create_task(engine.dispatcher.deliver(engine.stop))
            await until(lambda: len(quick.received) == 10 and "DATA" in slow.commands)
            async with database.begin() as connection:
                second = await store.draft(connection, first.topic, "thanks", now=clock())
                assert await lifecycle.start(connection, settings, second, now=clock()) == 20
            await until(lambda: len(quick.received) == 30)
            gate.set()
            await delivering
        async with database.read() as connection:
            assert await ledger.counts(connection, first.id) == {State.SENT: 20}
            assert await ledger.counts(connection, second.id) == {State.SENT: 20}


async def test_a_relay_that_is_well_again_is_used_by_as_many_connections_as_before(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Start, tripwire: Any
) -> None:
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        campaign = await start(over(settings, server.settings), clock, 50)
        async with embedded.opened(over(settings, server.settings), database, clock) as engine:
            engine.relays.fails(engine.relays.members[0], "down for a moment")
            clock.forward(minutes=10)
            tripwire.arm(15, holds=True)
            delivering = asyncio.create_task(engine.dispatcher.deliver(engine.stop))
            await asyncio.wait_for(tripwire.reached.wait(), 60)
            await until(lambda: server.connections == 2)
            tripwire.gate.set()
            await delivering
        async with database.read() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.SENT: 50}
