"""What somebody who has just come is told of: what is still to come, of what they want to hear of."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation.model import Constellation, Event
from newsletter.delivery.transactional import Kind, Waiting
from subscribers import audience
from subscribers.audience import About
from subscribers.tables import subscriber

_MOST = 3
_FURTHEST = 60
"""As many events are looked at as a BIGINT has bits for, and some to spare."""


async def upcoming(
    connection: AsyncConnection, waiting: Sequence[Waiting], constellation: Constellation, now: datetime
) -> dict[int, tuple[Event, ...]]:
    """For each mail of welcome, by its number: the next few events of those that its reader follows.

    What is over or called off is left out. Who joins late so hears of what they would have been told before.
    """
    newcomers = {one.subscriber_id for one in waiting if one.kind is Kind.WELCOME}
    coming = [event for event in constellation.events if event.ends > now and not event.cancelled][:_FURTHEST]
    if not newcomers or not coming:
        return {}
    about = About(None, items=tuple((event.slug, event.kind.value) for event in coming))
    follows = await connection.execute(
        select(subscriber.c.id, audience.wanted_items(about).label("items")).where(subscriber.c.id.in_(newcomers))
    )
    theirs = {
        row.id: tuple(event for place, event in enumerate(coming) if row.items >> place & 1)[:_MOST] for row in follows
    }
    return {one.id: theirs.get(one.subscriber_id, ()) for one in waiting if one.kind is Kind.WELCOME}
