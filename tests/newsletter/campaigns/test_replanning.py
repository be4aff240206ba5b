"""A season that changes while its mails are under way: who was told is told of it, once, and nobody else is."""

import email
import email.policy
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, update

from newsletter.campaigns import explaining, replanning, store
from newsletter.campaigns.replanning import Changed, Notice, Stopped
from newsletter.constellation import schedule
from newsletter.constellation.model import Constellation, Place
from newsletter.database import Database
from newsletter.engine import embedded, parts
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings
from newsletter.tables import audit, campaign, delivery
from newsletter.web.app import create_app
from subscribers import addresses
from subscribers.links import Purpose
from subscribers.tables import choice, subscriber

BEGIN = datetime(2021, 1, 19, 12, tzinfo=UTC)
INVITED = datetime(2021, 1, 20, 14, tzinfo=UTC)
"""Nine in New York, two weeks before the opening."""

WEEK = timedelta(weeks=1)


def moved(season: Constellation, by: timedelta, slug: str = "opening", **changes: Any) -> Constellation:
    events = (
        replace(one, starts=one.starts + by, ends=one.ends + by, **changes) if one.slug == slug else one
        for one in season.events
    )
    return replace(season, events=tuple(events))


@dataclass
class Season:
    """The sample season over a mail server, with six people who follow everything, and ways to go on with it."""

    engine: Engine
    server: Any
    clock: Any
    constellation: Constellation

    async def at(self, moment: datetime) -> list[tuple[str, str]]:
        """Let it be that moment; who got which subject then."""
        before = len(self.server.received)
        self.clock.now = moment
        await self.engine.tick()
        mails = [
            email.message_from_bytes(one.data, policy=email.policy.default) for one in self.server.received[before:]
        ]
        return sorted((mail["To"].addresses[0].username, str(mail["Subject"])) for mail in mails)

    async def load(self, constellation: Constellation, **options: Any) -> Changed:
        async with self.engine.database.begin() as connection:
            settings = self.engine.settings
            return await replanning.load(connection, settings, constellation, self.clock(), actor="ana", **options)


@pytest.fixture
async def season(
    database: Database, settings: Settings, smtp_server: Any, constellation: Constellation, add_people: Any, clock: Any
) -> AsyncIterator[Season]:
    clock.now = BEGIN
    greylisting = {"p5@example.org"}
    later: Callable[[str, str], str | None] = lambda verb, argument: (  # noqa: E731
        "451 4.7.1 come again" if verb == "RCPT" and argument in greylisting else None
    )
    async with smtp_server(answers=later) as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, database, clock) as engine:
            opened = Season(engine, server, clock, constellation)
            await opened.load(constellation)
            async with database.begin() as connection:
                numbers = await add_people(connection, 6, clock())
                lapsed = choice.c.subscriber_id == numbers[0]
                await connection.execute(update(choice).where(lapsed).values(topic="closing"))
            await opened.at(INVITED)  # p1 to p4; p0 follows the closing only, p5's server puts it off
            yield opened
            greylisting.clear()


async def test_who_was_told_is_told_of_a_move_and_nobody_else(season: Season, database: Database) -> None:
    season.clock.forward(minutes=1)
    async with database.begin() as connection:
        await connection.execute(
            update(subscriber).where(subscriber.c.address == "p1@example.org").values(status="left", left_at=BEGIN)
        )
        later = moved(season.constellation, WEEK)
        async with replanning.tried(connection, season.engine.settings, later, season.clock()) as seen:
            pass
    changed = await season.load(later)
    assert seen.notices == changed.notices == (Notice("opening", "changed", 3, "opening/changed"),)
    told = await season.at(season.clock.forward(minutes=1))
    subject = "Moved to Feb 10: Opening: what is assessment for, after a year like this?"
    assert told == [(name, subject) for name in ("p2", "p3", "p4")]
    mail = email.message_from_bytes(season.server.received[-1].data, policy=email.policy.default)
    assert "Before: Wednesday, February 3, 2021" in mail.get_body(("plain",)).get_content()
    assert (await season.load(later)).notices == ()
    assert await season.at(season.clock.forward(minutes=1)) == []


async def test_who_pauses_is_told_when_the_pause_is_over_unless_the_event_is_too(season: Season) -> None:
    now = season.clock.forward(minutes=1)
    back = now + timedelta(days=5)
    async with season.engine.database.begin() as connection:
        for name, until in (("p1", back), ("p2", now + 30 * timedelta(days=1))):
            whom = subscriber.c.address == f"{name}@example.org"
            await connection.execute(update(subscriber).where(whom).values(paused_until=until))
    changed = await season.load(moved(season.constellation, timedelta(), cancelled=True))
    assert changed.notices == (Notice("opening", "cancelled", 3, "opening/cancelled"),)
    assert [name for name, _ in await season.at(season.clock.forward(minutes=1))] == ["p3", "p4"]
    async with season.engine.database.read() as connection:
        of, key = await store.find(connection, "opening/cancelled"), season.engine.settings.secrets.hash_key
        p1 = addresses.parse("p1@example.org")
        told = await explaining.explain(connection, p1, of, hash_key=key.get_secret_value(), now=season.clock())
    assert "has not got opening/cancelled yet: they were taking a pause; its turn comes on 2021-01-25" in told.sentence
    assert [name for name, _ in await season.at(back + timedelta(seconds=1))] == ["p1"]


async def test_who_ends_or_changes_their_pause_hears_of_what_waits_for_its_end_then(season: Season) -> None:
    now = season.clock.forward(minutes=1)
    engine = season.engine
    async with engine.database.read() as connection:
        found = await connection.execute(select(subscriber.c.address, subscriber.c.id))
        numbers = {address.partition("@")[0]: number for address, number in found}
    app = create_app(engine.settings, database=engine.database, clock=season.clock, run_engine=False)
    links = parts.links(engine.settings)

    async def save(name: str, **form: str) -> None:
        token = links.token(Purpose.PREFERENCES, numbers[name], issued_at=now)
        assert (await visitor.post(f"/preferences/{token}", data=form)).status_code == 303

    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://news.example.org") as visitor:
        for name in ("p1", "p2", "p3"):
            await save(name, part="pause", until="2021-01-25")
        await season.load(moved(season.constellation, timedelta(), cancelled=True))
        await save("p4", part="pause", until="2021-01-23")  # after it was to be sent, and before it was
        assert await season.at(season.clock.forward(minutes=1)) == []
        await save("p1", part="resume")
        await save("p2", part="pause", until="2021-01-28")
    assert [name for name, _ in await season.at(season.clock.forward(seconds=1))] == ["p1"]
    days = {day: await season.at(datetime(2021, 1, day, 5, 1, tzinfo=UTC)) for day in range(21, 30)}
    assert {day: [name for name, _ in told] for day, told in days.items() if told} == {
        23: ["p4"],
        25: ["p3"],
        28: ["p2"],
    }


async def test_an_old_date_goes_to_nobody_more_and_who_had_not_got_it_gets_the_new_one(season: Season) -> None:
    season.clock.forward(minutes=1)
    async with season.engine.database.begin() as connection:
        noted = update(campaign).where(campaign.c.slug == "opening/invitation").values(note="Bring a friend.")
        await connection.execute(noted)
    changed = await season.load(moved(season.constellation, WEEK))
    again_at = INVITED + WEEK
    assert changed.stopped == (Stopped("opening/invitation", 1, again_at),)
    for hours in (1, 24, 100):
        assert not [subject for _, subject in await season.at(INVITED + timedelta(hours=hours)) if "invited" in subject]
    season.server.answers = lambda verb, argument: None
    due = await season.at(again_at)
    assert due == [("p5", "You are invited: Opening: what is assessment for, after a year like this?")]
    assert b"February 10" in season.server.received[-1].data
    assert b"Bring a friend." in season.server.received[-1].data


async def test_what_goes_by_readers_own_clocks_waits_for_the_first_of_them_so_that_who_joins_gets_it_too(
    season: Season,
) -> None:
    season.clock.forward(minutes=1)
    later = moved(season.constellation, WEEK)
    opening = later.event("opening")
    mails = tuple(replace(mail, local=mail.kind == "invitation") for mail in opening.mails)
    events = (replace(one, mails=mails) if one.slug == "opening" else one for one in later.events)
    changed = await season.load(replace(later, events=tuple(events)))
    (stopped,) = changed.stopped
    assert stopped.again_at is not None
    assert timedelta() <= INVITED + WEEK - stopped.again_at <= timedelta(days=1)


async def test_who_was_in_a_window_that_was_stopped_before_their_turn_gets_the_new_date_too(season: Season) -> None:
    season.clock.forward(minutes=1)
    p5 = delivery.c.state == "deferred"
    async with season.engine.database.begin() as connection:
        numbers = list(await connection.scalars(select(delivery.c.subscriber_id).where(p5)))
        await connection.execute(update(delivery).where(p5).values(state="sending", due_at=None))
    await season.load(moved(season.constellation, WEEK))
    season.server.answers = lambda verb, argument: None
    async with season.engine.database.begin() as connection:
        theirs = delivery.c.subscriber_id.in_(numbers)
        await connection.execute(
            update(delivery).where(theirs, delivery.c.state == "sending").values(state="cancelled")
        )
    await season.at(season.clock.forward(minutes=1))  # the notices
    assert [name for name, _ in await season.at(INVITED + WEEK)] == ["p5"]


async def test_a_second_move_moves_what_waits_to_be_sent_anew(season: Season) -> None:
    season.clock.forward(minutes=1)
    await season.load(moved(season.constellation, WEEK))
    changed = await season.load(moved(season.constellation, 2 * WEEK))
    assert Stopped("opening/invitation-2", 1, INVITED + 2 * WEEK) in changed.stopped
    season.server.answers = lambda verb, argument: None
    await season.at(season.clock.forward(minutes=1))  # the notices
    assert await season.at(INVITED + WEEK) == []
    assert [name for name, _ in await season.at(INVITED + 2 * WEEK)] == ["p5"]
    assert b"February 17" in season.server.received[-1].data


async def test_every_mail_that_was_not_sent_is_planned_for_the_new_date(season: Season, database: Database) -> None:
    await season.load(moved(season.constellation, WEEK))
    async with database.read() as connection:
        plan = {m.kind: m.due_at for m in await schedule.upcoming(connection) if m.slug == "opening"}
    assert plan["reminder"] == datetime(2021, 2, 9, 15, tzinfo=UTC)
    assert "invitation" not in plan


async def test_who_was_told_hears_that_it_is_off_and_what_is_still_to_come_and_then_that_it_is_not(
    season: Season,
) -> None:
    season.clock.forward(minutes=1)
    off = moved(season.constellation, timedelta(), cancelled=True)
    changed = await season.load(off, note="The hall was flooded.")
    assert changed.notices == (Notice("opening", "cancelled", 4, "opening/cancelled"),)
    assert changed.stopped == (Stopped("opening/invitation", 1, None),)
    told = await season.at(season.clock.forward(minutes=1))
    assert [name for name, _ in told] == ["p1", "p2", "p3", "p4"]
    assert {subject.partition(":")[0] for _, subject in told} == {"Cancelled, Feb 3"}
    text = email.message_from_bytes(season.server.received[-1].data, policy=email.policy.default)
    said = text.get_body(("plain",)).get_content()
    assert "The hall was flooded." in said
    assert "The semester without grades" in said.partition("Still to come")[2]
    back = await season.load(season.constellation)
    assert back.notices == (Notice("opening", "changed", 4, "opening/changed"),)
    told = await season.at(season.clock.forward(minutes=1))
    assert {subject.partition(":")[0] for _, subject in told} == {"Back on, Feb 3"}


async def test_what_was_stopped_when_an_event_was_called_off_goes_on_once_it_is_not(season: Season) -> None:
    """Each person gets it once, however often the event is off and on again, and who has a digest finds it there."""
    async with season.engine.database.begin() as connection:
        await connection.execute(update(choice).where(choice.c.topic == "closing").values(topic="opening"))
        p0 = subscriber.c.address == "p0@example.org"
        await connection.execute(update(subscriber).where(p0).values(rhythm="weekly"))
    for _ in range(2):
        season.clock.forward(minutes=1)
        await season.load(moved(season.constellation, timedelta(), cancelled=True))
        changed = await season.load(season.constellation)
        again_at = season.clock() + timedelta(minutes=1)
        assert [(one.people, one.again_at) for one in changed.resumed] == [(1, again_at)]
    season.server.answers = lambda verb, argument: None
    season.clock.forward(minutes=1)
    late = await season.at(season.clock.forward(minutes=1)) + await season.at(season.clock.forward(hours=1))
    assert [name for name, subject in late if "invited" in subject] == ["p5"]


async def test_who_was_told_of_an_event_that_left_the_file_is_told_what_became_of_it_when_it_comes_back(
    season: Season, database: Database
) -> None:
    season.clock.forward(minutes=1)
    without = replace(season.constellation, events=tuple(e for e in season.constellation.events if e.slug != "opening"))
    gone = await season.load(without)
    assert (gone.notices, gone.stopped) == ((), (Stopped("opening/invitation", 1, None),))
    async with database.begin() as connection:
        for again, kind in ((timedelta(), None), (WEEK, "changed")):
            settings, later = season.engine.settings, moved(season.constellation, again)
            async with replanning.tried(connection, settings, later, season.clock()) as seen:
                assert [one.kind for one in seen.notices] == ([] if kind is None else [kind])
                assert [one.campaign for one in seen.resumed] == ["opening/invitation"]
    off = await season.load(moved(season.constellation, timedelta(), cancelled=True))
    assert off.notices == (Notice("opening", "cancelled", 4, "opening/cancelled"),)


async def test_an_event_that_was_over_when_it_left_the_file_is_another_one_when_it_comes_back(season: Season) -> None:
    without = replace(season.constellation, events=tuple(e for e in season.constellation.events if e.slug != "opening"))
    season.clock.now = INVITED + 10 * WEEK
    await season.load(without)
    assert (await season.load(moved(season.constellation, 52 * WEEK))).notices == ()


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"title": "Another title"}, []),
        ({"capacity": 7}, []),
        ({"place": Place(name="The library")}, ["changed"]),
        ({"cancelled": True}, ["cancelled"]),
    ],
)
async def test_a_notice_is_for_what_people_must_know(season: Season, changes: Any, expected: list[str]) -> None:
    changed = await season.load(moved(season.constellation, timedelta(), **changes))
    assert [notice.kind for notice in changed.notices] == expected


async def test_nobody_is_told_of_an_event_that_nobody_was_told_of_or_that_is_over_or_if_staff_say_so(
    season: Season, database: Database
) -> None:
    assert (await season.load(moved(season.constellation, WEEK, "closing"))).notices == ()
    assert (await season.load(moved(season.constellation, WEEK), tell=False)).notices == ()
    season.clock.now = datetime(2021, 6, 1, tzinfo=UTC)
    changed = await season.load(moved(season.constellation, timedelta(), cancelled=True))
    assert (changed.notices, changed.over) == ((), ("opening",))
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).where(campaign.c.kind.in_(["changed", "cancelled"]))) == 0


async def test_a_second_move_takes_back_the_first_notice_where_it_is_still_under_way(season: Season) -> None:
    season.clock.forward(minutes=1)
    await season.load(moved(season.constellation, WEEK))
    changed = await season.load(moved(season.constellation, 2 * WEEK))
    assert changed.notices == (Notice("opening", "changed", 4, "opening/changed-2"),)
    assert Stopped("opening/changed", 4, None) in changed.stopped
    told = await season.at(season.clock.forward(minutes=1))
    assert len(told) == 4
    assert all("Feb 17" in subject for _, subject in told)


async def test_a_preview_changes_nothing_at_all(season: Season, database: Database) -> None:
    async with database.begin() as connection:
        later = moved(season.constellation, WEEK)
        async with replanning.tried(connection, season.engine.settings, later, season.clock()) as seen:
            assert (await store.find(connection, seen.notices[0].campaign)).status == "sending"
    async with database.read() as connection:
        assert [one.slug for one in await store.listed(connection) if one.kind == "changed"] == []
        assert await connection.scalar(select(func.count()).select_from(audit)) == 1
    assert (await season.load(season.constellation)).loaded.difference.events == ()
