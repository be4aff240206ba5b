"""So many mails a day for one person: what is beyond that waits, unless it is essential, or of no use tomorrow."""

from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import update

from newsletter.campaigns import explaining, lifecycle, report, store
from newsletter.constellation import loading
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery.ledger import State
from newsletter.engine import embedded
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings
from subscribers import addresses
from subscribers.tables import subscriber

NOON = datetime(2021, 2, 2, 17, tzinfo=UTC)
"""The day before the opening, by the clock in New York."""


@pytest.fixture
async def campaigns(
    database: Database, settings: Settings, smtp_server: Any, constellation: Constellation, add_people: Any, clock: Any
) -> Any:
    """Start campaigns about the opening one after the other, with a cap of one mail a day; what became of each."""
    clock.now = NOON
    async with database.begin() as connection:
        await loading.load(connection, constellation, clock(), actor="test")
        await add_people(connection, 2, clock())
        in_tokyo = subscriber.c.address == "p1@example.org"  # two in the morning of the 3rd
        await connection.execute(update(subscriber).where(in_tokyo).values(timezone="Asia/Tokyo"))
    async with smtp_server() as server:
        limited = settings.delivery.model_copy(update={"most_a_day": 1})
        settings = settings.model_copy(update={"smtp": server.settings, "delivery": limited})
        async with embedded.opened(settings, database, clock) as engine:
            yield Run(engine)


class Run:
    def __init__(self, engine: Engine) -> None:
        self.engine = engine

    async def start(self, event: str, kind: str) -> dict[State, int]:
        async with self.engine.database.begin() as connection:
            draft = await store.draft(connection, event, kind, now=self.engine.clock())
            await lifecycle.start(connection, self.engine.settings, draft, now=self.engine.clock())
        return await self.work(f"{event}/{kind}")

    async def work(self, slug: str) -> dict[State, int]:
        await self.engine.dispatcher.deliver(self.engine.stop)
        async with self.engine.database.read() as connection:
            return (await report.read(connection, await store.find(connection, slug))).states

    async def why(self, slug: str) -> str:
        async with self.engine.database.read() as connection:
            found = await store.find(connection, slug)
            address = addresses.parse("p0@example.org")
            return (
                await explaining.explain(connection, address, found, hash_key="h" * 40, now=self.engine.clock())
            ).sentence


async def test_a_second_mail_of_a_day_waits_for_the_same_hour_of_the_next(campaigns: Run, clock: Any) -> None:
    assert await campaigns.start("opening", "reminder") == {State.SENT: 2}
    clock.forward(hours=1)
    assert await campaigns.start("story-first-draft", "story") == {State.DEFERRED: 2}
    assert await campaigns.why("story-first-draft/story") == (
        "p0@example.org has not got story-first-draft/story yet: they had had 1 mail that day, the most that one "
        "person gets; its turn comes on 2021-02-03 at 18:00 UTC."
    )
    clock.forward(hours=23)
    assert await campaigns.work("story-first-draft/story") == {State.DEFERRED: 2}
    clock.forward(hours=1)
    assert await campaigns.work("story-first-draft/story") == {State.SENT: 2}


async def test_a_day_is_one_by_the_person_s_own_clock(campaigns: Run, clock: Any) -> None:
    await campaigns.start("opening", "reminder")
    clock.now = datetime(2021, 2, 3, 6, tzinfo=UTC)  # the 3rd in New York, and still in Tokyo
    assert await campaigns.start("story-first-draft", "story") == {State.SENT: 1, State.DEFERRED: 1}


async def test_what_is_of_no_use_tomorrow_is_left_out_and_said(campaigns: Run, clock: Any) -> None:
    clock.now = datetime(2021, 2, 3, 16, tzinfo=UTC)
    await campaigns.start("story-first-draft", "story")
    assert await campaigns.start("opening", "starting-soon") == {State.EXPIRED: 2}
    assert await campaigns.why("opening/starting-soon") == (
        "p0@example.org did not get opening/starting-soon: it was given up on 2021-02-03 at 16:00 UTC "
        "(“they had had 1 mail that day, the most that one person gets”)."
    )


async def test_the_essentials_are_never_kept_back(campaigns: Run, clock: Any) -> None:
    await campaigns.start("opening", "reminder")
    assert await campaigns.start("closing", "save-the-date") == {State.SENT: 2}
    clock.forward(minutes=1)
    assert await campaigns.start("opening", "cancelled") == {State.SENT: 2}
