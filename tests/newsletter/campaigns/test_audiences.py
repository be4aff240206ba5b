"""Whom a campaign goes to when staff say so, on both databases."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from newsletter.campaigns import audiences, lifecycle, report, store
from newsletter.campaigns.audiences import AudienceError
from newsletter.campaigns.store import CampaignError
from newsletter.constellation import store as constellations
from newsletter.database import Database
from newsletter.engine import embedded
from newsletter.settings import Settings
from newsletter.tables import delivery
from subscribers import audience
from subscribers.expressions import ExpressionError
from subscribers.tables import subscriber


@pytest.fixture
async def people(database: Database, constellation: Any, now: datetime, add_people: Any) -> list[int]:
    """Six people who follow everything: half of them teachers, one of whom is not confirmed."""
    async with database.begin() as connection:
        await constellations.load(connection, constellation, now)
        numbers: list[int] = await add_people(connection, 6, now)
        teaches = update(subscriber).where(subscriber.c.id.in_(numbers[:3]))
        await connection.execute(teaches.values(fields={"role": "teacher", "school": "north"}))
        await connection.execute(
            update(subscriber).where(subscriber.c.id == numbers[0]).values(status="pending", confirmed_at=None)
        )
    return numbers


async def start(database: Database, settings: Settings, now: datetime, kind: str, expression: str) -> set[int]:
    """Start a campaign about the closing; who is in its ledger."""
    async with database.begin() as connection:
        draft = await store.draft(connection, "closing", kind, now=now, expression=expression)
        await lifecycle.start(connection, settings, draft, now=now)
        rows = await connection.scalars(select(delivery.c.subscriber_id).where(delivery.c.campaign_id == draft.id))
        return set(rows)


async def counted(database: Database, expression: str, now: datetime) -> int:
    """How many of those who may be written to an expression is."""
    async with database.read() as connection:
        only = await audiences.condition(connection, expression)
        return await audience.count(connection, audience.About(None), now, only=only)


async def test_a_campaign_goes_to_whom_its_expression_says_and_who_may_be_written_to(
    database: Database, settings: Settings, now: datetime, people: list[int]
) -> None:
    assert await start(database, settings, now, "invitation", 'role = "teacher"') == set(people[1:3])
    async with database.read() as connection:
        told = await report.read(connection, await store.find(connection, "closing/invitation"))
    assert (told.expression, told.audience) == ('role = "teacher"', 2)


async def test_received_is_who_was_sent_it_and_from_whom_it_has_not_come_back(
    database: Database, settings: Settings, now: datetime, people: list[int]
) -> None:
    asked = 'received("closing/invitation")'
    assert await counted(database, asked, now) == 0  # planned, though nobody has drafted it yet
    await start(database, settings, now, "invitation", "")
    assert await counted(database, asked, now) == 0
    async with database.begin() as connection:
        sent = update(delivery).where(delivery.c.subscriber_id.in_(people[1:5])).values(state="sent", at=now)
        await connection.execute(sent)
        for number, feedback in zip(people[1:5], ["delivered", "hard", "soft", "complaint"], strict=True):
            heard = update(delivery).where(delivery.c.subscriber_id == number).values(feedback=feedback)
            await connection.execute(heard)
    assert await counted(database, asked, now) == 2
    assert await start(database, settings, now, "reminder", f"not {asked}") == {people[2], people[3], people[5]}


async def test_a_field_that_somebody_has_may_be_asked_for_and_one_that_nobody_has_is_refused(
    database: Database, now: datetime, people: list[int]
) -> None:
    assert await counted(database, 'school = "north"', now) == 2
    with pytest.raises(ExpressionError, match="there is no field scool; did you mean school"):
        await counted(database, 'scool = "north"', now)


async def test_a_saved_audience_is_found_by_its_name_replaced_and_forgotten(
    database: Database, now: datetime, people: list[int]
) -> None:
    async with database.begin() as connection:
        assert await audiences.save(connection, "staff", 'role = "teacher"', now)
        assert await audiences.resolve(connection, "staff") == 'role = "teacher"'
        assert not await audiences.save(connection, "staff", 'role = "coach"', now + timedelta(days=1))
        assert [(one.name, one.expression) for one in await audiences.listed(connection)] == [
            ("staff", 'role = "coach"')
        ]
        with pytest.raises(AudienceError, match="there is no audience staf; did you mean staff"):
            await audiences.resolve(connection, "staf")
        assert await audiences.remove(connection, "staff")
        assert not await audiences.remove(connection, "staff")


@pytest.mark.parametrize("name", ["", "Two words", "a/b", 'x"', "ü"])
async def test_a_name_that_could_be_taken_for_something_else_is_refused(
    database: Database, now: datetime, name: str
) -> None:
    async with database.begin() as connection:
        with pytest.raises(AudienceError, match="is no name for an audience"):
            await audiences.save(connection, name, 'role = "teacher"', now)


async def test_nothing_wrong_is_saved(database: Database, now: datetime, people: list[int]) -> None:
    async with database.begin() as connection:
        for wrong in ("", "role = teacher", 'follows("nothing")'):
            with pytest.raises(ExpressionError):
                await audiences.save(connection, "staff", wrong, now)
        assert await audiences.listed(connection) == []


async def test_whom_it_is_for_is_settled_when_a_campaign_starts(
    database: Database, settings: Settings, now: datetime, people: list[int]
) -> None:
    await start(database, settings, now, "invitation", "")
    async with database.begin() as connection:
        with pytest.raises(CampaignError, match="whom it goes to was settled then"):
            await lifecycle.address(connection, await store.find(connection, "closing/invitation"), 'role = "coach"')


async def test_an_audience_that_cannot_be_told_any_more_stops_the_campaign_and_not_the_engine(
    database: Database, settings: Settings, now: datetime, people: list[int]
) -> None:
    async with database.begin() as connection:
        draft = await store.draft(connection, "closing", "invitation", now=now, expression='school = "north"')
        await lifecycle.schedule(connection, draft, now)
        await connection.execute(update(subscriber).values(fields={}))
    async with embedded.opened(settings, database, lambda: now) as engine:
        await engine.starter.start_scheduled()
    async with database.read() as connection:
        assert (await store.find(connection, "closing/invitation")).status == "scheduled"
        assert await connection.scalar(select(func.count()).select_from(delivery)) == 0
