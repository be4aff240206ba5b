"""Who joins late gets what still makes sense: what is to come, and nothing of the past."""

import email
import email.policy
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select

from newsletter.campaigns import digests, replanning
from newsletter.constellation import schedule
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery import transactional
from newsletter.engine import embedded
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings
from subscribers import addresses, signup
from subscribers.tables import subscriber

AFTER_INVITATION = datetime(2021, 1, 25, 12, tzinfo=UTC)
"""The opening's invitation went out on the 20th; its reminder is due on 2 February, and it begins on the 3rd."""


class Season:
    """An engine over a real relay, from one thing that is due to the next."""

    def __init__(self, engine: Engine, server: Any, clock: Any) -> None:
        self.engine, self.server, self.clock = engine, server, clock

    async def until(self, moment: datetime) -> None:
        while True:
            async with self.engine.database.read() as connection:
                due = [await schedule.next_due(connection), await digests.next_due(connection, self.clock())]
            following = min((at for at in due if at is not None), default=moment)
            if following >= moment:
                break
            self.clock.now = max(following, self.clock())
            await self.engine.tick()
        self.clock.now = moment
        await self.engine.tick()

    async def joins(self, name: str, topics: tuple[str, ...] = ()) -> None:
        """By the form and the link of its mail, as the pages do it."""
        address, now = addresses.parse(f"{name}@example.org"), self.clock()
        async with self.engine.database.begin() as connection:
            request = signup.Request(address, "form", topics=topics)
            due = await signup.join(connection, request, hash_key="h" * 40, now=now)
            await transactional.answer(connection, due, now=now, most_a_day=3, hash_key="h" * 40)
            number = await connection.scalar(select(subscriber.c.id).where(subscriber.c.normal == address.normal))
            assert await signup.confirm(connection, number, ip="192.0.2.1", now=now)
            await transactional.enqueue(connection, number, transactional.Kind.WELCOME, now=now, most_a_day=3)
        await self.engine.tick()

    def got(self, name: str) -> list[tuple[str, str]]:
        """What somebody got: subject and text."""
        mails = [
            email.message_from_bytes(one.data, policy=email.policy.default)
            for one in self.server.received
            if one.rcpt_to == f"{name}@example.org"
        ]
        return [(str(mail["Subject"]), mail.get_body(("plain",)).get_content()) for mail in mails]


@pytest.fixture
async def season(
    database: Database, settings: Settings, smtp_server: Any, constellation: Constellation, add_people: Any, clock: Any
) -> AsyncIterator[Season]:
    clock.now = datetime(2021, 1, 1, 12, tzinfo=UTC)
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, database, clock) as engine:
            events = [replace(one, cancelled=one.slug == "portfolio-walk") for one in constellation.events]
            async with database.begin() as connection:
                loaded = replace(constellation, events=tuple(events))
                await replanning.load(connection, settings, loaded, clock(), actor="ana")
                await add_people(connection, 1, clock())
            yield Season(engine, server, clock)


async def test_who_joins_between_the_invitation_and_the_reminder_gets_the_reminder_and_no_invitation(
    season: Season,
) -> None:
    await season.until(AFTER_INVITATION)
    assert any(subject.startswith("You are invited") for subject, _ in season.got("p0"))
    await season.joins("late")
    welcome = season.got("late")[-1][1]
    assert "Opening: what is assessment for" in welcome
    assert "Portfolio walk" not in welcome, "it is called off"
    before = len(season.got("late"))
    await season.until(datetime(2021, 2, 4, 20, tzinfo=UTC))
    subjects = [subject.split(":")[0] for subject, _ in season.got("late")[before:]]
    assert subjects == ["Reminder, Feb 3", "Starting soon", "Thank you"]


async def test_the_welcome_tells_of_what_its_reader_follows_and_of_nothing_that_is_over(season: Season) -> None:
    await season.until(datetime(2021, 2, 5, 12, tzinfo=UTC))
    await season.joins("late", topics=("closing",))
    welcome = season.got("late")[-1][1]
    assert "Closing convening" in welcome
    assert "Opening: what" not in welcome
    assert "The first draft" not in welcome
    assert "Equity" not in welcome


async def test_who_joins_when_everything_is_over_gets_nothing_old(season: Season, constellation: Constellation) -> None:
    end = max(event.ends for event in constellation.events)
    season.clock.now = end - timedelta(days=7)  # of the months before, the plan alone is left
    await season.until(end + timedelta(days=3))
    assert season.got("p0"), "it was a season that mails went out about"
    await season.joins("late")
    before = season.got("late")
    assert all("Coming up" not in text for _, text in before)
    await season.until(season.clock() + timedelta(days=30))
    assert season.got("late") == before
