"""The weekly digest: everything that is due reaches those who chose it, once, in time; nobody else gets one."""

import email
import email.policy
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import digests, explaining, lifecycle, replanning, store
from newsletter.campaigns.store import Campaign
from newsletter.constellation import schedule
from newsletter.constellation.model import Constellation, Digest
from newsletter.database import Database
from newsletter.engine import embedded
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings
from newsletter.tables import campaign
from subscribers import addresses, attending, preferences
from subscribers.attending import Answer
from subscribers.audience import Rhythm
from subscribers.tables import choice, subscriber

BEGIN = datetime(2021, 1, 1, 12, tzinfo=UTC)
MONDAY = datetime(2021, 2, 1, 14, tzinfo=UTC)
"""Nine in New York, two days before the opening."""

EACH, WEEKLY, WALKER, CALM = "p0", "p1", "p2", "p3"
"""Who wants each mail; a digest; a digest of the portfolio walk alone; the essentials."""


@dataclass
class Season:
    """The sample season, from 1 January on, and what arrives of it."""

    engine: Engine
    server: Any
    clock: Any

    async def until(self, moment: datetime) -> list[tuple[str, str]]:
        """Go from one thing that is due to the next, up to a moment; who got which subject, in order."""
        before = len(self.server.received)
        while True:
            async with self.engine.database.read() as connection:
                due = [await schedule.next_due(connection), await digests.next_due(connection, self.clock())]
            next_at = min(at for at in due if at is not None)
            if next_at > moment:
                break
            self.clock.now = max(next_at, self.clock())
            await self.engine.tick()
        self.clock.now = moment
        await self.engine.tick()
        return self.since(before)

    def since(self, count: int) -> list[tuple[str, str]]:
        mails = [
            email.message_from_bytes(one.data, policy=email.policy.default) for one in self.server.received[count:]
        ]
        return [(mail["To"].addresses[0].username, str(mail["Subject"])) for mail in mails]

    async def rhythm(self, who: str, rhythm: Rhythm) -> None:
        async with self.engine.database.begin() as connection:
            number = await connection.scalar(
                select(subscriber.c.id).where(subscriber.c.address == f"{who}@example.org")
            )
            await preferences.settle(connection, number, rhythm=rhythm, now=self.clock())

    async def load(self, constellation: Constellation) -> replanning.Changed:
        async with self.engine.database.begin() as connection:
            return await replanning.load(connection, self.engine.settings, constellation, self.clock(), actor="ana")

    async def why(self, who: str, slug: str) -> explaining.Explanation:
        async with self.engine.database.read() as connection:
            found = await store.find(connection, slug)
            address = addresses.parse(f"{who}@example.org")
            return await explaining.explain(connection, address, found, hash_key="h" * 40, now=self.clock())


@pytest.fixture
async def season(
    database: Database, settings: Settings, smtp_server: Any, constellation: Constellation, add_people: Any, clock: Any
) -> AsyncIterator[Season]:
    clock.now = BEGIN
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, database, clock) as engine:
            opened = Season(engine, server, clock)
            await opened.load(constellation)
            async with database.begin() as connection:
                numbers = await add_people(connection, 4, clock())
                await connection.execute(delete(choice).where(choice.c.subscriber_id == numbers[2]))
                walk = {"subscriber_id": numbers[2], "topic": "portfolio-walk", "stance": "follow"}
                await connection.execute(insert(choice).values(walk))
            for who, rhythm in ((WEEKLY, Rhythm.WEEKLY), (WALKER, Rhythm.WEEKLY), (CALM, Rhythm.ESSENTIALS)):
                await opened.rhythm(who, rhythm)
            yield opened


async def fire(connection: AsyncConnection, season: Season) -> None:
    draft = await digests.prepare(connection, season.engine.settings, season.clock())
    assert isinstance(draft, Campaign)
    await digests.start(connection, season.engine.settings, draft, now=season.clock())


def of(who: str, arrived: list[tuple[str, str]]) -> list[str]:
    return [subject.split(":")[0] for name, subject in arrived if name == who]


def opening(season: Constellation, *, by: timedelta = timedelta(), **changes: Any) -> Constellation:
    """The season with its opening as it is now."""
    events = (
        replace(one, starts=one.starts + by, ends=one.ends + by, **changes) if one.slug == "opening" else one
        for one in season.events
    )
    return replace(season, events=tuple(events))


def text(server: Any, who: str) -> str:
    """The last mail to somebody."""
    data = next(one.data for one in reversed(server.received) if one.rcpt_to.startswith(who))
    return str(email.message_from_bytes(data, policy=email.policy.default).get_body(("plain",)).get_content())


async def test_a_week_comes_as_one_mail_to_who_chose_that_and_as_each_to_the_others(season: Season) -> None:
    arrived = await season.until(datetime(2021, 2, 9, tzinfo=UTC))
    assert of(EACH, arrived) == ["Save Feb 3", "You are invited", "Reminder, Feb 3", "Starting soon", "Thank you"]
    assert of(CALM, arrived) == ["Save Feb 3"]
    assert of(WEEKLY, arrived) == ["Your week"] * 4  # two Mondays had nothing to tell
    assert of(WALKER, arrived) == ["Your week"]
    last = text(season.server, WEEKLY)
    assert "Portfolio walk: let the work speak" in last.partition("COMING UP")[2]
    assert "Opening: what is assessment for" in last.partition("THANK YOU")[2]
    walker = text(season.server, WALKER)
    assert "Portfolio walk" in walker
    assert "Opening" not in walker


async def test_what_looks_forward_comes_before_it_is_due_and_a_story_once_it_can_be_read(season: Season) -> None:
    await season.until(MONDAY)
    assert "Wednesday, February 3, 2021" in text(season.server, WEEKLY)
    await season.until(datetime(2021, 2, 14, tzinfo=UTC))
    assert "The semester without grades" not in text(season.server, WEEKLY)
    await season.until(datetime(2021, 2, 15, 14, tzinfo=UTC))
    assert "The semester without grades" in text(season.server, WEEKLY).partition("TO READ")[2]


async def test_a_change_reaches_digest_readers_at_once_if_a_digest_had_told_them(
    season: Season, constellation: Constellation
) -> None:
    await season.until(MONDAY + timedelta(hours=1))
    opening = constellation.events[0]
    week = timedelta(weeks=1)
    later = replace(opening, starts=opening.starts + week, ends=opening.ends + week)
    changed = await season.load(replace(constellation, events=(later, *constellation.events[1:])))
    assert [(notice.kind, notice.people) for notice in changed.notices] == [("changed", 3)]  # all but the walker
    arrived = await season.until(season.clock.forward(minutes=1))
    assert [who for who, _ in arrived] == [EACH, WEEKLY, CALM]
    season.clock.now = datetime(2021, 2, 8, 14, tzinfo=UTC)
    await season.until(season.clock.now)
    assert "Wednesday, February 10, 2021" in text(season.server, WEEKLY)


async def test_a_digest_asks_who_comes_and_reminds_those_who_do(
    season: Season, constellation: Constellation, database: Database
) -> None:
    opening, *others = constellation.events
    await season.load(replace(constellation, events=(replace(opening, rsvp=True), *others)))
    await season.until(datetime(2021, 1, 18, 14, tzinfo=UTC))
    asked = text(season.server, WEEKLY)
    assert re.search(r"Are you coming\? Please say so on your page:\s+https://\S+/preferences/\S+#rsvp\s", asked)
    async with database.begin() as connection:
        number = await connection.scalar(select(subscriber.c.id).where(subscriber.c.address.startswith(WEEKLY)))
        await attending.answer(connection, number, "opening", Answer.GOING, capacity=None, now=season.clock())
    arrived = await season.until(MONDAY)
    assert of(WALKER, arrived) == []
    assert "You cannot come after all? Please say so on your page:" in text(season.server, WEEKLY)


async def test_nobody_is_told_twice_who_goes_from_a_digest_to_each_mail(season: Season) -> None:
    await season.until(MONDAY)
    await season.rhythm(WEEKLY, Rhythm.EACH)
    arrived = await season.until(MONDAY + timedelta(days=2, hours=12))
    assert of(EACH, arrived) == ["Reminder, Feb 3", "Starting soon"]
    assert of(WEEKLY, arrived) == []
    assert of(WEEKLY, await season.until(MONDAY + timedelta(days=4))) == ["Thank you"]


async def test_nobody_is_told_twice_who_goes_from_each_mail_to_a_digest(season: Season) -> None:
    await season.until(datetime(2021, 2, 10, 15, tzinfo=UTC))
    assert of(EACH, season.since(0))[-2:] == ["The semester without grades", "You are invited"]
    await season.rhythm(EACH, Rhythm.WEEKLY)
    assert of(EACH, await season.until(datetime(2021, 2, 15, 15, tzinfo=UTC))) == []
    assert len(of(WEEKLY, season.since(0))) == 5


async def test_another_day_for_the_digest_leaves_nothing_out_and_tells_nothing_twice(
    season: Season, constellation: Constellation
) -> None:
    await season.until(datetime(2021, 1, 18, 15, tzinfo=UTC))  # it told of the invitation, due on the 20th
    await season.load(replace(constellation, digest=Digest(2, time(8))))
    arrived = await season.until(datetime(2021, 2, 3, 12, tzinfo=UTC))
    assert of(WEEKLY, arrived) == ["Your week"]  # on Wednesday the 27th, of what falls due from Monday on
    assert "Tue" not in text(season.server, WEEKLY)
    arrived = await season.until(datetime(2021, 2, 10, 13, tzinfo=UTC))
    assert of(WEEKLY, arrived) == ["Your week", "Your week"]
    assert "THANK YOU" in text(season.server, WEEKLY)
    assert "The semester without grades" in text(season.server, WEEKLY)


async def test_what_waits_of_a_digest_is_merged_into_the_next_and_comes_once(
    season: Season, database: Database
) -> None:
    await season.until(datetime(2021, 2, 15, 13, 59, tzinfo=UTC))
    season.clock.now = datetime(2021, 2, 15, 14, tzinfo=UTC)
    async with database.begin() as connection:  # the story's digest starts, and is paused before anything goes out
        await fire(connection, season)
        await lifecycle.pause(connection, await store.find(connection, "digest/2021-02-15"))
    before = len(season.server.received)
    await season.until(datetime(2021, 2, 22, 14, tzinfo=UTC))
    digest = [subject for who, subject in season.since(before) if who == WEEKLY]
    assert len(digest) == 1
    assert "The semester without grades" in text(season.server, WEEKLY)
    assert "Portfolio walk" in text(season.server, WEEKLY)
    async with database.read() as connection:
        assert (await store.find(connection, "digest/2021-02-15")).status == "cancelled"
    assert "The semester" not in text(season.server, WALKER)


@pytest.mark.parametrize("is_paused", [False, True], ids=["sending", "paused"])
async def test_a_digest_that_is_being_sent_tells_of_an_event_that_moves_meanwhile_as_it_then_is(
    season: Season, database: Database, constellation: Constellation, is_paused: bool
) -> None:
    await season.until(MONDAY - timedelta(minutes=1))
    season.clock.now = MONDAY
    async with database.begin() as connection:
        await fire(connection, season)
        if is_paused:
            await lifecycle.pause(connection, await store.find(connection, "digest/2021-02-01"))
    before = len(season.server.received)
    for slug, weeks in (("digest/2021-02-01", 1), ("digest/2021-02-01-2", 2)):
        changed = await season.load(opening(constellation, by=weeks * timedelta(weeks=1)))
        assert replanning.Stopped(slug, 1, MONDAY) in changed.stopped
    async with database.begin() as connection:
        again = await store.find(connection, "digest/2021-02-01-3")
        assert again.status == ("paused" if is_paused else "sending")
        if is_paused:
            await lifecycle.resume(connection, again, MONDAY)
    await season.engine.tick()
    assert of(WEEKLY, season.since(before)).count("Your week") == 1
    (digest,) = [one.data for one in season.server.received[before:] if b"Subject: Your week" in one.data]
    said = email.message_from_bytes(digest, policy=email.policy.default).get_body(("plain",)).get_content()
    assert "Wednesday, February 17, 2021" in said
    assert "February 3" not in said
    assert await season.until(MONDAY + timedelta(hours=1)) == []


async def test_a_digest_that_is_being_sent_tells_no_more_of_an_event_that_is_called_off(
    season: Season, database: Database, constellation: Constellation
) -> None:
    await season.until(MONDAY - timedelta(minutes=1))
    season.clock.now = MONDAY
    async with database.begin() as connection:
        await fire(connection, season)
    before = len(season.server.received)
    changed = await season.load(opening(constellation, cancelled=True))
    assert replanning.Stopped("digest/2021-02-01", 1, None) in changed.stopped
    await season.engine.tick()
    assert of(WEEKLY, season.since(before)) == ["Cancelled, Feb 3"]


async def test_a_digest_that_would_come_too_late_is_skipped_said_and_what_is_still_of_use_comes_with_the_next(
    season: Season, database: Database
) -> None:
    await season.until(datetime(2021, 1, 17, tzinfo=UTC))
    season.clock.now = datetime(2021, 1, 19, tzinfo=UTC)
    await season.engine.tick()
    async with database.read() as connection:
        row = (await connection.execute(select(campaign).where(campaign.c.slug == "digest/2021-01-18"))).one()
    assert (row.status, row.started_at) == ("cancelled", None)
    arrived = await season.until(datetime(2021, 1, 25, 14, tzinfo=UTC))
    assert of(WEEKLY, arrived) == ["Your week"]
    assert "Opening" in text(season.server, WEEKLY)


async def test_why_somebody_got_a_digest_or_a_mail_or_did_not_is_explained(season: Season) -> None:
    await season.until(datetime(2021, 2, 2, 16, tzinfo=UTC))
    assert (await season.why(WEEKLY, "opening/reminder")).sentence.endswith(
        "they had asked for a weekly digest, which tells of it in its place."
    )
    assert (await season.why(WEEKLY, "digest/2021-02-01")).verdict == "sent"
    assert (await season.why(EACH, "digest/2021-02-01")).verdict == "no-digest"
    assert (await season.why(WALKER, "digest/2021-02-01")).verdict == "nothing-due"


async def test_who_mutes_an_event_between_the_digest_s_start_and_their_turn_does_not_read_of_it(
    season: Season, database: Database
) -> None:
    await season.until(datetime(2021, 2, 8, 13, 59, tzinfo=UTC))
    season.clock.now = datetime(2021, 2, 8, 14, tzinfo=UTC)
    async with database.begin() as connection:
        await fire(connection, season)
        number = select(subscriber.c.id).where(subscriber.c.address == f"{WEEKLY}@example.org").scalar_subquery()
        await connection.execute(insert(choice).values(subscriber_id=number, topic="opening", stance="mute"))
        walk = choice.c.topic == "portfolio-walk"
        await connection.execute(update(choice).where(walk).values(stance="mute"))
    await season.engine.tick()
    assert "Portfolio walk" in text(season.server, WEEKLY)
    assert "Opening" not in text(season.server, WEEKLY)
    assert (await season.why(WALKER, "digest/2021-02-08")).verdict == "suppressed"
