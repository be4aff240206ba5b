"""The outbox: the only writer of `outgoing` beside the triggers that fill it.

waiting ──claim (leased)──▶ waiting ──settle──▶ delivered | failed (given up, or the endpoint was disabled)
   ▲                           │                    │
   └───── refused, or lease over (we died) ─────────┴── staff: redeliver ─▶ waiting
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, Row, Select, and_, delete, exists, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.errors import NewsletterError
from newsletter.outgoing import endpoints
from newsletter.outgoing.messages import Subject
from newsletter.outgoing.types import Type
from newsletter.tables import endpoint, outgoing
from subscribers.columns import Instant

LEASE = timedelta(minutes=2)
"""How long whoever claimed a message has for it: longer than any attempt takes."""

_AT_ONCE = 10
"""Messages that one endpoint is given in a round; one that is failing gets one, to see whether it is back."""


class State(StrEnum):
    """How far a message is."""

    WAITING = "waiting"
    DELIVERED = "delivered"
    FAILED = "failed"


class NoSuchMessage(NewsletterError):
    """There is no such message in the outbox."""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A message to post now. `body` is None before its first attempt; `attempts` counts this one."""

    id: int
    endpoint_id: int
    about: Subject
    attempts: int
    body: str | None
    first_tried_at: datetime
    tried_at: datetime

    @property
    def name(self) -> str:
        """Its `webhook-id`, the same at each attempt."""
        return f"msg_{self.id}"


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of an attempt: the next one is at `due_at` if it still waits."""

    message: Claimed
    state: State
    answer: str
    body: str | None
    due_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """A message as staff look at it."""

    id: int
    endpoint_id: int
    url: str
    type: Type
    at: datetime
    subscriber_id: int | None
    state: State
    attempts: int
    due_at: datetime | None
    tried_at: datetime | None
    answer: str


async def is_due(connection: AsyncConnection, now: datetime) -> bool:
    """Whether there is anything to claim."""
    return (await connection.execute(_ready(now).limit(1))).first() is not None


async def claim(connection: AsyncConnection, now: datetime) -> list[Claimed]:
    """Lease what is due at endpoints that are not resting, oldest first."""
    claimed: list[Claimed] = []
    for number, failures in (await connection.execute(_ready(now))).all():
        rows = await connection.execute(
            select(
                outgoing.c.id,
                outgoing.c.type,
                outgoing.c.at,
                outgoing.c.subscriber_id,
                outgoing.c.subject_id,
                outgoing.c.attempts,
                outgoing.c.body,
                outgoing.c.first_tried_at,
            )
            .where(outgoing.c.endpoint_id == number, outgoing.c.state == State.WAITING, outgoing.c.due_at <= now)
            # Where something failed, the message least to blame finds out whether it was the message or the endpoint.
            .order_by(*([outgoing.c.attempts] if failures else []), outgoing.c.id)
            .limit(1 if failures else _AT_ONCE)
            .with_for_update(skip_locked=True)
        )
        claimed += [
            Claimed(
                id=row.id,
                endpoint_id=number,
                about=Subject(Type(row.type), row.at, row.subscriber_id, row.subject_id),
                attempts=row.attempts + 1,
                body=row.body,
                first_tried_at=row.first_tried_at or now,
                tried_at=now,
            )
            for row in rows
        ]
    if claimed:
        await connection.execute(
            update(outgoing)
            .where(outgoing.c.id.in_([one.id for one in claimed]))
            .values(
                attempts=outgoing.c.attempts + 1,
                due_at=now + LEASE,
                first_tried_at=func.coalesce(outgoing.c.first_tried_at, literal(now, Instant())),
                tried_at=now,
            )
        )
    return claimed


def _ready(now: datetime) -> Select[int, int]:
    """The endpoints that may be told something now and have something waiting, and how often they failed in a row."""
    waiting = exists().where(
        outgoing.c.endpoint_id == endpoint.c.id, outgoing.c.state == State.WAITING, outgoing.c.due_at <= now
    )
    return select(endpoint.c.id, endpoint.c.failures).where(
        endpoint.c.disabled_at.is_(None),
        or_(endpoint.c.resting_until.is_(None), endpoint.c.resting_until <= now),
        waiting,
    )


async def settle(connection: AsyncConnection, one: Settlement) -> None:
    """Write what became of a leased message; one that was claimed anew meanwhile keeps what it has."""
    values = {"state": one.state, "answer": one.answer, "body": one.body}
    await connection.execute(
        update(outgoing)
        .where(
            outgoing.c.id == one.message.id,
            outgoing.c.state == State.WAITING,
            outgoing.c.attempts == one.message.attempts,
        )
        .values(values if one.due_at is None else {**values, "due_at": one.due_at})
    )


async def succeeded(connection: AsyncConnection, endpoint_id: int) -> None:
    """The endpoint took a message: whatever failed before is forgotten."""
    await connection.execute(
        update(endpoint)
        .where(endpoint.c.id == endpoint_id, endpoint.c.failures > 0)
        .values(failures=0, failing_since=None, resting_until=None)
    )


async def failed(connection: AsyncConnection, endpoint_id: int, tried_at: datetime, until: datetime) -> datetime:
    """The endpoint did not take one: leave it alone until then. Since when it has been failing."""
    since = await connection.scalar(
        update(endpoint)
        .where(endpoint.c.id == endpoint_id)
        .values(
            failures=endpoint.c.failures + 1,
            failing_since=func.coalesce(endpoint.c.failing_since, literal(tried_at, Instant())),
            resting_until=until,
        )
        .returning(endpoint.c.failing_since)
    )
    return since or tried_at


async def disable(connection: AsyncConnection, endpoint_id: int, why: str, now: datetime) -> None:
    """Tell an endpoint nothing any more; what waits for it has failed, and can be redelivered by hand."""
    await connection.execute(
        update(endpoint)
        .where(endpoint.c.id == endpoint_id, endpoint.c.disabled_at.is_(None))
        .values(disabled_at=now, disabled_for=why, resting_until=None)
    )
    await connection.execute(
        update(outgoing)
        .where(outgoing.c.endpoint_id == endpoint_id, outgoing.c.state == State.WAITING)
        .values(state=State.FAILED, answer="the endpoint was disabled")
    )


async def redeliver(connection: AsyncConnection, number: int, now: datetime) -> None:
    """Post a message again, whatever became of it, with the same id. Raises NoSuchMessage or EndpointError."""
    its_endpoint = await connection.scalar(select(outgoing.c.endpoint_id).where(outgoing.c.id == number))
    if its_endpoint is None:
        raise NoSuchMessage(f"there is no message {number}; `newsletter webhooks deliveries` lists them")
    await endpoints.require_enabled(connection, its_endpoint)
    await _again(connection, outgoing.c.id == number, now)


async def redeliver_failed(connection: AsyncConnection, endpoint_id: int, now: datetime) -> int:
    """Post again whatever an endpoint did not take; answer how many. Raises EndpointError."""
    await endpoints.require_enabled(connection, endpoint_id)
    return await _again(connection, and_(outgoing.c.endpoint_id == endpoint_id, outgoing.c.state == State.FAILED), now)


async def _again(connection: AsyncConnection, which: ColumnElement[bool], now: datetime) -> int:
    again = update(outgoing).where(which)
    done = await connection.execute(again.values(state=State.WAITING, attempts=0, first_tried_at=None, due_at=now))
    return done.rowcount


async def holds_older(connection: AsyncConnection, before: datetime) -> bool:
    """Whether there is anything to forget."""
    return await connection.scalar(select(outgoing.c.id).where(_older(before)).limit(1)) is not None


async def forget(connection: AsyncConnection, before: datetime) -> int:
    """Drop messages that are settled and were last tried before that moment; answer how many."""
    return (await connection.execute(delete(outgoing).where(_older(before)))).rowcount


def _older(before: datetime) -> ColumnElement[bool]:
    return and_(outgoing.c.state != State.WAITING, func.coalesce(outgoing.c.tried_at, outgoing.c.at) < before)


async def latest(
    connection: AsyncConnection, *, endpoint_id: int | None = None, state: State | None = None, limit: int = 50
) -> list[Delivery]:
    """The latest messages, of an endpoint or in a state if these are given."""
    statement = _select().limit(limit)
    if endpoint_id is not None:
        statement = statement.where(outgoing.c.endpoint_id == endpoint_id)
    if state is not None:
        statement = statement.where(outgoing.c.state == state)
    return [_delivery(row) for row in await connection.execute(statement)]


def _select() -> Select[int, int, str, str, datetime, int | None, str, int, datetime, datetime | None, str]:
    return (
        select(
            outgoing.c.id,
            outgoing.c.endpoint_id,
            endpoint.c.url,
            outgoing.c.type,
            outgoing.c.at,
            outgoing.c.subscriber_id,
            outgoing.c.state,
            outgoing.c.attempts,
            outgoing.c.due_at,
            outgoing.c.tried_at,
            outgoing.c.answer,
        )
        .join(endpoint, endpoint.c.id == outgoing.c.endpoint_id)
        .order_by(outgoing.c.id.desc())
    )


def _delivery(row: Row[int, int, str, str, datetime, int | None, str, int, datetime, datetime | None, str]) -> Delivery:
    number, endpoint_id, url, kind, at, subscriber_id, state, attempts, due_at, tried_at, answer = row
    waits = due_at if state == State.WAITING and attempts else None
    return Delivery(
        number, endpoint_id, url, Type(kind), at, subscriber_id, State(state), attempts, waits, tried_at, answer
    )
