"""The constellation in the database: loaded whole, again without effect, and never at the cost of what was sent."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import func, select, text

from newsletter.constellation import store
from newsletter.constellation.difference import What
from newsletter.constellation.model import Constellation, Event
from newsletter.constellation.store import Status
from newsletter.database import Database
from newsletter.tables import event as event_table

Make = Callable[..., Event]
Season = Callable[..., Constellation]


WHO_WAITS_FOR_US = """
SELECT count(*) FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY(pg_blocking_pids(pid))
"""


async def load(database: Database, constellation: Constellation, now: datetime) -> dict[str, What]:
    async with database.begin() as connection:
        difference = await store.load(connection, constellation, now)
    return {change.slug: change.what for change in difference.events}


async def stored(database: Database, slug: str) -> store.StoredEvent:
    async with database.read() as connection:
        return await store.find(connection, slug)


async def test_what_was_loaded_is_what_is_read(database: Database, season: Season, now: datetime) -> None:
    await load(database, season(), now)
    async with database.read() as connection:
        assert await store.current(connection) == season()


async def test_before_anything_is_loaded_the_command_to_load_it_is_named(database: Database) -> None:
    async with database.read() as connection:
        with pytest.raises(store.NoConstellation, match="newsletter constellation load FILE"):
            await store.current(connection)


async def test_loading_the_same_again_changes_nothing(database: Database, season: Season, now: datetime) -> None:
    await load(database, season(), now)
    before = await stored(database, "opening")
    async with database.begin() as connection:
        assert not await store.load(connection, season(), now + timedelta(days=1))
    assert await stored(database, "opening") == before


async def test_of_two_first_loads_at_once_the_second_changes_what_the_first_has_loaded(
    database: Database, season: Season, now: datetime
) -> None:
    first, second = season(), replace(season(), name="Another name")
    async with database.begin() as connection:
        await store.load(connection, first, now)
        beside = asyncio.create_task(load(database, second, now))
        while not database.is_sqlite and not await connection.scalar(text(WHO_WAITS_FOR_US)):
            pass
    assert await beside == {}, "its events are there already"
    async with database.read() as connection:
        assert await store.current(connection) == second


async def test_the_difference_is_shown_without_loading(database: Database, season: Season, now: datetime) -> None:
    await load(database, season(), now)
    async with database.read() as connection:
        difference = await store.difference(connection, season(name="Autumn"))
        assert [field.name for field in difference.constellation] == ["name"]
        assert (await store.current(connection)).name == "The season"


async def test_another_constellation_is_refused_and_changes_nothing(
    database: Database, season: Season, now: datetime
) -> None:
    await load(database, season(), now)
    with pytest.raises(store.OtherConstellation, match="holds season; load autumn into a database of its own"):
        await load(database, season(slug="autumn"), now)
    async with database.read() as connection:
        assert (await store.current(connection)).slug == "season"


async def test_a_moved_event_keeps_its_number_and_raises_its_sequence(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    await load(database, season(event()), now)
    before = await stored(database, "opening")
    assert await load(database, season(event(starts="2021-02-10T15:00")), now) == {"opening": What.MOVED}
    after = await stored(database, "opening")
    assert (after.id, after.sequence) == (before.id, before.sequence + 1)
    async with database.read() as connection:
        at = await connection.scalar(select(event_table.c.starts_at))
    assert at == datetime(2021, 2, 10, 20, tzinfo=UTC)


async def test_a_change_no_calendar_shows_leaves_the_sequence(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    await load(database, season(event()), now)
    await load(database, season(event(capacity=3, mails=())), now)
    after = await stored(database, "opening")
    assert (after.event.capacity, after.sequence) == (3, 0)


async def test_an_event_that_leaves_the_file_is_removed_but_never_deleted(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    await load(database, season(), now)
    assert await load(database, season(event()), now) == {"closing": What.REMOVED}
    gone = await stored(database, "closing")
    assert (gone.status, gone.sequence) == (Status.REMOVED, 1)
    async with database.read() as connection:
        assert [found.event.slug for found in await store.events(connection)] == ["opening"]
        assert (await store.current(connection)).event("closing") is None
    await load(database, season(event()), now)
    assert (await stored(database, "closing")).sequence == 1, "it is removed once"


async def test_an_event_that_comes_back_is_the_same_event(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    await load(database, season(), now)
    before = await stored(database, "closing")
    await load(database, season(event()), now)
    assert await load(database, season(), now) == {"closing": What.ADDED}
    after = await stored(database, "closing")
    assert (after.id, after.status, after.sequence) == (before.id, Status.SCHEDULED, 2)
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(event_table)) == 2


async def test_an_event_is_cancelled_by_its_file(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    await load(database, season(event()), now)
    assert await load(database, season(event(cancelled=True)), now) == {"opening": What.CANCELLED}
    after = await stored(database, "opening")
    assert (after.status, after.sequence) == (Status.CANCELLED, 1)


async def test_a_move_from_the_first_to_the_second_of_a_repeated_hour_is_a_move(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    zone = ZoneInfo("America/New_York")
    first, second = (datetime(2021, 11, 7, 1, 30, fold=fold, tzinfo=zone) for fold in (0, 1))
    ends = datetime(2021, 11, 7, 4, tzinfo=zone)
    moved = [
        Event.from_document({**event(ends=ends).to_document(), "starts": at.isoformat()}) for at in (first, second)
    ]
    await load(database, season(moved[0]), now)
    assert await load(database, season(moved[1]), now) == {"opening": What.MOVED}
    assert (await stored(database, "opening")).event.starts.astimezone(UTC).hour == 6


async def test_an_unknown_event_is_answered_with_the_nearest(database: Database, season: Season, now: datetime) -> None:
    await load(database, season(), now)
    with pytest.raises(store.NoSuchEvent, match=r"there is no event openin; did you mean opening\?"):
        await stored(database, "openin")
