"""Answers to an event of the constellation: only while they still matter, and with the event held as places are given.

Whoever moves up from the waiting list is told by a mail of their own.
"""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import store
from newsletter.constellation.store import Status, StoredEvent
from newsletter.delivery import transactional
from newsletter.delivery.transactional import Kind
from newsletter.errors import NewsletterError
from newsletter.tables import event as event_table
from subscribers import attending, consent
from subscribers.attending import Answer

_MOST_A_DAY = 20
"""Of mails that tell one person of a place: as many events there may be, and no more by going back and forth."""


class NotAsked(NewsletterError):
    """The event does not ask who comes, or not any more."""


def is_open(stored: StoredEvent, now: datetime) -> bool:
    """Whether an answer still changes anything."""
    return stored.event.rsvp and stored.status is Status.SCHEDULED and stored.event.ends > now


async def answer(
    connection: AsyncConnection,
    stored: StoredEvent,
    subscriber_id: int,
    wish: Answer,
    *,
    ip: str = "",
    source: str = "page",
    actor: str = consent.Actor.PERSON,
    now: datetime,
) -> Answer:
    """Keep an answer and give what it came to; a place that it frees goes to who waits. Raises NotAsked."""
    if not is_open(stored, now):
        raise NotAsked(f"{stored.event.slug} does not ask who comes, or not any more")
    slug, capacity = stored.event.slug, stored.event.capacity
    await _hold(connection, stored.id)
    kept = await attending.answer(
        connection, subscriber_id, slug, wish, capacity=capacity, ip=ip, source=source, actor=actor, now=now
    )
    await _move_up(connection, stored, now)
    return kept


async def fill_places(connection: AsyncConnection, now: datetime) -> int:
    """Give what has become free otherwise – somebody was erased, there is more room – and answer how many moved up."""
    awaited = await attending.awaited(connection)
    if not awaited:
        return 0
    moved = 0
    for stored in await store.events(connection):
        if stored.event.slug in awaited and is_open(stored, now):
            await _hold(connection, stored.id)
            moved += await _move_up(connection, stored, now)
    return moved


async def _move_up(connection: AsyncConnection, stored: StoredEvent, now: datetime) -> int:
    if stored.event.starts <= now:  # too late for a mail to bring anybody
        return 0
    slug = stored.event.slug
    moved = await attending.move_up(connection, slug, stored.event.capacity, now=now)
    for number in moved:
        await transactional.enqueue(connection, number, Kind.PLACE, now=now, most_a_day=_MOST_A_DAY, topic=slug)
    return len(moved)


async def _hold(connection: AsyncConnection, event_id: int) -> None:
    """Hold the event until the transaction ends: on PostgreSQL its row; on SQLite there is one writer anyway."""
    await connection.execute(select(event_table.c.id).where(event_table.c.id == event_id).with_for_update())
