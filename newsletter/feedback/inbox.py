"""The inbox: every report is stored once, before it is acknowledged; the only writer of new rows in `inbox`."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery.refusal import Refusal
from newsletter.errors import NewsletterError
from newsletter.tables import inbox
from subscribers import statements
from subscribers.links import Links
from webhooks import classification
from webhooks.events import LISTED, Event, Kind, from_json, to_json

LATEST = 100
"""How many of what waits for a person are listed at once."""

_UNPROVEN = inbox.c.outcome.like("unproven%")
_JUDGED = "judged by staff; "


class NothingToJudge(NewsletterError):
    """A report does not wait for a person's judgement."""


async def store(connection: AsyncConnection, events: Sequence[Event], now: datetime) -> int:
    """Put events into the inbox before they are acknowledged; answer how many were not there yet."""
    if not events:
        return 0
    rows = [
        {"provider": event.provider, "event_id": event.id, "received_at": now, "event": to_json(event)}
        for event in events
    ]
    statement = statements.insert(connection, inbox).on_conflict_do_nothing(index_elements=["provider", "event_id"])
    once = statement.execution_options(preserve_rowcount=True)
    return (await connection.execute(once, rows)).rowcount


async def store_refusals(connection: AsyncConnection, links: Links, refusals: Sequence[Refusal], now: datetime) -> None:
    """Put refusals that our own relay was given into the same inbox, as the bounces they are."""
    await store(connection, [_as_event(links, refusal, now) for refusal in refusals], now)


def _as_event(links: Links, refusal: Refusal, now: datetime) -> Event:
    token = links.delivery_token(refusal.ref)
    reading = classification.classify("", refusal.reply)
    return Event(
        provider="smtp",
        id=f"{token}:{int(now.timestamp())}",
        kind=Kind.BOUNCED,
        address=refusal.address,
        at=now,
        token=token,
        bounce=reading.bounce,
        reason=reading.reason,
        status=reading.status,
        detail=refusal.reply,
    )


@dataclass(frozen=True, slots=True)
class Unproven:
    """A report that changed nothing because nothing proved it, and why."""

    id: int
    received_at: datetime
    event: Event
    why: str


async def unproven(connection: AsyncConnection, limit: int = LATEST) -> list[Unproven]:
    """The latest reports that nothing proved and nobody has judged."""
    rows = await connection.execute(
        select(inbox.c.id, inbox.c.received_at, inbox.c.event, inbox.c.outcome)
        .where(_UNPROVEN)
        .order_by(inbox.c.id.desc())
        .limit(limit)
    )
    return [Unproven(row.id, row.received_at, from_json(row.event), row.outcome or "") for row in rows]


async def dismiss(connection: AsyncConnection, number: int) -> None:
    """Let go of a report that nothing proved, since a person has judged it. Raises NothingToJudge."""
    judged = update(inbox).where(inbox.c.id == number, _UNPROVEN).values(outcome=_JUDGED + inbox.c.outcome)
    if not (await connection.execute(judged)).rowcount:
        raise NothingToJudge(f"no report {number} waits for judgement; `newsletter bounces review` lists those that do")


async def dismiss_of(connection: AsyncConnection, events: Sequence[Event]) -> None:
    """Let go of those of these reports that nothing proved, since a person has judged where they come from."""
    for event in events:
        same = (inbox.c.provider == event.provider) & (inbox.c.event_id == event.id)
        await connection.execute(update(inbox).where(same, _UNPROVEN).values(outcome=_JUDGED + inbox.c.outcome))


async def waiting(connection: AsyncConnection) -> int:
    """How many stored events are not applied yet."""
    return await connection.scalar(select(func.count()).select_from(inbox).where(inbox.c.applied_at.is_(None))) or 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A report as it stands in the inbox; `outcome` is empty until it is applied."""

    id: int
    event: Event
    outcome: str


async def known(connection: AsyncConnection, events: Sequence[Event]) -> set[str]:
    """The ids of those events, all of one provider, that are in the inbox already."""
    if not events:
        return set()
    theirs = select(inbox.c.event_id).where(inbox.c.provider == events[0].provider)
    rows = await statements.looked_up(connection, theirs, inbox.c.event_id, [event.id for event in events])
    return {row.event_id for row in rows}


async def reporters(connection: AsyncConnection, subscriber_id: int) -> set[str]:
    """The providers that said of somebody what makes them hold the address on lists of their own."""
    rows = await connection.scalars(
        select(inbox.c.provider)
        .where(inbox.c.subscriber_id == subscriber_id, inbox.c.heard.in_(["hard", "complaint"]))
        .distinct()
    )
    return {name.removesuffix(LISTED) for name in rows}


async def newest(connection: AsyncConnection) -> int:
    """The number of the report that came last; 0 where none ever did."""
    return await connection.scalar(select(func.max(inbox.c.id))) or 0


async def arrivals(
    connection: AsyncConnection, provider: str, *, after: int = 0, ids: Sequence[str] = ()
) -> list[Arrival]:
    """What a provider reported after that number, by these event ids if any are given."""
    statement = select(inbox.c.id, inbox.c.event, inbox.c.outcome).where(inbox.c.provider == provider)
    statement = statement.where(inbox.c.id > after).order_by(inbox.c.id).limit(100)
    if ids:
        statement = statement.where(inbox.c.event_id.in_(ids))
    rows = await connection.execute(statement)
    return [Arrival(row.id, from_json(row.event), row.outcome or "") for row in rows]


async def take_out(connection: AsyncConnection, provider: str, ids: Sequence[str]) -> None:
    """Take samples of ours out again, by their event ids; reports of others stay for good."""
    await connection.execute(delete(inbox).where(inbox.c.provider == provider, inbox.c.event_id.in_(ids)))
