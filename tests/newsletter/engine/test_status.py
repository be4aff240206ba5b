"""What the engine says of itself, read from the database."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select, update

from newsletter.campaigns import lifecycle, store
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.engine import status
from newsletter.settings import Settings
from newsletter.tables import delivery, worker
from subscribers.tables import subscriber


@pytest.mark.parametrize(("people", "rate", "seconds"), [(3, 100.0, 1), (7, 2.0, 4), (7, 0.0, None)])
async def test_what_remains_takes_a_second_at_least_and_nobody_knows_how_long_without_a_rate(
    database: Database,
    settings: Settings,
    constellation: Constellation,
    clock: Any,
    add_people: Any,
    people: int,
    rate: float,
    seconds: int | None,
) -> None:
    async with database.begin() as connection:
        await constellations.load(connection, constellation, clock())
        await add_people(connection, people, clock())
        draft = await store.draft(connection, constellation.events[0].slug, "invitation", now=clock())
        await lifecycle.start(connection, settings, draft, now=clock())
        pulse = {"settled": {}, "campaigns": {str(draft.id): rate}, "domains": {}, "relays": []}
        at = {"engine": "embedded", "started_at": clock(), "seen_at": clock()}
        await connection.execute(insert(worker).values(name="a:1", pulse=pulse, **at))
    async with database.read() as connection:
        (running,) = (await status.read(connection, settings, clock())).campaigns
    assert running.eta == (None if seconds is None else timedelta(seconds=seconds))


@pytest.mark.parametrize(("is_paused", "hours"), [(False, 9), (True, None)])
async def test_what_remains_is_not_done_before_the_last_who_waits_for_their_morning_nor_while_it_is_paused(
    database: Database,
    settings: Settings,
    constellation: Constellation,
    clock: Any,
    add_people: Any,
    is_paused: bool,
    hours: int | None,
) -> None:
    async with database.begin() as connection:
        await constellations.load(connection, constellation, clock())
        await add_people(connection, 7, clock())
        draft = await store.draft(connection, constellation.events[0].slug, "invitation", now=clock())
        await lifecycle.start(connection, settings, draft, now=clock())
        asleep = update(delivery).where(delivery.c.subscriber_id == select(func.max(subscriber.c.id)).scalar_subquery())
        await connection.execute(asleep.values(due_at=clock() + timedelta(hours=9)))
        if is_paused:
            await lifecycle.pause(connection, draft)
        pulse = {"settled": {}, "campaigns": {str(draft.id): 50.0}, "domains": {}, "relays": []}
        at = {"engine": "embedded", "started_at": clock(), "seen_at": clock()}
        await connection.execute(insert(worker).values(name="a:1", pulse=pulse, **at))
    async with database.read() as connection:
        (running,) = (await status.read(connection, settings, clock())).campaigns
    assert running.eta == (None if hours is None else timedelta(hours=hours))


async def test_a_worker_of_the_version_before_is_understood_and_a_silent_one_counts_for_nothing(
    database: Database, settings: Settings, clock: Any
) -> None:
    relay = {"name": "smtp", "busy": 2, "trouble": ""}
    pulse = {"settled": {"sent": 4}, "campaigns": {"1": 9.0}, "domains": {}, "relays": [relay]}
    at = {"engine": "procrastinate", "started_at": clock() - timedelta(hours=1), "pulse": pulse}
    async with database.begin() as connection:
        await connection.execute(insert(worker).values(name="a:1", seen_at=clock(), **at))
        await connection.execute(insert(worker).values(name="b:2", seen_at=clock() - settings.engine.lease, **at))
    async with database.read() as connection:
        seen = await status.read(connection, settings, clock())
    assert [(one.name, one.is_alive) for one in seen.workers] == [("a:1", True), ("b:2", False)]
    assert [one.rate for one in seen.workers] == [9.0, 0.0]
    assert (seen.rate, seen.relays) == (9.0, [status.Relay("smtp", 2, "", "")])
