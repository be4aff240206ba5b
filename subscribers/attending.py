"""Who comes to an event: what each said, who has a place, and whose turn it is when one becomes free.

Places are counted and given in one transaction while its caller holds the event, so that two people who ask for the
last one come one after the other, and the database decides which.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import Select, bindparam, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import audience, consent, statements
from subscribers.consent import Evidence
from subscribers.prepared import Prepared
from subscribers.tables import rsvp, subscriber


class Answer(StrEnum):
    """What somebody said; WAITING said GOING when no place was left. The table's CHECK has the same names."""

    GOING = "going"
    MAYBE = "maybe"
    NOT = "not"
    WAITING = "waiting"


WISHES = (Answer.GOING, Answer.MAYBE, Answer.NOT)
"""What one can say."""


@dataclass(frozen=True, slots=True)
class Attendee:
    """Somebody's answer, for those who keep the door."""

    subscriber_id: int
    address: str
    first_name: str
    last_name: str
    answer: Answer
    answered_at: datetime


_ANSWERS = Prepared(select(rsvp.c.topic, rsvp.c.answer).where(rsvp.c.subscriber_id == bindparam("number")))


async def of(connection: AsyncConnection, subscriber_id: int) -> dict[str, Answer]:
    """What somebody answered, by the event's slug."""
    rows = await _ANSWERS.rows(connection, {"number": subscriber_id})
    return {row.topic: Answer(row.answer) for row in rows}


async def answer(
    connection: AsyncConnection,
    subscriber_id: int,
    topic: str,
    wish: Answer,
    *,
    capacity: int | None,
    ip: str = "",
    source: str = "page",
    actor: str = consent.Actor.PERSON,
    now: datetime,
) -> Answer:
    """Keep an answer, and give what it came to: WAITING for a GOING that finds no place.

    The caller holds the event. To say the same again changes nothing: nobody loses their place or their turn by it.
    """
    before = (await of(connection, subscriber_id)).get(topic)
    after = wish
    if wish is Answer.GOING and before is not Answer.GOING:
        is_free = before is not Answer.WAITING and await has_room(connection, topic, capacity, now)
        after = Answer.GOING if is_free else Answer.WAITING
    if after is before:
        return after
    row = {"subscriber_id": subscriber_id, "topic": topic, "answer": after.value, "answered_at": now}
    kept = statements.insert(connection, rsvp).values(row)
    await connection.execute(
        kept.on_conflict_do_update(
            index_elements=["subscriber_id", "topic"], set_={"answer": after.value, "answered_at": now}
        )
    )
    await _record(connection, subscriber_id, topic, before, after, actor=actor, source=source, ip=ip, now=now)
    return after


async def has_room(connection: AsyncConnection, topic: str, capacity: int | None, now: datetime) -> bool:
    """Whether one more may come. A place that is free is theirs who wait for it, before anybody new."""
    if capacity is None:
        return True
    if await connection.scalar(_line(topic, now).limit(1)) is not None:
        return False
    return (await counts(connection, topic)).get(Answer.GOING, 0) < capacity


async def move_up(
    connection: AsyncConnection, topic: str, capacity: int | None, *, now: datetime, most: int = 500
) -> list[int]:
    """Give what is free to those who wait, longest first; answer whom. The caller holds the event, and tells them."""
    free = most
    if capacity is not None:
        free = min(most, capacity - (await counts(connection, topic)).get(Answer.GOING, 0))
    if free <= 0:
        return []
    chosen = list(await connection.scalars(_line(topic, now).limit(free)))
    for number in chosen:
        await connection.execute(
            update(rsvp)
            .where(rsvp.c.subscriber_id == number, rsvp.c.topic == topic)
            .values(answer=Answer.GOING.value, answered_at=now)
        )
        actor, source = consent.Actor.SYSTEM, "waiting-list"
        await _record(connection, number, topic, Answer.WAITING, Answer.GOING, actor=actor, source=source, now=now)
    return chosen


async def awaited(connection: AsyncConnection) -> list[str]:
    """The events that somebody waits for, by slug."""
    return list(await connection.scalars(select(rsvp.c.topic).where(rsvp.c.answer == Answer.WAITING).distinct()))


async def turn(connection: AsyncConnection, subscriber_id: int, topic: str, now: datetime) -> int | None:
    """How many turns it takes until somebody's own, from 1; None for one who does not wait."""
    line = list(await connection.scalars(_line(topic, now)))
    return line.index(subscriber_id) + 1 if subscriber_id in line else None


async def counts(connection: AsyncConnection, topic: str) -> dict[Answer, int]:
    """How many gave each answer."""
    rows = await connection.execute(
        select(rsvp.c.answer, func.count()).where(rsvp.c.topic == topic).group_by(rsvp.c.answer)
    )
    return {Answer(found): count for found, count in rows}


async def listed(connection: AsyncConnection, topic: str, only: Sequence[Answer] = ()) -> list[Attendee]:
    """Who answered (one of these), in the order in which they did."""
    statement = (
        select(
            subscriber.c.id,
            subscriber.c.address,
            subscriber.c.first_name,
            subscriber.c.last_name,
            rsvp.c.answer,
            rsvp.c.answered_at,
        )
        .join(subscriber, subscriber.c.id == rsvp.c.subscriber_id)
        .where(rsvp.c.topic == topic, rsvp.c.answer.in_(only or list(Answer)))
        .order_by(rsvp.c.answered_at, subscriber.c.id)
    )
    return [Attendee(*row[:4], Answer(row.answer), row.answered_at) for row in await connection.execute(statement)]


def at(moment: datetime, topic: str, steps: Sequence[Evidence]) -> str:
    """What somebody had answered by a moment, as their evidence tells; "" for nothing."""
    told = [step.detail for step in steps if step.at <= moment and step.detail.get("event") == topic]
    return str(told[-1]["after"]) if told else ""


def _line(topic: str, now: datetime) -> Select[int]:
    """Those who wait and can be told, longest first."""
    return (
        select(rsvp.c.subscriber_id)
        .join(subscriber, subscriber.c.id == rsvp.c.subscriber_id)
        .where(rsvp.c.topic == topic, rsvp.c.answer == Answer.WAITING, audience.mailable(now))
        .order_by(rsvp.c.answered_at, rsvp.c.subscriber_id)
    )


async def _record(
    connection: AsyncConnection,
    subscriber_id: int,
    topic: str,
    before: Answer | None,
    after: Answer,
    *,
    actor: str,
    source: str,
    now: datetime,
    ip: str = "",
) -> None:
    detail: Mapping[str, str] = {"event": topic, "before": before or "", "after": after}
    action = consent.Action.CHANGED
    await consent.record(connection, subscriber_id, action, actor=actor, now=now, source=source, ip=ip, detail=detail)
