"""That no relay takes mail is said once when it begins and once when it is over, and seen meanwhile."""

import asyncio
from typing import Any

from sqlalchemy import insert, select
from structlog.testing import capture_logs

from newsletter.database import Database
from newsletter.delivery import ledger, transactional
from newsletter.delivery.ledger import State
from newsletter.delivery.transactional import Kind
from newsletter.engine import embedded, presence, status
from newsletter.settings import Settings
from newsletter.tables import worker
from subscribers.tables import subscriber
from tests.smtp_server import ScriptedServer

TOLD = ("no relay takes mail", "mail is taken again", "relay well again")


def told(lines: list[Any]) -> list[Any]:
    return [line for line in lines if line["event"] in TOLD]


async def test_an_outage_is_said_once_when_it_begins_and_once_when_it_is_over(
    database: Database, settings: Settings, clock: Any, start: Any
) -> None:
    server = ScriptedServer()
    await server.listen()
    server.kill()
    policy = settings.delivery.model_copy(update={"window": 5, "shard": 5})
    settings = settings.model_copy(update={"smtp": server.settings, "delivery": policy})
    campaign = await start(settings, clock, 40)
    async with database.begin() as connection:
        number = await connection.scalar(select(subscriber.c.id))
        await transactional.enqueue(connection, number or 0, Kind.LINK, now=clock(), most_a_day=3)
    async with embedded.opened(settings, database, clock) as engine:
        with capture_logs() as lines:
            for _ in range(3):
                await engine.dispatcher.deliver(engine.stop)
                await engine.messenger.deliver(engine.stop)
                clock.forward(seconds=80)
        (begun,) = told(lines)
        assert (begun["event"], begun["relays"]) == ("no relay takes mail", ["smtp"])
        assert f"127.0.0.1:{server.port}" in begun["reason"]
        await server.listen()
        with capture_logs() as lines:
            await engine.dispatcher.deliver(engine.stop)
            await engine.messenger.deliver(engine.stop)
        (over,) = told(lines)
        assert (over["event"], over["relay"], over["lasted"]) == ("mail is taken again", "smtp", "0:04:00")
    server.kill()
    async with database.read() as connection:
        assert await ledger.counts(connection, campaign.id) == {State.SENT: 40}


async def test_a_relay_that_takes_mail_again_gets_it_by_all_its_connections_before_a_shard_is_done(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any, tripwire: Any
) -> None:
    async with smtp_server(answers=tripwire, gate=tripwire.gate) as server:
        policy = settings.delivery.model_copy(update={"window": 5, "shard": 20})
        settings = settings.model_copy(update={"smtp": server.settings, "delivery": policy})
        campaign = await start(settings, clock, 40)
        async with embedded.opened(settings, database, clock) as engine:
            engine.relays.fails(engine.relays.members[0], "down for a moment")
            clock.forward(minutes=2)
            tripwire.arm(7, holds=True)
            delivering = asyncio.create_task(engine.dispatcher.deliver(engine.stop))
            await asyncio.wait_for(tripwire.reached.wait(), 60)
            async with asyncio.timeout(60):
                while server.connections < 2:  # noqa: ASYNC110 - the server is asked, instead of telling
                    await asyncio.sleep(0.02)
            tripwire.gate.set()
            await delivering
    async with database.read() as connection:
        assert await ledger.counts(connection, campaign.id) == {State.SENT: 40}


async def test_an_outage_is_seen_by_all_until_it_is_over_or_nobody_has_found_it_for_long(
    database: Database, settings: Settings, clock: Any, start: Any, unused_tcp_port: int
) -> None:
    away = settings.smtp.model_copy(update={"host": "127.0.0.1", "port": unused_tcp_port, "tls": "none"})
    settings = settings.model_copy(update={"smtp": away})
    await start(settings, clock, 3)
    async with embedded.opened(settings, database, clock) as engine:
        await engine.dispatcher.deliver(engine.stop)
        begun = clock()
        seen = presence.pulse(engine)
        at = {"engine": "procrastinate", "started_at": begun, "seen_at": clock.forward(seconds=5)}
        async with database.begin() as connection:
            for name, pulse in {"a:1": seen, "b:2": seen | {"outages": []}}.items():
                await connection.execute(insert(worker).values(name=name, pulse=pulse, **at))
        async with database.read() as connection:
            (outage,) = (await status.read(connection, settings, clock())).outages
        assert (outage.relays, outage.since) == (["smtp"], begun)
        clock.forward(minutes=10)
        assert presence.pulse(engine)["outages"] == []
