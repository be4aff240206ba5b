"""Who comes: the last place is given once, a free one goes to who has waited longest, and they are told."""

import asyncio
import email
import email.policy
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, update

from newsletter import attendance
from newsletter.campaigns import explaining, lifecycle, outlook, store
from newsletter.constellation import loading
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation
from newsletter.constellation.store import StoredEvent
from newsletter.database import Database
from newsletter.engine import embedded
from newsletter.tables import delivery, transactional
from subscribers import addresses, attending, consent, erasure
from subscribers.attending import Answer
from subscribers.tables import rsvp, subscriber

GOING, MAYBE, NOT, WAITING = Answer.GOING, Answer.MAYBE, Answer.NOT, Answer.WAITING
SLUG = "equity-lab"


class Door:
    """The event at whose door people answer, and what is known of them there."""

    def __init__(self, database: Database, season: Constellation, clock: Any) -> None:
        self.database = database
        self.season = season
        self.clock = clock

    async def open(self, capacity: int | None, **changes: Any) -> None:
        events = tuple(
            replace(one, rsvp=True, capacity=capacity, **changes) if one.slug == SLUG else one
            for one in self.season.events
        )
        async with self.database.begin() as connection:
            season = replace(self.season, events=events)
            await loading.load(connection, season, self.clock(), actor="test")

    async def say(self, person: int, wish: Answer) -> Answer:
        async with self.database.begin() as connection:
            stored: StoredEvent = await constellations.find(connection, SLUG)
            return await attendance.answer(connection, stored, person, wish, ip="192.0.2.7", now=self.clock())

    async def all_say(self, people: Sequence[int], wish: Answer) -> list[Answer]:
        said = []
        for person in people:
            said.append(await self.say(person, wish))
            self.clock.forward(minutes=1)
        return said

    async def answers(self) -> dict[int, Answer]:
        async with self.database.read() as connection:
            found = await connection.execute(select(rsvp.c.subscriber_id, rsvp.c.answer))
            return {row[0]: Answer(row[1]) for row in found}

    async def told(self) -> list[int]:
        """Who was sent a mail about their place."""
        async with self.database.read() as connection:
            statement = select(transactional.c.subscriber_id).where(
                transactional.c.kind == "place", transactional.c.topic == SLUG
            )
            return list(await connection.scalars(statement.order_by(transactional.c.id)))


@pytest.fixture
async def door(database: Database, constellation: Constellation, add_people: Any, clock: Any) -> Door:
    """Six people, and an afternoon with two places."""
    async with database.begin() as connection:
        await add_people(connection, 6, clock())
    made = Door(database, constellation, clock)
    await made.open(2)
    return made


async def test_of_many_who_ask_at_once_for_the_last_place_one_gets_it(door: Door) -> None:
    await door.say(1, GOING)
    said = await asyncio.gather(*(door.say(person, GOING) for person in range(2, 7)))
    assert sorted(said) == [GOING, WAITING, WAITING, WAITING, WAITING]
    assert sorted((await door.answers()).values()).count(GOING) == 2


async def test_a_place_that_is_given_back_goes_to_who_has_waited_longest_and_they_are_told(door: Door) -> None:
    assert await door.all_say([1, 2, 5, 3], GOING) == [GOING, GOING, WAITING, WAITING]
    await door.say(1, NOT)
    assert await door.answers() == {1: NOT, 2: GOING, 5: GOING, 3: WAITING}
    assert await door.told() == [5]
    await door.say(2, MAYBE)
    assert await door.told() == [5, 3]
    async with door.database.read() as connection:
        last = (await consent.evidence(connection, 5))[-1]
    assert (last.actor, last.source) == ("system", "waiting-list")
    assert last.detail == {"event": SLUG, "before": "waiting", "after": "going"}


async def test_saying_the_same_again_loses_no_place_and_no_turn_and_leaves_no_evidence(door: Door) -> None:
    await door.all_say([1, 2, 3, 4], GOING)
    async with door.database.read() as connection:
        before = [len(await consent.evidence(connection, person)) for person in (1, 3)]
    assert await door.all_say([1, 3], GOING) == [GOING, WAITING]
    async with door.database.read() as connection:
        assert [len(await consent.evidence(connection, person)) for person in (1, 3)] == before
        assert await attending.turn(connection, 3, SLUG, door.clock()) == 1
    await door.say(2, NOT)
    assert (await door.answers())[3] is GOING


async def test_nobody_new_comes_before_those_who_wait(door: Door) -> None:
    await door.all_say([1, 2, 3], GOING)
    async with door.database.begin() as connection:  # a place becomes free without anybody saying so
        await erasure.erase(connection, 1, now=door.clock())
    assert await door.say(4, GOING) is WAITING
    assert (await door.answers()) == {2: GOING, 3: GOING, 4: WAITING}


async def test_erasing_somebody_takes_their_answer_and_the_engine_gives_their_place_away(
    door: Door, settings: Any, smtp_server: Any
) -> None:
    await door.all_say([1, 2, 3], GOING)
    async with door.database.begin() as connection:
        await erasure.erase(connection, 2, now=door.clock())
    assert 2 not in await door.answers()
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, door.database, door.clock) as engine:
            await engine.fill_places()
            await engine.deliver_messages()
            await engine.fill_places()
    (received,) = server.received
    mail = email.message_from_bytes(received.data, policy=email.policy.default)
    assert mail["Subject"] == "You have a place: Equity lab: past measuring the gap"
    assert "https://news.example.org/rsvp/" in mail.get_body(("plain",)).get_content()
    (file,) = mail.iter_attachments()
    assert file.get_filename() == "equity-lab.ics"
    assert (await door.answers())[3] is GOING


async def test_more_room_lets_people_in_and_less_takes_nobodys_place(door: Door) -> None:
    await door.all_say([1, 2, 3, 4, 5], GOING)
    await door.open(4)
    async with door.database.begin() as connection:
        assert await attendance.fill_places(connection, door.clock()) == 2
    await door.open(1)
    await door.say(4, NOT)
    assert await door.answers() == {1: GOING, 2: GOING, 3: GOING, 4: NOT, 5: WAITING}
    await door.open(None)
    async with door.database.begin() as connection:
        assert await attendance.fill_places(connection, door.clock()) == 1


async def test_who_cannot_be_told_is_passed_over(door: Door) -> None:
    await door.all_say([1, 2, 3, 4], GOING)
    async with door.database.begin() as connection:
        await connection.execute(
            update(subscriber).where(subscriber.c.id == 3).values(status="left", left_at=door.clock())
        )
    await door.say(1, NOT)
    assert await door.told() == [4]


async def test_when_it_begins_nobody_moves_up_and_when_it_is_over_nobody_answers(door: Door) -> None:
    await door.all_say([1, 2, 3], GOING)
    async with door.database.read() as connection:
        event = (await constellations.find(connection, SLUG)).event
    door.clock.now = event.starts + timedelta(minutes=1)
    await door.say(1, NOT)
    assert await door.told() == []
    door.clock.now = event.ends
    with pytest.raises(attendance.NotAsked):
        await door.say(2, NOT)


async def test_an_event_that_does_not_ask_takes_no_answer(door: Door) -> None:
    await door.open(2)
    async with door.database.begin() as connection:
        stored = await constellations.find(connection, "opening")
        with pytest.raises(attendance.NotAsked, match="opening does not ask who comes"):
            await attendance.answer(connection, stored, 1, GOING, now=door.clock())


async def test_reminders_go_to_those_who_come_and_the_plan_counts_them_so(door: Door, settings: Any) -> None:
    await door.open(None)
    for person, wish in enumerate((GOING, MAYBE, NOT, GOING), 1):
        await door.say(person, wish)
    async with door.database.begin() as connection:
        seen = await outlook.read(connection, door.clock())
        people = {one.mail.kind: one.people for one in seen if one.mail.slug == SLUG}
        assert people == {"save-the-date": 6, "invitation": 6, "reminder": 3, "starting-soon": 2, "thanks": 6}
        for kind, expected in (("invitation", 6), ("reminder", 3), ("starting-soon", 2)):
            draft = await store.draft(connection, SLUG, kind, now=door.clock())
            assert await lifecycle.start(connection, settings, draft, now=door.clock()) == expected
        reminder = await store.find(connection, f"{SLUG}/reminder")
        await door_explains(connection, reminder)


async def door_explains(connection: Any, reminder: Any) -> None:
    """Why the reminder did not come: to somebody who said no, and to somebody who said nothing."""
    verdicts = {}
    for person in (3, 5):
        address = await connection.scalar(select(subscriber.c.address).where(subscriber.c.id == person))
        found = await explaining.explain(
            connection, addresses.parse(address), reminder, hash_key="h" * 40, now=reminder.started_at
        )
        verdicts[person] = (found.verdict, found.sentence.rpartition(", and ")[2])
    assert verdicts == {3: ("not-coming", "they had answered not."), 5: ("not-coming", "they had not answered.")}


async def test_who_says_no_before_their_turn_gets_no_reminder_any_more(
    door: Door, settings: Any, smtp_server: Any
) -> None:
    await door.open(None)
    await door.all_say([1, 2], GOING)
    async with door.database.begin() as connection:
        draft = await store.draft(connection, SLUG, "starting-soon", now=door.clock())
        assert await lifecycle.start(connection, settings, draft, now=door.clock()) == 2
    await door.say(2, NOT)
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, door.database, door.clock) as engine:
            await engine.dispatcher.deliver(engine.stop)
    assert len(server.received) == 1
    async with door.database.read() as connection:
        states = await connection.execute(select(delivery.c.state, func.count()).group_by(delivery.c.state))
        assert {row[0]: row[1] for row in states} == {"sent": 1, "suppressed": 1}
