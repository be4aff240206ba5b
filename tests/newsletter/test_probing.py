"""A probe before mail stops: asked once, it decides by coming back or not, on both databases."""

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from newsletter import feedback
from newsletter.database import Database
from newsletter.delivery import transactional as mails
from newsletter.delivery.state import State
from newsletter.engine import parts
from newsletter.engine.housekeeping import Housekeeper
from newsletter.feedback import probing
from newsletter.settings import Settings
from newsletter.tables import campaign, delivery, inbox, transactional
from subscribers import preferences, scoring, suppression
from subscribers.consent import Actor
from subscribers.links import DeliveryRef
from subscribers.suppression import Reason
from tests import hashes
from webhooks.events import BounceClass, Event, Kind

LIMIT = (0, 4, 8, 12, 14)
WAIT = timedelta(days=7)
Heard = Callable[..., Awaitable[str]]


@pytest.fixture
async def person(database: Database, now: datetime, add_people: Any) -> int:
    """A subscriber who was sent campaign 1."""
    async with database.begin() as connection:
        number: int = (await add_people(connection, 1, now - timedelta(days=30)))[0]
        await connection.execute(insert(campaign).values(id=1, slug="a/b", kind="invitation", created_at=now))
        sent = {"campaign_id": 1, "subscriber_id": number, "state": "sent", "attempts": 1, "at": now}
        await connection.execute(insert(delivery), sent)
    return number


@pytest.fixture
def hear(database: Database, settings: Settings, person: int, now: datetime) -> Heard:
    """Apply a report of what happened so many days from now to the campaign's mail or to the probe; what followed."""

    async def go(day: int, what: BounceClass | Kind = BounceClass.SOFT, probe: int | None = None) -> str:
        at = now + timedelta(days=day)
        ref = DeliveryRef("campaign", 1, person) if probe is None else DeliveryRef("transactional", 0, probe)
        kind, bounce = (Kind.BOUNCED, what) if isinstance(what, BounceClass) else (what, None)
        links = parts.links(settings)
        event = Event("test", f"{day}{what}{probe}", kind, "p0@example.org", at, links.delivery_token(ref), bounce)
        async with database.begin() as connection:
            await feedback.store(connection, [event], at)
            await feedback.Applier(links, settings.bounces).apply_due(connection, at)
            last = select(inbox.c.outcome).where(inbox.c.event_id == event.id)
            return await connection.scalar(last) or ""

    return go


async def probes(database: Database) -> list[tuple[int, str]]:
    async with database.read() as connection:
        rows = await connection.execute(
            select(transactional.c.id, transactional.c.state)
            .where(transactional.c.kind == "probe")
            .order_by(transactional.c.id)
        )
        return [(row.id, row.state) for row in rows]


@pytest.fixture
async def probe(database: Database, hear: Heard, now: datetime) -> int:
    """The probe that soft bounces up to the limit led to, sent at once."""
    for day in LIMIT:
        said = await hear(day)
    assert said == "soft bounce counted; a probe asks whether mail arrives before it is stopped"
    ((number, state),) = await probes(database)
    assert state == State.QUEUED
    async with database.begin() as connection:
        await connection.execute(update(transactional).values(state=State.SENT, at=now + timedelta(days=14)))
    return number


async def reason(database: Database) -> Reason | None:
    async with database.read() as connection:
        return await suppression.find(connection, hashes.of_number(0))


async def days(database: Database, person: int) -> int:
    async with database.read() as connection:
        return len(await scoring.days(connection, person))


async def keep_house(database: Database, settings: Settings, at: datetime) -> None:
    await Housekeeper(database, settings, lambda: at).round()


async def test_at_the_limit_nobody_is_suppressed_and_one_probe_is_sent_however_many_bounces_follow(
    database: Database, hear: Heard, probe: int
) -> None:
    for day in (15, 16, 17):
        assert "a probe asks" in await hear(day)
    assert await reason(database) is None
    assert await probes(database) == [(probe, State.SENT)]


@pytest.mark.parametrize(
    ("bounce", "why", "said"),
    [
        (BounceClass.SOFT, Reason.SOFT_BOUNCE, "suppressed: the probe bounced too"),
        (BounceClass.HARD, Reason.HARD_BOUNCE, "suppressed: hard-bounce"),
    ],
)
async def test_a_probe_that_comes_back_stops_mail_and_repeats_change_nothing(
    database: Database, settings: Settings, hear: Heard, person: int, probe: int, now: datetime,
    bounce: BounceClass, why: Reason, said: str,
) -> None:  # fmt: skip
    assert await hear(18, bounce, probe) == said
    assert await hear(18, bounce, probe) == said
    assert await reason(database) is why
    await keep_house(database, settings, now + timedelta(days=30))
    assert await reason(database) is why
    assert await days(database, person) >= len(LIMIT), "the days that led to it stay, for they say why"
    assert len(await probes(database)) == 1


async def test_a_probe_that_is_blocked_is_our_fault(database: Database, hear: Heard, probe: int) -> None:
    assert "not at fault" in await hear(15, BounceClass.BLOCK, probe)
    assert await reason(database) is None


async def test_when_nothing_has_come_back_for_the_wait_soft_bounces_are_forgotten_and_not_before(
    database: Database, settings: Settings, hear: Heard, person: int, probe: int, now: datetime
) -> None:
    sent = now + timedelta(days=14)
    await keep_house(database, settings, sent + WAIT - timedelta(seconds=1))
    assert await days(database, person) == len(LIMIT)
    await keep_house(database, settings, sent + WAIT)
    assert await days(database, person) == 0
    assert await hear(22, BounceClass.SOFT, probe) == "soft bounce counted", "later it is a bounce like any other"
    assert await reason(database) is None


async def test_a_bounce_heard_of_after_the_wait_begins_to_count_anew_before_anybody_has_kept_house(
    database: Database, hear: Heard, person: int, probe: int
) -> None:
    assert await hear(30) == "soft bounce counted"
    assert await days(database, person) == 1
    assert await probes(database) == [(probe, State.SENT)]


async def test_a_mail_that_arrives_forgets_soft_bounces_and_the_probes_own_stops_nobody_then(
    database: Database, hear: Heard, person: int, probe: int
) -> None:
    assert await hear(16, Kind.DELIVERED) == "delivered"
    assert await days(database, person) == 0
    assert await hear(18, BounceClass.SOFT, probe) == "soft bounce counted"
    assert await reason(database) is None


async def test_who_leaves_while_the_probe_waits_is_not_asked(
    database: Database, hear: Heard, person: int, now: datetime
) -> None:
    for day in LIMIT:
        await hear(day)
    async with database.begin() as connection:
        await preferences.leave(connection, person, source="page", actor=Actor.PERSON, now=now)
        assert await mails.claim(connection, limit=10, now=now + timedelta(days=15)) == []
    assert [state for _, state in await probes(database)] == [State.SUPPRESSED]
    assert await hear(16) == "soft bounce counted"
    assert await reason(database) is None


async def test_what_became_of_the_probe_is_told(database: Database, person: int, probe: int, now: datetime) -> None:
    async with database.read() as connection:
        found = await probing.latest(connection, person, WAIT)
    sent = now + timedelta(days=14)
    assert found == probing.Probe(sent, State.SENT, sent + WAIT)
