"""The ledger, on both databases: who is in, who is claimed, what is settled, and what a dead owner may not do."""

import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import case, insert, literal, select, text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.database import Database
from newsletter.delivery import hearing, ledger
from newsletter.delivery.ledger import Hold, Settlement, State
from newsletter.tables import campaign, delivery, shard
from subscribers import audience, preferences
from subscribers.audience import About
from subscribers.columns import Instant
from subscribers.tables import subscriber


async def running(
    connection: AsyncConnection, now: datetime, *, shard_size: int = 10, of: Sequence[int] | None = None
) -> int:
    """A campaign whose audience, everybody or these, is in the ledger."""
    await connection.execute(
        insert(campaign).values(id=1, slug="x/y", kind="invitation", status="sending", created_at=now, started_at=now)
    )
    people = select(subscriber.c.id).where(audience.mailable(now))
    if of is not None:
        people = people.where(subscriber.c.id.in_(of))
    return await ledger.enrol(connection, 1, people, shard_size=shard_size, now=now)


async def taken(connection: AsyncConnection, now: datetime, on_uncertain: str = "resend") -> Hold:
    hold = await ledger.take(connection, "me", now, on_uncertain=on_uncertain)
    assert hold is not None
    return hold


async def claimed(connection: AsyncConnection, hold: Hold, now: datetime, limit: int = 100) -> list[int]:
    window = await ledger.claim(connection, hold, after_id=0, limit=limit, about=About(None), now=now)
    return [due.subscriber_id for due in window.due]


async def states(connection: AsyncConnection) -> dict[int, str]:
    rows = await connection.execute(select(delivery.c.subscriber_id, delivery.c.state))
    return {row.subscriber_id: row.state for row in rows}


async def test_enrolling_cuts_the_audience_into_shards_and_adds_nobody_twice(
    database: Database, now: datetime, add_people: Any
) -> None:
    async with database.begin() as connection:
        numbers = await add_people(connection, 25, now)
        assert await running(connection, now) == 25
        people = select(subscriber.c.id)
        assert await ledger.enrol(connection, 1, people, shard_size=10, now=now) == 0
        shards = (await connection.execute(shard.select().order_by(shard.c.number))).all()
    assert [(s.number, s.first_id, s.last_id) for s in shards] == [
        (0, numbers[0], numbers[9]),
        (1, numbers[10], numbers[19]),
        (2, numbers[20], numbers[24]),
    ]


@pytest.mark.parametrize(("at_first", "later"), [(0, 0), (1, 0), (20, 0), (0, 21), (7, 4), (20, 10)])
async def test_shards_cover_everybody_once_whoever_is_enrolled_when(
    database: Database, now: datetime, add_people: Any, at_first: int, later: int
) -> None:
    async with database.begin() as connection:
        numbers = (await add_people(connection, 90, now))[::3]  # others lie between them
        await running(connection, now, of=numbers[:at_first])
        everybody = select(subscriber.c.id).where(subscriber.c.id.in_(numbers[: at_first + later]))
        assert await ledger.enrol(connection, 1, everybody, shard_size=10, now=now) == later
        shards = (await connection.execute(shard.select().order_by(shard.c.number))).all()
    parts = [numbers[:at_first][i : i + 10] for i in range(0, at_first, 10)]
    parts += [numbers[at_first : at_first + later][i : i + 10] for i in range(0, later, 10)]
    assert [one.number for one in shards] == list(range(len(parts)))
    for one, part in zip(shards, parts, strict=True):
        assert [number for number in numbers if one.first_id <= number <= one.last_id] == part


async def test_a_delivery_waits_for_its_own_moment_and_its_shard_with_it(
    database: Database, now: datetime, add_people: Any
) -> None:
    soon, later = now + timedelta(hours=1), now + timedelta(hours=6)
    async with database.begin() as connection:
        numbers = await add_people(connection, 4, now)
        waits = {numbers[0]: soon, numbers[1]: later, numbers[2]: later}
        moments = case(*[(subscriber.c.id == who, literal(moment, Instant())) for who, moment in waits.items()])
        await connection.execute(
            insert(campaign).values(id=1, slug="x/y", kind="thanks", status="sending", created_at=now, started_at=now)
        )
        people = select(subscriber.c.id, moments.label("due_at"))
        await ledger.enrol(connection, 1, people, shard_size=3, now=now)
        shards = (await connection.execute(shard.select().order_by(shard.c.number))).all()
        assert [one.due_at for one in shards] == [soon, now]
        assert await claimed(connection, await taken(connection, now), now) == [numbers[3]]
        assert await ledger.take(connection, "me", now, on_uncertain="resend") is None
        hold = await taken(connection, soon)
        assert await claimed(connection, hold, soon) == [numbers[0]]
        await ledger.settle(connection, hold, [Settlement(numbers[0], State.SENT)], soon)
        await ledger.let_go(connection, hold, soon)
        assert await ledger.take(connection, "me", later - timedelta(seconds=1), on_uncertain="resend") is None
        hold = await taken(connection, later)
        assert await ledger.expire(connection, hold, later, "too late", later) == 0
        assert await ledger.expire(connection, hold, later + timedelta(seconds=1), "too late", later) == 2
        assert await claimed(connection, hold, later) == []


async def test_a_shard_is_held_by_one_owner_at_a_time(database: Database, now: datetime, add_people: Any) -> None:
    async with database.begin() as connection:
        await add_people(connection, 15, now)
        await running(connection, now)
        first, second = await taken(connection, now), await taken(connection, now)
        assert {first.number, second.number} == {0, 1}
        assert await ledger.take(connection, "me", now, on_uncertain="resend") is None


async def test_a_window_is_claimed_once_and_settled(database: Database, now: datetime, add_people: Any) -> None:
    async with database.begin() as connection:
        numbers = await add_people(connection, 5, now)
        await running(connection, now)
        hold = await taken(connection, now)
        assert await claimed(connection, hold, now, limit=3) == numbers[:3]
        later = now + timedelta(minutes=1)
        await ledger.settle(
            connection,
            hold,
            [
                Settlement(numbers[0], State.SENT, "250 ok"),
                Settlement(numbers[1], State.REFUSED, "550 no"),
                Settlement(numbers[2], State.DEFERRED, "451 later", later),
            ],
            now,
        )
        assert await claimed(connection, hold, now) == numbers[3:]
        await ledger.settle(connection, hold, [Settlement(n, State.SENT) for n in numbers[3:]], now)
        await ledger.let_go(connection, hold, now)
        assert not await ledger.finish(connection, now, 1)
        assert await ledger.take(connection, "me", now, on_uncertain="resend") is None
        assert await ledger.next_due(connection) == later
        again = await taken(connection, later)
        assert await claimed(connection, again, later) == [numbers[2]]
        await ledger.settle(connection, again, [Settlement(numbers[2], State.SENT)], later)
        await ledger.let_go(connection, again, later)
        assert await ledger.finish(connection, later, 1)
        assert await ledger.counts(connection, 1) == {State.SENT: 4, State.REFUSED: 1}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_what_becomes_of_a_mail_is_written_where_it_stood(
    database: Database, now: datetime, add_people: Any
) -> None:
    pages = select(delivery.c.subscriber_id, text("ctid::text::point")).order_by(delivery.c.subscriber_id)
    page_of = re.compile(r"\((\d+),")

    async def stand() -> list[str]:
        async with database.read() as connection:
            return [found[0] for _, place in await connection.execute(pages) if (found := page_of.match(place))]

    async with database.begin() as connection:
        await add_people(connection, 400, now)
        await running(connection, now, shard_size=400)
        hold = await taken(connection, now)
    before = await stand()
    async with database.begin() as connection:
        numbers = await claimed(connection, hold, now, limit=400)
    async with database.begin() as connection:
        reply = "250 2.0.0 Ok: queued as 4XyZabc12Dz9q"
        await ledger.settle(connection, hold, [Settlement(number, State.SENT, reply) for number in numbers], now)
    assert len(before) == 400
    assert await stand() == before


async def test_who_left_a_moment_before_the_window_is_not_claimed(
    database: Database, now: datetime, add_people: Any
) -> None:
    async with database.begin() as connection:
        numbers = await add_people(connection, 3, now)
        await running(connection, now)
        await preferences.leave(connection, numbers[1], source="page", now=now)
        hold = await taken(connection, now)
        assert await claimed(connection, hold, now) == [numbers[0], numbers[2]]
        assert (await states(connection))[numbers[1]] == "suppressed"


async def test_what_a_server_answered_before_is_not_why_somebody_who_left_meanwhile_is_not_reached(
    database: Database, now: datetime, add_people: Any
) -> None:
    later = now + timedelta(hours=1)
    async with database.begin() as connection:
        numbers = await add_people(connection, 2, now)
        await running(connection, now)
        hold = await taken(connection, now)
        await claimed(connection, hold, now)
        put_off = [Settlement(number, State.DEFERRED, "451 4.7.1 come again", later) for number in numbers]
        await ledger.settle(connection, hold, put_off, now)
        await preferences.leave(connection, numbers[0], source="page", now=now)
        assert await claimed(connection, hold, later) == [numbers[1]]
        replies = await connection.execute(
            select(delivery.c.state, delivery.c.reply).order_by(delivery.c.subscriber_id)
        )
        assert [tuple(row) for row in replies] == [("suppressed", None), ("sending", "451 4.7.1 come again")]


async def test_who_muted_the_event_after_the_start_is_not_claimed(
    database: Database, now: datetime, add_people: Any
) -> None:
    async with database.begin() as connection:
        numbers = await add_people(connection, 2, now)
        await running(connection, now)
        await preferences.choose(connection, numbers[0], everything=True, followed=[], muted=["closing"], now=now)
        hold = await taken(connection, now)
        window = await ledger.claim(connection, hold, after_id=0, limit=9, about=About("closing"), now=now)
        assert [due.subscriber_id for due in window.due] == [numbers[1]]


async def test_an_erased_person_is_not_claimed_and_still_counted(
    database: Database, now: datetime, add_people: Any
) -> None:
    async with database.begin() as connection:
        numbers = await add_people(connection, 2, now)
        await running(connection, now)
        await connection.execute(subscriber.delete().where(subscriber.c.id == numbers[0]))
        hold = await taken(connection, now)
        assert await claimed(connection, hold, now) == [numbers[1]]
        assert (await states(connection))[numbers[0]] == "suppressed"


@pytest.mark.parametrize(("policy", "state"), [("resend", "queued"), ("hold", "uncertain")])
async def test_what_a_dead_owner_left_in_flight_is_resent_or_held(
    database: Database, now: datetime, add_people: Any, policy: str, state: str
) -> None:
    async with database.begin() as connection:
        await add_people(connection, 4, now)
        await running(connection, now)
        dead = await taken(connection, now)
        in_flight = await claimed(connection, dead, now, limit=2)
        await ledger.adopt_orphans(connection, now)
        heir = await taken(connection, now, on_uncertain=policy)
        assert heir.epoch == dead.epoch + 1
        assert {(await states(connection))[number] for number in in_flight} == {state}


@pytest.mark.parametrize("policy", ["resend", "hold"])
async def test_what_a_dead_owner_left_in_flight_is_not_sent_to_who_is_known_to_have_it(
    database: Database, now: datetime, add_people: Any, policy: str
) -> None:
    async with database.begin() as connection:
        await add_people(connection, 4, now)
        await running(connection, now)
        await claimed(connection, await taken(connection, now), now)
        numbers = sorted(await states(connection))
        for number, heard in zip(numbers, ("delivered", "complaint", "hard"), strict=False):
            await hearing.note(connection, 1, [number], heard)
        await ledger.adopt_orphans(connection, now)
        await taken(connection, now, on_uncertain=policy)
        doubtful = "queued" if policy == "resend" else "uncertain"
        assert [(await states(connection))[number] for number in numbers] == ["sent", "sent", doubtful, doubtful]


async def test_an_owner_that_was_replaced_settles_and_claims_nothing(
    database: Database, now: datetime, add_people: Any
) -> None:
    async with database.begin() as connection:
        await add_people(connection, 3, now)
        await running(connection, now)
        frozen = await taken(connection, now)
        in_flight = await claimed(connection, frozen, now)
        await ledger.adopt_orphans(connection, now)
        heir = await taken(connection, now)
        await claimed(connection, heir, now)
        before = await states(connection)
        for attempt in (
            ledger.settle(connection, frozen, [Settlement(in_flight[0], State.SENT)], now),
            ledger.claim(connection, frozen, after_id=0, limit=9, about=About(None), now=now),
            ledger.let_go(connection, frozen, now),
        ):
            with pytest.raises(ledger.Fenced):
                await attempt
        assert await states(connection) == before


async def test_nothing_is_claimed_of_a_paused_campaign(database: Database, now: datetime, add_people: Any) -> None:
    async with database.begin() as connection:
        numbers = await add_people(connection, 3, now)
        await running(connection, now)
        hold = await taken(connection, now)
        await connection.execute(update(campaign).values(status="paused"))
        assert await claimed(connection, hold, now) == []
        await ledger.let_go(connection, hold, now)
        assert await ledger.take(connection, "me", now, on_uncertain="resend") is None
        await connection.execute(update(campaign).values(status="sending"))
        assert await claimed(connection, await taken(connection, now), now) == numbers


async def test_cancelling_settles_what_waits_and_leaves_what_is_in_flight_to_its_owner(
    database: Database, now: datetime, add_people: Any
) -> None:
    async with database.begin() as connection:
        numbers = await add_people(connection, 4, now)
        await running(connection, now)
        hold = await taken(connection, now)
        assert await claimed(connection, hold, now, limit=1) == numbers[:1]
        await connection.execute(update(campaign).values(status="cancelled"))
        assert await ledger.cancel(connection, 1, now) == 3
        await ledger.settle(connection, hold, [Settlement(numbers[0], State.SENT)], now)
        await ledger.let_go(connection, hold, now)
        assert await ledger.counts(connection, 1) == {State.SENT: 1, State.CANCELLED: 3}


async def test_what_is_heard_afterwards_only_grows_stronger(database: Database, now: datetime, add_people: Any) -> None:
    async with database.begin() as connection:
        number = (await add_people(connection, 1, now))[0]
        await running(connection, now)
        stands = []
        for kind in ("soft", "delivered", "complaint", "hard", "complaint"):
            await hearing.note(connection, 1, [number], kind)
            stands.append(await connection.scalar(select(delivery.c.feedback)))
        assert stands == ["soft", "soft", "complaint", "complaint", "complaint"]


async def test_a_campaign_whose_sender_died_before_it_could_say_so_is_finished_by_the_next_one(
    database: Database, now: datetime, add_people: Any
) -> None:
    async with database.begin() as connection:
        numbers = await add_people(connection, 1, now)
        await running(connection, now)
        hold = await taken(connection, now)
        await claimed(connection, hold, now)
        await ledger.settle(connection, hold, [Settlement(numbers[0], State.SENT)], now)
        await ledger.let_go(connection, hold, now)
        assert await ledger.finish(connection, now) == 1
        assert await ledger.finish(connection, now) == 0
        assert await connection.scalar(select(campaign.c.status)) == "finished"
