"""Mails by each reader's own clock: when the first of a campaign's readers is due one, and when each is."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Label, case, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning
from newsletter.constellation.model import Event
from subscribers.columns import Instant
from subscribers.tables import subscriber


async def first(connection: AsyncConnection, event: Event, kind: str, readers: ColumnElement[bool]) -> datetime | None:
    """The moment the first of these readers is due the event's mail; None where there are none."""
    return min(await _moments(connection, event, kind, readers), default=None)


async def due_at(connection: AsyncConnection, event: Event, kind: str, readers: ColumnElement[bool]) -> Label[Any]:
    """The column that says when each of these readers is due the event's mail."""
    moments = await _moments(connection, event, kind, readers)
    waits = [(subscriber.c.timezone.in_(zones), literal(moment, Instant())) for moment, zones in moments.items()]
    return (case(*waits) if waits else literal(None, Instant())).label("due_at")


async def _moments(
    connection: AsyncConnection, event: Event, kind: str, readers: ColumnElement[bool]
) -> dict[datetime, list[str]]:
    """The zones of these readers by the moment that is the mail's hour there: few moments, however many zones."""
    mail = event.mail(kind)
    found: dict[datetime, list[str]] = {}
    if mail is None:
        return found
    for zone in await connection.scalars(select(subscriber.c.timezone).where(readers).distinct()):
        found.setdefault(planning.due(event, mail, zone), []).append(zone)
    return found
