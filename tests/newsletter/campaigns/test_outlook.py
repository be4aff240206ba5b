"""What staff make of the plan's mails themselves: it says so, and does with them what they said."""

import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import update

from newsletter.campaigns import lifecycle, outlook, replanning, store
from newsletter.campaigns.store import Campaign
from newsletter.constellation.model import Constellation
from newsletter.constellation.schedule import PlanState
from newsletter.database import Database
from newsletter.engine import embedded
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings
from subscribers.tables import subscriber

INVITED = datetime(2021, 1, 20, 14, tzinfo=UTC)
"""Nine in New York, two weeks before the opening."""

INVITATION = "opening/invitation"
EVERYBODY = ["p0", "p1", "p2", "p3"]


@dataclass
class Season:
    """The sample season over a mail server, with four people who follow everything; one of them reads Spanish."""

    engine: Engine
    server: Any
    clock: Any

    async def at(self, moment: datetime) -> list[str]:
        """Let it be that moment; who was written to then."""
        before = len(self.server.received)
        self.clock.now = moment
        await self.engine.tick()
        mails = [
            email.message_from_bytes(one.data, policy=email.policy.default) for one in self.server.received[before:]
        ]
        return sorted(mail["To"].addresses[0].username for mail in mails)

    async def draft(self, name: str, *, only: str = "") -> Campaign:
        event, kind = name.split("/")
        async with self.engine.database.begin() as connection:
            return await store.draft(connection, event, kind, now=self.clock(), expression=only)

    async def seen(self, name: str) -> tuple[str, int]:
        """Where a mail stands, and its people, as staff see the plan."""
        async with self.engine.database.read() as connection:
            seen = await outlook.read(connection, self.clock())
        (one,) = [one for one in seen if f"{one.mail.slug}/{one.mail.kind}" == name]
        return one.mail.state, one.people


@pytest.fixture
async def season(
    database: Database, settings: Settings, smtp_server: Any, constellation: Constellation, add_people: Any, clock: Any
) -> AsyncIterator[Season]:
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, database, clock) as engine:
            async with database.begin() as connection:
                await replanning.load(connection, settings, constellation, clock(), actor="ana")
                numbers = await add_people(connection, 4, clock())
                speaks = update(subscriber).where(subscriber.c.id == numbers[0])
                await connection.execute(speaks.values(locale="es"))
            yield Season(engine, server, clock)


async def test_a_draft_for_some_goes_in_the_place_of_the_plans_and_the_plan_counts_them_alone(season: Season) -> None:
    assert await season.seen(INVITATION) == (PlanState.PLANNED, 4)
    made = await season.draft(INVITATION, only='language = "es"')
    async with season.engine.database.read() as connection:
        planned = await outlook.planned(connection, made)
    assert planned is not None
    assert planned.due_at == INVITED
    assert await season.seen(INVITATION) == (PlanState.PLANNED, 1)
    assert await season.at(INVITED) == ["p0"]
    assert await season.seen(INVITATION) == (PlanState.STARTED, 1)


async def test_what_staff_have_sent_is_planned_no_more_and_nobody_invited_is_asked_to_keep_the_day_free(
    season: Season,
) -> None:
    made = await season.draft("closing/invitation")
    async with season.engine.database.begin() as connection:
        await lifecycle.start(connection, season.engine.settings, made, now=season.clock())
    assert await season.seen("closing/invitation") == (PlanState.STARTED, 4)
    assert await season.seen("closing/save-the-date") == (PlanState.SKIPPED, 0)
    assert await season.at(season.clock()) == EVERYBODY
    asked_to_keep_it_free = datetime(2021, 4, 8, 13, tzinfo=UTC)
    assert await season.at(asked_to_keep_it_free) == []


async def test_what_staff_have_cancelled_is_not_sent_and_the_plan_does_not_count_on_it(season: Season) -> None:
    made = await season.draft(INVITATION)
    async with season.engine.database.begin() as connection:
        await lifecycle.cancel(connection, made, season.clock())
    assert await season.seen(INVITATION) == (PlanState.SKIPPED, 0)
    assert await season.at(INVITED) == []


async def test_what_staff_have_scheduled_goes_when_they_said_and_not_when_the_plan_would(season: Season) -> None:
    made, later = await season.draft(INVITATION), INVITED + timedelta(days=2)
    async with season.engine.database.begin() as connection:
        await lifecycle.schedule(connection, made, later)
    assert await season.at(INVITED) == []
    assert await season.at(later) == EVERYBODY
    assert await season.seen(INVITATION) == (PlanState.STARTED, 4)


async def test_a_second_one_of_its_kind_is_beside_the_plan(season: Season) -> None:
    async with season.engine.database.begin() as connection:
        again = await store.draft(connection, "opening", "invitation", now=season.clock(), suffix="again")
        assert await outlook.planned(connection, again) is None
        await lifecycle.start(connection, season.engine.settings, again, now=season.clock())
    assert await season.seen(INVITATION) == (PlanState.PLANNED, 4)


async def test_what_a_move_has_stopped_stands_in_the_plan_beside_what_goes_anew(
    season: Season, constellation: Constellation
) -> None:
    made, now = await season.draft(INVITATION), season.clock()
    week = timedelta(weeks=1)
    later = replace(
        constellation,
        events=tuple(
            replace(one, starts=one.starts + week, ends=one.ends + week) if one.slug == "opening" else one
            for one in constellation.events
        ),
    )
    async with season.engine.database.begin() as connection:
        await lifecycle.start(connection, season.engine.settings, made, now=now)
        await replanning.load(connection, season.engine.settings, later, now, actor="ana")

    async def invitations() -> list[tuple[str, PlanState, int, datetime]]:
        async with season.engine.database.read() as connection:
            seen = [one for one in await outlook.read(connection, season.clock()) if one.campaign is not None]
        return [(one.campaign.slug, one.mail.state, one.people, one.mail.due_at) for one in seen if one.campaign]

    assert await invitations() == [
        (INVITATION, PlanState.STARTED, 4, INVITED),
        (f"{INVITATION}-2", PlanState.PLANNED, 4, INVITED + week),
    ]
    assert await season.at(INVITED + week) == EVERYBODY
    assert [one[:3] for one in await invitations()] == [
        (INVITATION, PlanState.STARTED, 4),
        (f"{INVITATION}-2", PlanState.STARTED, 4),
    ]
