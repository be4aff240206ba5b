"""Who may be written to. This is the one place that says so; nothing else spells these conditions."""

from datetime import datetime

from sqlalchemy import ColumnElement, and_, exists, func, or_, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.tables import choice, subscriber, suppression

EVERYTHING = "*"
"""The topic that stands for the whole constellation."""


def mailable(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """The condition on `subscriber` that a person may be written to: confirmed, not suppressed, not pausing.

    `now` may be a parameter of a statement that is built once and run often.
    """
    return and_(
        subscriber.c.status == "active",
        or_(subscriber.c.paused_until.is_(None), subscriber.c.paused_until <= now),
        ~exists().where(suppression.c.hash == subscriber.c.hash).correlate(subscriber),
    )


def following(topic: str | None) -> ColumnElement[bool]:
    """The condition on `subscriber` that a person wants to hear of an event (None: of anything).

    They follow it, or the whole constellation, and have not muted it.
    """
    if topic is None:
        return true()
    chosen = choice.c.subscriber_id == subscriber.c.id
    return and_(
        exists()
        .where(chosen, choice.c.topic.in_([EVERYTHING, topic]), choice.c.stance == "follow")
        .correlate(subscriber),
        ~exists().where(chosen, choice.c.topic == topic, choice.c.stance == "mute").correlate(subscriber),
    )


async def count(connection: AsyncConnection, topic: str | None, now: datetime) -> int:
    """How many may be written to about an event (None: about anything)."""
    statement = select(func.count()).select_from(subscriber).where(mailable(now), following(topic))
    return await connection.scalar(statement) or 0
