"""Mails by each reader's own clock: nine in the morning is nine for everyone, and none comes too late to be of use."""

import email
import email.policy
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter.campaigns import explaining, report, store
from newsletter.constellation import loading, schedule
from newsletter.constellation.model import Constellation, Mail, MailKind
from newsletter.database import Database
from newsletter.delivery.ledger import State
from newsletter.engine import embedded
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings
from subscribers import addresses
from subscribers.tables import subscriber

CLOCKS = {"p0": "Europe/Berlin", "p1": "", "p2": "America/Los_Angeles", "p3": "Asia/Tokyo"}
"""People and the clocks they live by; p1 has none, and lives by the constellation's, New York's."""

NINE = {
    "p0": datetime(2021, 3, 14, 8, tzinfo=UTC),
    "p1": datetime(2021, 3, 14, 13, tzinfo=UTC),
    "p2": datetime(2021, 3, 14, 16, tzinfo=UTC),
    "p3": datetime(2021, 3, 15, 0, tzinfo=UTC),
}
"""Nine in the morning of the day before the event by each of them. American clocks change on the 14th, Berlin's two
weeks later; in Tokyo the event is on the 16th."""


@pytest.fixture
def season(constellation: Constellation) -> Constellation:
    """One event, on 15 March at 15:00 in New York, with a reminder the day before at nine by each reader's clock."""
    reminder = Mail(MailKind.REMINDER, days=-1, at=time(9), timezone="America/New_York", local=True)
    event = constellation.events[0]
    starts, ends = (one.replace(month=3, day=15) for one in (event.starts, event.ends))
    return replace(constellation, events=(replace(event, starts=starts, ends=ends, mails=(reminder,)),))


@pytest.fixture
async def engine(
    database: Database, settings: Settings, smtp_server: Any, season: Constellation, add_people: Any, clock: Any
) -> AsyncIterator[tuple[Engine, Any]]:
    """An engine over a mail server, four people and their clocks, on 12 March 2021."""
    clock.now = datetime(2021, 3, 12, 12, tzinfo=UTC)
    async with database.begin() as connection:
        await loading.load(connection, season, clock(), actor="test")
        await add_people(connection, len(CLOCKS), clock())
        for name, zone in CLOCKS.items():
            wanted = subscriber.c.address == f"{name}@example.org"
            await connection.execute(update(subscriber).where(wanted).values(timezone=zone))
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, database, clock) as opened:
            yield opened, server


def arrived(server: Any) -> dict[str, datetime]:
    """Who got a mail, and when it says that it is from."""
    mails = [email.message_from_bytes(one.data, policy=email.policy.default) for one in server.received]
    return {mail["To"].addresses[0].username: mail["Date"].datetime.astimezone(UTC) for mail in mails}


async def at(engine: Engine, clock: Callable[[], datetime], moment: datetime) -> None:
    clock.now = moment  # type: ignore[attr-defined]
    await engine.tick()


async def test_a_mail_at_nine_arrives_at_nine_by_everyone_s_own_clock(engine: Any, clock: Any) -> None:
    run, server = engine
    for number, (name, nine) in enumerate(NINE.items()):
        await at(run, clock, nine - timedelta(seconds=1))
        assert len(server.received) == number
        await at(run, clock, nine)
        assert name in arrived(server)
    assert arrived(server) == NINE
    async with run.database.read() as connection:
        seen = await report.read(connection, await store.find(connection, "opening/reminder"))
    assert (seen.status, seen.states) == ("finished", {State.SENT: 4})


async def test_it_starts_with_the_first_reader_s_hour_and_says_when_the_others_are_due(engine: Any, clock: Any) -> None:
    run, _ = engine
    await at(run, clock, datetime(2021, 3, 14, 3, tzinfo=UTC))
    async with run.database.read() as connection:
        assert await schedule.next_due(connection) == NINE["p0"]  # as it asked who its readers are
        assert (await store.find(connection, "opening/reminder")).started_at is None
    await at(run, clock, NINE["p0"])
    async with run.database.read() as connection:
        found = await store.find(connection, "opening/reminder")
        seen = await report.read(connection, found)
        why = await explaining.explain(
            connection, addresses.parse("p3@example.org"), found, hash_key="h" * 40, now=clock()
        )
    assert (seen.waiting, seen.next_at) == (3, NINE["p1"])
    assert why.sentence == (
        "p3@example.org is to get opening/reminder on 2021-03-15 at 00:00 UTC: "
        "it goes to everyone at the same hour of their own clock."
    )


async def test_whose_hour_passed_during_an_outage_is_skipped_and_said_and_the_others_get_it(
    engine: Any, clock: Any
) -> None:
    run, server = engine
    await at(run, clock, NINE["p2"])  # eight hours late for Berlin, three for New York
    assert set(arrived(server)) == {"p1", "p2"}
    await at(run, clock, NINE["p3"] + timedelta(hours=7))
    assert set(arrived(server)) == {"p1", "p2"}
    async with run.database.read() as connection:
        found = await store.find(connection, "opening/reminder")
        seen = await report.read(connection, found)
        lost = await report.unreached(connection, found)
        why = await explaining.explain(
            connection, addresses.parse("p0@example.org"), found, hash_key="h" * 40, now=clock()
        )
    assert seen.states == {State.SENT: 2, State.EXPIRED: 2}
    assert {(one.address, one.reply) for one in lost} == {
        ("p0@example.org", "its hour had passed"),
        ("p3@example.org", "its hour had passed"),
    }
    assert why.sentence == (
        "p0@example.org did not get opening/reminder: it was given up on 2021-03-14 at 16:00 UTC "
        "(“its hour had passed”)."
    )


async def test_what_waits_when_the_event_begins_is_given_up(engine: Any, clock: Any, database: Database) -> None:
    run, server = engine
    await at(run, clock, NINE["p0"])
    starts = datetime(2021, 3, 15, 19, tzinfo=UTC)
    await at(run, clock, starts)
    assert list(arrived(server)) == ["p0"]
    async with database.read() as connection:
        rows = await report.unreached(connection, await store.find(connection, "opening/reminder"))
    assert {one.reply for one in rows} == {"what it is about had begun, or was over"}


async def test_a_deferred_mail_is_not_tried_again_once_its_event_has_begun(
    database: Database, settings: Settings, smtp_server: Any, season: Constellation, add_people: Any, clock: Any
) -> None:
    clock.now = datetime(2021, 3, 12, 12, tzinfo=UTC)
    async with database.begin() as connection:
        await loading.load(connection, season, clock(), actor="test")
        await add_people(connection, 1, clock())
    away = {"RCPT": "451 4.7.1 come again"}
    async with smtp_server(answers=lambda verb, argument: away.get(verb)) as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, database, clock) as run:
            await at(run, clock, NINE["p1"])
            for hours in range(1, 48, 2):
                await at(run, clock, NINE["p1"] + timedelta(hours=hours))
        async with database.read() as connection:
            found = await store.find(connection, "opening/reminder")
            assert (await report.read(connection, found)).states == {State.EXPIRED: 1}
            assert (await connection.scalar(select(subscriber.c.status))) == "active"
    tries = sum(command.startswith("RCPT") for command in server.commands)
    assert 4 < tries < 20
