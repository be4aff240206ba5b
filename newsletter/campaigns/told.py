"""Who has been told of an event, as the ledger knows: only they need to hear that it is not so any more."""

from sqlalchemy import ColumnElement, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery.state import State
from newsletter.tables import campaign, delivery, event
from subscribers.attending import Answer
from subscribers.tables import rsvp, subscriber

_TOLD = (State.SENT, State.SENDING, State.UNCERTAIN)
"""What is on its way, or may have arrived, counts: nobody is left with a date that has changed."""


def of_event(event_id: int) -> ColumnElement[bool]:
    """The condition on `subscriber` that a mail of the event has gone to them, or that they have said they may come."""
    slug = select(event.c.slug).where(event.c.id == event_id).scalar_subquery()
    comes = exists().where(rsvp.c.subscriber_id == subscriber.c.id, rsvp.c.topic == slug, rsvp.c.answer != Answer.NOT)
    mailed = (
        exists()
        .where(
            campaign.c.event_id == event_id,
            delivery.c.campaign_id == campaign.c.id,
            delivery.c.subscriber_id == subscriber.c.id,
            delivery.c.state.in_(_TOLD),
        )
        .correlate(subscriber)
    )
    return or_(mailed, comes.correlate(subscriber))


async def count(connection: AsyncConnection, people: ColumnElement[bool]) -> int:
    """How many subscribers a condition holds for."""
    return await connection.scalar(select(func.count()).select_from(subscriber).where(people)) or 0
