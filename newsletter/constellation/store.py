"""The constellation in the database: loaded from its file, read by everyone else.

An event is never deleted: campaigns refer to it. One that has left the file becomes `removed`, and comes back under
the same number when the file names its slug again.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation.difference import Difference, compare, concerns_calendars
from newsletter.constellation.model import Constellation, Event
from newsletter.errors import NewsletterError
from newsletter.suggest import hint
from newsletter.tables import constellation as constellation_table
from newsletter.tables import event as event_table
from subscribers import statements


class Status(StrEnum):
    """Where an event stands: the values of the table's CHECK."""

    SCHEDULED = "scheduled"
    CANCELLED = "cancelled"
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class StoredEvent:
    """An event and what the database knows beyond it; `sequence` rises with each change that calendars must learn."""

    id: int
    status: Status
    sequence: int
    event: Event


class NoConstellation(NewsletterError):
    """Nothing has been loaded yet."""


class OtherConstellation(NewsletterError):
    """The database holds another constellation than the one to be loaded."""


class NoSuchEvent(NewsletterError):
    """The constellation has no event of that slug."""


async def current(connection: AsyncConnection) -> Constellation:
    """The constellation with its scheduled and cancelled events, in the order in which they start.

    Raises NoConstellation.
    """
    held = await _held(connection)
    if held is None:
        raise NoConstellation("no constellation is loaded yet; run `newsletter constellation load FILE`")
    return held


async def language(connection: AsyncConnection) -> str:
    """What the series speaks, for whoever has named no language; English where nothing is loaded yet."""
    held = await _held(connection)
    return "en" if held is None else held.language


async def timezone(connection: AsyncConnection) -> str:
    """The zone whose clock staff live by: that of the constellation, or UTC before there is one."""
    held = await _held(connection)
    return held.timezone if held else "UTC"


async def events(connection: AsyncConnection, *, removed: bool = False) -> list[StoredEvent]:
    """Every event in the order in which they start, those that have left the file only if asked for."""
    statement = select(event_table).order_by(event_table.c.starts_at, event_table.c.slug)
    if not removed:
        statement = statement.where(event_table.c.status != Status.REMOVED)
    return [
        StoredEvent(row.id, Status(row.status), row.sequence, Event.from_document(row.document))
        for row in await connection.execute(statement)
    ]


async def find(connection: AsyncConnection, slug: str) -> StoredEvent:
    """The event of that slug, though it may have left the file. Raises NoSuchEvent with the nearest right one."""
    every = await events(connection, removed=True)
    found = next((stored for stored in every if stored.event.slug == slug), None)
    if found is None:
        slugs = [stored.event.slug for stored in every]
        better = hint(slug, slugs) if slugs else "; run `newsletter constellation load FILE` first"
        raise NoSuchEvent(f"there is no event {slug}{better}")
    return found


async def difference(connection: AsyncConnection, constellation: Constellation) -> Difference:
    """What loading it would change. Raises OtherConstellation."""
    return compare(await _comparable(connection, constellation), constellation)


async def load(connection: AsyncConnection, constellation: Constellation, now: datetime) -> Difference:
    """Make the database hold this constellation; loading the same one again changes nothing.

    The plan of its mails follows by `schedule.replan`, in the same transaction. Raises OtherConstellation.
    """
    before = await _comparable(connection, constellation, lock=True)
    if before is None and not await _begin(connection, constellation, now):
        before = await _comparable(connection, constellation, lock=True)
    if before is not None:
        await connection.execute(update(constellation_table).values(_kept(constellation, now)))
    known = {stored.event.slug: stored for stored in await events(connection, removed=True)}
    for event in constellation.events:
        stored = known.pop(event.slug, None)
        if stored is None:
            await connection.execute(insert(event_table).values(**_row(event)))
        elif stored.event.to_document() != event.to_document() or stored.status is not _status(event):
            await _update(connection, stored, event)
    gone = [stored.id for stored in known.values() if stored.status is not Status.REMOVED]
    if gone:
        await connection.execute(
            update(event_table)
            .where(event_table.c.id.in_(gone))
            .values(status=Status.REMOVED.value, sequence=event_table.c.sequence + 1)
        )
    return compare(before, constellation)


async def _held(connection: AsyncConnection, *, lock: bool = False) -> Constellation | None:
    statement = select(constellation_table.c.document)
    document = await connection.scalar(statement.with_for_update() if lock else statement)
    if document is None:
        return None
    held = [stored.event.to_document() for stored in await events(connection)]
    return Constellation.from_document({**document, "events": held})


async def _comparable(
    connection: AsyncConnection, constellation: Constellation, *, lock: bool = False
) -> Constellation | None:
    """What the database holds of this constellation; another one's place is never taken."""
    held = await _held(connection, lock=lock)
    if held is not None and held.slug != constellation.slug:
        raise OtherConstellation(
            f"this database holds {held.slug}; load {constellation.slug} into a database of its own "
            "(another `database` in newsletter.toml)"
        )
    return held


async def _begin(connection: AsyncConnection, constellation: Constellation, now: datetime) -> bool:
    """Write the first one down; False where somebody else did so at the same moment, which is then known."""
    statement = statements.insert(connection, constellation_table).values(id=1, **_kept(constellation, now))
    begun = statement.on_conflict_do_nothing().returning(constellation_table.c.id)
    return await connection.scalar(begun) is not None


def _kept(constellation: Constellation, now: datetime) -> dict[str, Any]:
    document = {name: value for name, value in constellation.to_document().items() if name != "events"}
    return {"slug": constellation.slug, "document": document, "loaded_at": now}


async def _update(connection: AsyncConnection, stored: StoredEvent, event: Event) -> None:
    raised = stored.status is not _status(event) or concerns_calendars(stored.event, event)
    await connection.execute(
        update(event_table)
        .where(event_table.c.id == stored.id)
        .values(**_row(event), sequence=stored.sequence + int(raised))
    )


def _status(event: Event) -> Status:
    return Status.CANCELLED if event.cancelled else Status.SCHEDULED


def _row(event: Event) -> dict[str, Any]:
    return {
        "slug": event.slug,
        "kind": event.kind.value,
        "title": event.title,
        "timezone": event.timezone,
        "starts_at": event.starts,
        "ends_at": event.ends,
        "status": _status(event).value,
        "document": event.to_document(),
    }
