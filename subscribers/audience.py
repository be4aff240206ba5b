"""Who may be written to. This is the one place that says so; nothing else spells these conditions."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, case, exists, false, func, literal, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.tables import choice, rsvp, subscriber, suppression

EVERYTHING = "*"
"""The topic that stands for the whole constellation."""


class Rhythm(StrEnum):
    """How much of what they follow somebody wants: each mail, one a week that gathers them, or only those that say when
    something is, and that it is not so."""

    EACH = "each"
    WEEKLY = "weekly"
    ESSENTIALS = "essentials"


@dataclass(frozen=True, slots=True)
class About:
    """What a mail is about: an event (None: no one event), of a kind, whether it is essential to know, and whether it
    can wait for the weekly digest of those who chose that. A digest is about `items`: the slugs and kinds of events.

    Where `answers` are named, it is for those alone who gave one of them when they were asked whether they come.
    """

    topic: str | None
    kind: str = ""
    is_essential: bool = True
    answers: tuple[str, ...] = ()
    can_wait: bool = False
    items: tuple[tuple[str, str], ...] | None = None


def kind_topic(kind: str) -> str:
    """The topic that stands for all events of a kind. Only ever muted; no event's slug has a colon."""
    return f"kind:{kind}"


def mailable(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """The condition on `subscriber` that a person may be written to: confirmed, not suppressed, not pausing.

    `now` may be a parameter of a statement that is built once and run often.
    """
    return and_(reachable(), or_(subscriber.c.paused_until.is_(None), subscriber.c.paused_until <= now))


def reachable() -> ColumnElement[bool]:
    """The condition on `subscriber` that a person is with us, now pausing or not: confirmed, and not suppressed."""
    return and_(
        subscriber.c.status == "active",
        ~exists().where(suppression.c.hash == subscriber.c.hash).correlate(subscriber),
    )


def follows_everything() -> ColumnElement[bool]:
    """The condition on `subscriber` that a person follows the whole constellation, but for what they have muted."""
    return (
        exists()
        .where(choice.c.subscriber_id == subscriber.c.id, choice.c.topic == EVERYTHING, choice.c.stance == "follow")
        .correlate(subscriber)
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
            follows_everything(),
            ~exists().where(chosen, choice.c.topic.in_(silent), choice.c.stance == "mute").correlate(subscriber),
        ),
        exists().where(chosen, choice.c.topic == topic, choice.c.stance == "follow").correlate(subscriber),
    )


def wanting(about: About) -> ColumnElement[bool]:
    """The condition on `subscriber` that a person wants this mail: they follow the event, in this rhythm, and come."""
    if about.items is not None:
        followed = (following(topic, kind) for topic, kind in about.items)
        return and_(subscriber.c.rhythm == Rhythm.WEEKLY, or_(false(), *followed))
    conditions = [following(about.topic, about.kind)]
    if others := [Rhythm.ESSENTIALS] * (not about.is_essential) + [Rhythm.WEEKLY] * about.can_wait:
        conditions.append(subscriber.c.rhythm.not_in(others))
    if about.topic is not None and about.answers:
        conditions.append(answered(about.topic, about.answers))
    return and_(*conditions)


def wanted_items(about: About) -> ColumnElement[int]:
    """Which items of a digest a person follows, a bit for each: 1 for the first, 2 for the second, 4, 8, …"""
    bits = (case((following(*item), 1 << place), else_=0) for place, item in enumerate(about.items or ()))
    return sum(bits, start=literal(0))


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
