"""A domain that blocks us, or says of too many at once that they do not exist: left alone, and nobody suppressed."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, insert, select

from newsletter import feedback
from newsletter.database import Database
from newsletter.delivery import ledger, pauses
from newsletter.delivery.pauses import Cause
from newsletter.delivery.state import State
from newsletter.engine import parts
from newsletter.feedback import breaker
from newsletter.settings import Settings
from newsletter.tables import campaign, delivery, shard
from subscribers import consent, suppression
from subscribers.audience import About
from subscribers.links import DeliveryRef
from subscribers.tables import subscriber
from subscribers.tables import suppression as suppressed
from tests import hashes
from tests.conftest import make_settings
from webhooks.events import BounceClass, Event, Kind

LEAST = 5  # as by default: the people of one school are few
Hear = Callable[..., Awaitable[None]]


@pytest.fixture
def settings(database_url: str) -> Settings:
    """The settings of who has changed none of them."""
    return make_settings(database_url, bounces={"address": "b@bounces.example.org"})


@pytest.fixture
async def people(database: Database, now: datetime, add_people: Any) -> list[int]:
    """Forty who were sent campaign 1, all at example.org."""
    async with database.begin() as connection:
        numbers: list[int] = await add_people(connection, 40, now - timedelta(days=30))
        await connection.execute(insert(campaign).values(id=1, slug="a/b", kind="invitation", created_at=now))
        sent = {"campaign_id": 1, "state": "sent", "attempts": 1, "at": now}
        await connection.execute(insert(delivery), [{**sent, "subscriber_id": number} for number in numbers])
    return numbers


@pytest.fixture
def hear(database: Database, settings: Settings, people: list[int], now: datetime) -> Hear:
    """Apply a bounce of each of these people, by their position."""
    links = parts.links(settings)

    async def go(which: range, bounce: BounceClass, at: datetime = now, by: str = "test") -> None:
        events = [
            Event(
                provider=by,
                id=f"{bounce}-{i}",
                kind=Kind.BOUNCED,
                address=f"p{i}@example.org",
                at=at,
                token=links.delivery_token(DeliveryRef("campaign", 1, people[i])),
                bounce=bounce,
            )
            for i in which
        ]
        async with database.begin() as connection:
            await feedback.store(connection, events, at)
            await feedback.Applier(links, settings.bounces).apply_due(connection, at)

    return go


async def paused(database: Database, now: datetime) -> dict[str, Cause]:
    async with database.read() as connection:
        return {name: pause.cause for name, pause in (await pauses.current(connection, now)).items()}


async def gone(database: Database) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(suppressed)) or 0


@pytest.mark.parametrize("count", [LEAST - 1, 8], ids=["too few", "a fifth of them, and not more"])
async def test_some_blocks_pause_nobody(database: Database, hear: Hear, now: datetime, count: int) -> None:
    await hear(range(count), BounceClass.BLOCK)
    assert await paused(database, now) == {}


async def test_a_mail_that_is_reported_in_two_ways_counts_once(database: Database, hear: Hear, now: datetime) -> None:
    for by in ("mail", "postmark"):
        await hear(range(8), BounceClass.HARD, by=by)
    assert await paused(database, now) == {}
    assert await gone(database) == 8
    await hear(range(8, 9), BounceClass.HARD, by="postmark")
    assert await paused(database, now) == {"example.org": Cause.HARD}
    assert await gone(database) == 0


async def test_a_domain_that_blocks_gets_no_mail_for_an_hour_and_is_then_tried_again(
    database: Database, hear: Hear, people: list[int], now: datetime
) -> None:
    await hear(range(9), BounceClass.BLOCK)
    assert await paused(database, now) == {"example.org": Cause.BLOCK}
    assert await gone(database) == 0
    async with database.begin() as connection:
        await connection.execute(
            subscriber.update().where(subscriber.c.id == people[0]).values(address="ana@example.net")
        )
        await connection.execute(campaign.update().values(status="sending", started_at=now))
        await connection.execute(delivery.update().values(state="queued", attempts=0))
        values = {"first_id": people[0], "last_id": people[-1], "due_at": now}
        await connection.execute(insert(shard).values(campaign_id=1, number=0, **values))
        hold = await ledger.take(connection, "test", now, on_uncertain="resend")
        assert hold is not None
        window = await ledger.claim(connection, hold, after_id=0, limit=100, about=About(None), now=now)
        assert [due.subscriber_id for due in window.due] == [people[0]], "others are written to"
        assert await ledger.counts(connection, 1) == {State.DEFERRED: 39, State.SENDING: 1}
        assert await connection.scalar(select(func.max(delivery.c.attempts))) == 1, "being put off is no attempt"
        later = now + timedelta(hours=1)
        window = await ledger.claim(connection, hold, after_id=0, limit=100, about=About(None), now=later)
        assert len(window.due) == 39


async def test_hard_bounces_of_a_sudden_are_a_fault_of_the_server_and_are_held_the_first_ones_too(
    database: Database, hear: Hear, people: list[int], now: datetime
) -> None:
    await hear(range(LEAST), BounceClass.HARD)
    assert await gone(database) == LEAST, "five of forty may well be gone"
    await hear(range(LEAST, 9), BounceClass.HARD, now + timedelta(minutes=5))
    assert await gone(database) == 0
    await hear(range(9, 12), BounceClass.HARD, now + timedelta(minutes=30))
    assert await gone(database) == 0, "while it lasts, what comes is held"
    assert await paused(database, now + timedelta(minutes=30)) == {"example.org": Cause.HARD}
    async with database.read() as connection:
        assert await breaker.held(connection) == {"example.org": 12}
        steps = await consent.evidence(connection, people[0])
        assert [(step.action, step.actor) for step in steps] == [("suppressed", "report"), ("released", "system")]
    await hear(range(12, 13), BounceClass.HARD, now + timedelta(hours=2))
    assert await gone(database) == 1, "and a single one afterwards is believed again"


async def test_what_was_held_is_let_go_and_never_comes_back(database: Database, hear: Hear, now: datetime) -> None:
    await hear(range(9), BounceClass.HARD)
    async with database.begin() as connection:
        assert await breaker.release(connection, "Example.ORG", obey=False, now=now) == 9
    assert (await gone(database), await paused(database, now)) == (0, {})
    await hear(range(9, 10), BounceClass.HARD, now + timedelta(minutes=1))
    assert await gone(database) == 1, "what staff have judged is not counted again"
    async with database.begin() as connection:
        with pytest.raises(breaker.NothingToRelease, match="nothing is held"):
            await breaker.release(connection, "example.org", obey=False, now=now)


async def test_what_was_held_is_believed_but_for_whoever_has_opted_in_since(
    database: Database, hear: Hear, people: list[int], now: datetime
) -> None:
    await hear(range(9), BounceClass.HARD)
    async with database.begin() as connection:
        await connection.execute(
            subscriber.update().where(subscriber.c.id == people[3]).values(confirmed_at=now + timedelta(minutes=1))
        )
        assert await breaker.release(connection, "example.org", obey=True, now=now) == 9
        assert await suppression.find(connection, hashes.of_number(3)) is None
    assert await gone(database) == 8
