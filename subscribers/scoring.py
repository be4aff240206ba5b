"""The score of soft bounces: a mailbox that is full for a day is forgiven, one that is full for weeks is not."""

from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import consent, statements, suppression
from subscribers.suppression import Reason
from subscribers.tables import bounce_score, subscriber


@dataclass(frozen=True, slots=True)
class Rule:
    """Suppressed at `days` distinct days with a soft bounce that lie at least `span` apart, first to last.

    A day is forgotten after `memory`, and all of them after a delivery.
    """

    days: int = 5
    span: timedelta = timedelta(days=14)
    memory: timedelta = timedelta(days=30)


async def soft(
    connection: AsyncConnection, subscriber_id: int, *, now: datetime, rule: Rule, source: str = "", detail: str = ""
) -> bool:
    """Count a soft bounce, at most one a day (UTC); True if it was the one that suppressed the address.

    `now` is when the mail bounced. Evidence is recorded; the caller need do nothing more.
    """
    hashed = await connection.scalar(
        select(subscriber.c.hash).where(subscriber.c.id == subscriber_id).with_for_update()
    )
    if hashed is None:
        return False
    today = now.astimezone(UTC).date()
    oldest = (today - rule.memory).isoformat()
    mine = bounce_score.c.subscriber_id == subscriber_id
    await connection.execute(delete(bounce_score).where(mine, bounce_score.c.day < oldest))
    await connection.execute(
        statements.insert(connection, bounce_score)
        .values(subscriber_id=subscriber_id, day=today.isoformat())
        .on_conflict_do_nothing()
    )
    bounced = await days(connection, subscriber_id)
    if len(bounced) < rule.days or bounced[-1] - bounced[0] < rule.span:
        return False
    if not await suppression.suppress(
        connection,
        hashed,
        Reason.SOFT_BOUNCE,
        at=now,
        source=source,
        detail=detail or f"{len(bounced)} days with bounces",
    ):
        return False
    await consent.record(
        connection,
        subscriber_id,
        consent.Action.SUPPRESSED,
        actor=consent.Actor.REPORT,
        now=now,
        source=source,
        detail={"reason": Reason.SOFT_BOUNCE, "days": [day.isoformat() for day in bounced]},
    )
    return True


async def delivered(connection: AsyncConnection, subscriber_id: int) -> None:
    """Forget every soft bounce: a mail arrived."""
    await connection.execute(delete(bounce_score).where(bounce_score.c.subscriber_id == subscriber_id))


async def days(connection: AsyncConnection, subscriber_id: int) -> list[date]:
    """The days that count against a subscriber's address, oldest first."""
    mine = select(bounce_score.c.day).where(bounce_score.c.subscriber_id == subscriber_id).order_by(bounce_score.c.day)
    return [date.fromisoformat(day) for day in await connection.scalars(mine)]
