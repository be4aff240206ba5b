"""A limit is kept, and made use of: by shards that take turns, and by others where a mail was not offered after all."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter.campaigns import lifecycle
from newsletter.campaigns.store import Campaign
from newsletter.database import Database
from newsletter.delivery import ledger, turns
from newsletter.delivery.ledger import State
from newsletter.delivery.turns import Portion
from newsletter.engine import embedded
from newsletter.setting_tables import Pace
from newsletter.settings import Settings
from subscribers.tables import subscriber


def over(settings: Settings, server: Any, smtp: Any = (), **changes: Any) -> Settings:
    policy = settings.delivery.model_copy(update={"window": 20, "shard": 10, **changes.pop("delivery", {})})
    relay = server.settings.model_copy(update={"connections": 1, **dict(smtp)})
    return settings.model_copy(update={"smtp": relay, "delivery": policy, **changes})


async def test_a_family_whose_people_are_few_among_many_gets_all_of_its_pace(
    database: Database, settings: Settings, clock: Any, smtp_server: Any, start: Any
) -> None:
    """Ten of sixty, all in one shard: the other five have nobody who waits, and take no turns."""
    async with smtp_server() as server:
        settings = over(settings, server, pace=(Pace(to="outlook", per_second=1 / 60),))
        campaign = await start(settings, clock, 60)
        async with database.begin() as connection:
            first = select(subscriber.c.id).order_by(subscriber.c.id).limit(10)
            for number in list(await connection.scalars(first)):
                address = f"p{number}@hotmail.com"
                moved = update(subscriber).where(subscriber.c.id == number)
                await connection.execute(moved.values(address=address, normal=address))
        async with embedded.opened(settings, database, clock) as engine:
            for minute in range(10):
                await engine.dispatcher.deliver(engine.stop)
                assert len(server.received) == 51 + minute
                clock.forward(minutes=1)
        async with database.read() as connection:
            assert await ledger.counts(connection, campaign.id) == {State.SENT: 60}


@pytest.mark.parametrize(
    ("smtp", "changes", "allowed"),
    [
        ({}, {"pace": (Pace(to="example.org", per_second=2),)}, 10),
        ({"per_second": 3}, {}, 12),
        ({"warm_up": (20,), "warm_up_from": "today"}, {}, 18),
    ],
    ids=["of receivers", "of a relay", "of a warm-up"],
)
async def test_what_was_counted_and_not_offered_goes_to_others(
    database: Database,
    settings: Settings,
    clock: Any,
    smtp_server: Any,
    start: Any,
    smtp: dict[str, Any],
    changes: dict[str, Any],
    allowed: int,
) -> None:
    """The relay closes its first connection after two mails of a window; all happens in one moment."""
    offered = []

    def closes(verb: str, address: str) -> str | None:
        if verb != "MAIL":
            return None
        offered.append(address)
        return "421 4.3.2 closing" if len(offered) == 3 else None

    if "warm_up_from" in smtp:
        smtp = {**smtp, "warm_up_from": clock().date()}
    async with smtp_server(answers=closes) as server:
        settings = over(settings, server, smtp, delivery={"shard": 40}, **changes)
        await start(settings, clock, 40)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
            await engine.dispatcher.deliver(engine.stop)
        assert len({one.rcpt_to for one in server.received}) == len(server.received) == allowed


async def test_shards_take_turns_as_long_as_they_have_people_waiting_and_are_sent(
    database: Database, settings: Settings, clock: Any, start: Any
) -> None:
    settings = settings.model_copy(update={"delivery": settings.delivery.model_copy(update={"shard": 10})})
    campaign: Campaign = await start(settings, clock, 30)
    other = Portion(campaign.id, 1)

    async def expected(of: Portion, people: int) -> list[float]:
        async with database.begin() as connection:
            found = await turns.expect(connection, of, "gmail", 0.5, people, clock())
        return [(one - clock()) / timedelta(seconds=1) for one in found]

    assert await expected(Portion(campaign.id, 0), 3) == [2, 4, 6]
    assert await expected(other, 3) == [4, 8, 8], "in turn, and no longer than alone until it looks again"
    assert await expected(other, 8) == [4, 8, 12, 16, 16, 16, 16, 16]
    clock.forward(seconds=7)
    assert await expected(other, 3) == [2, 4, 6], "nobody of the first waits any longer"
    assert await expected(Portion(campaign.id, 0), 2) == [4, 8]
    async with database.begin() as connection:
        await lifecycle.pause(connection, campaign)
    assert await expected(Portion(campaign.id, 2), 2) == [2, 4], "what is paused takes no turns"
