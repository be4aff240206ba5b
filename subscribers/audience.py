"""Who may be written to. This is the one place that says so; nothing else spells these conditions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.tables import choice, rsvp, subscriber, suppression

EVERYTHING = "*"
"""The topic that stands for the whole constellation."""


class Rhythm(StrEnum):
    """How much of what they follow somebody wants: each mail, or only those that say when, and that it is not so."""

    EACH = "each"
    ESSENTIALS = "essentials"


@dataclass(frozen=True, slots=True)
class About:
    """What a mail is about: an event (None: no one event), of a kind, and whether it is essential to know.

    Where `answers` are named, it is for those alone who gave one of them when they were asked whether they come.
    """

    topic: str | None
    kind: str = ""
    is_essential: bool = True
    answers: tuple[str, ...] = ()


def kind_topic(kind: str) -> str:
    """The topic that stands for all events of a kind. Only ever muted; no event's slug has a colon."""
    return f"kind:{kind}"


def mailable(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """The condition on `subscriber` that a person may be written to: confirmed, not suppressed, not pausing.

    `now` may be a parameter of a statement that is built once and run often.
    """
    return and_(
        subscriber.c.status == "active",
        or_(subscriber.c.paused_until.is_(None), subscriber.c.paused_until <= now),
        ~exists().where(suppression.c.hash == subscriber.c.hash).correlate(subscriber),
    )


def following(topic: str | None, kind: str = "") -> ColumnElement[bool]:
    """The condition on `subscriber` that a person wants to hear of an event of a kind (None: of anything).

    They follow it by name, or the whole constellation and have muted neither it nor its kind.
    """
    if topic is None:
        return true()
    chosen = choice.c.subscriber_id == subscriber.c.id
    silent = [topic, kind_topic(kind)] if kind else [topic]
    return or_(
        and_(
            exists().where(chosen, choice.c.topic == EVERYTHING, choice.c.stance == "follow").correlate(subscriber),
            ~exists().where(chosen, choice.c.topic.in_(silent), choice.c.stance == "mute").correlate(subscriber),
        ),
        exists().where(chosen, choice.c.topic == topic, choice.c.stance == "follow").correlate(subscriber),
    )


def wanting(about: About) -> ColumnElement[bool]:
    """The condition on `subscriber` that a person wants this mail: they follow the event, in this rhythm, and come."""
    conditions = [following(about.topic, about.kind)]
    if not about.is_essential:
        conditions.append(subscriber.c.rhythm == Rhythm.EACH)
    if about.topic is not None and about.answers:
        conditions.append(answered(about.topic, about.answers))
    return and_(*conditions)


def answered(topic: str, answers: Collection[str]) -> ColumnElement[bool]:
    """The condition on `subscriber` that a person's answer for an event is one of these; "" is not to have answered."""
    answer = (
        select(rsvp.c.answer)
        .where(rsvp.c.subscriber_id == subscriber.c.id, rsvp.c.topic == topic)
        .correlate(subscriber)
        .scalar_subquery()
    )
    return func.coalesce(answer, "").in_(sorted(answers))


async def count(
    connection: AsyncConnection, about: About, now: datetime, *, only: ColumnElement[bool] | None = None
) -> int:
    """How many would get such a mail; `only` narrows them further."""
    statement = select(func.count()).select_from(subscriber).where(mailable(now), wanting(about))
    if only is not None:
        statement = statement.where(only)
    return await connection.scalar(statement) or 0
