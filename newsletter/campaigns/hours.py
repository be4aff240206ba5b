"""Mails by each reader's own clock: when the first of a campaign's readers is due one, and when each is."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Label, case, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns.store import Campaign
from newsletter.constellation import planning, schedule
from newsletter.constellation.model import Event
from subscribers.columns import Instant
from subscribers.tables import subscriber


async def told(connection: AsyncConnection, of: Campaign, event: Event | None) -> str:
    """The hour of readers' own clocks at which a campaign's mails go out, or would by the plan: `09:00`.

    Empty where they go to all at once.
    """
    mail = None if event is None else event.mail(of.kind)
    if mail is None or mail.at is None or not mail.local:
        return ""
    is_so = of.by_hours or (of.status == "draft" and await _is_planned(connection, of))
    return f"{mail.at:%H:%M}" if is_so else ""


async def _is_planned(connection: AsyncConnection, of: Campaign) -> bool:
    """Whether the plan still sends it by itself."""
    mails = await schedule.upcoming(connection)
    return any(mail.is_local and of.slug == f"{mail.slug}/{mail.kind}" for mail in mails)


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
