"""The score of soft bounces: a mailbox that is full for a day is forgiven, one that is full for weeks is not."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import consent, statements, suppression
from subscribers.suppression import Reason
from subscribers.tables import bounce_score, subscriber


@dataclass(frozen=True, slots=True)
class Rule:
    """Enough are `days` distinct days with a soft bounce that lie at least `span` apart, first to last.

    A day is forgotten after `memory`, and all of them after a delivery.
    """

    days: int = 5
    span: timedelta = timedelta(days=14)
    memory: timedelta = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Bounce:
    """A soft bounce of a mail to a subscriber: when it bounced, on whose word, and what that said."""

    subscriber_id: int
    at: datetime
    source: str = ""
    detail: str = ""


async def count(connection: AsyncConnection, bounces: Sequence[Bounce], rule: Rule) -> dict[int, list[date]]:
    """Count soft bounces, for each person at most one a day (UTC); the days of those who have enough of them.

    In which order bounces are counted makes no difference. What follows is for the caller to decide.
    """
    known = await connection.scalars(
        select(subscriber.c.id)
        .where(subscriber.c.id.in_(sorted({one.subscriber_id for one in bounces})))
        .order_by(subscriber.c.id)
        .with_for_update()
    )
    people = set(known)
    rows = [
        {"subscriber_id": one.subscriber_id, "day": day_of(one.at).isoformat()}
        for one in bounces
        if one.subscriber_id in people
    ]
    if not rows:
        return {}
    await connection.execute(statements.insert(connection, bounce_score).on_conflict_do_nothing(), rows)
    enough: dict[int, list[date]] = {}
    for number, bounced in (await _days(connection, people)).items():
        if bounced[0] < (oldest := bounced[-1] - 2 * rule.memory):
            await _forget(connection, [number], oldest)
        if led_to_it := _lasting(bounced, rule):
            enough[number] = led_to_it
    return enough


async def suppress(connection: AsyncConnection, last: Bounce, led_to_it: Sequence[date]) -> bool:
    """Suppress somebody for soft bounces on these days, and record why; False if they were suppressed already."""
    hashed = await connection.scalar(select(subscriber.c.hash).where(subscriber.c.id == last.subscriber_id))
    detail = last.detail or f"{len(led_to_it)} days with bounces"
    if hashed is None or not await suppression.suppress(
        connection, hashed, Reason.SOFT_BOUNCE, at=last.at, source=last.source, detail=detail
    ):
        return False
    await consent.record(
        connection,
        last.subscriber_id,
        consent.Action.SUPPRESSED,
        actor=consent.Actor.REPORT,
        now=last.at,
        source=last.source,
        detail={"reason": Reason.SOFT_BOUNCE, "days": [day.isoformat() for day in led_to_it]},
    )
    return True


def _lasting(bounced: Sequence[date], rule: Rule) -> list[date]:
    """The days that are enough, far enough apart and within one memory; empty where there are none."""
    for first in range(len(bounced)):
        remembered = [day for day in bounced[first:] if day - bounced[first] <= rule.memory]
        if len(remembered) >= rule.days and remembered[-1] - remembered[0] >= rule.span:
            return remembered
    return []


async def delivered(connection: AsyncConnection, subscriber_ids: Collection[int], day: date) -> int:
    """A mail arrived on that day (UTC): forget these people's soft bounces until then; how many days that were."""
    return await _forget(connection, subscriber_ids, day + timedelta(days=1))


async def _forget(connection: AsyncConnection, subscriber_ids: Collection[int], before: date) -> int:
    mine = bounce_score.c.subscriber_id.in_(subscriber_ids)
    gone = await connection.execute(delete(bounce_score).where(mine, bounce_score.c.day < before.isoformat()))
    return gone.rowcount


def day_of(moment: datetime) -> date:
    """The day on which a bounce at that moment counts, in UTC."""
    return moment.astimezone(UTC).date()


async def days(connection: AsyncConnection, subscriber_id: int) -> list[date]:
    """The days that count against a subscriber's address, oldest first."""
    return (await _days(connection, [subscriber_id])).get(subscriber_id, [])


async def _days(connection: AsyncConnection, subscriber_ids: Collection[int]) -> dict[int, list[date]]:
    rows = await connection.execute(
        select(bounce_score.c.subscriber_id, bounce_score.c.day)
        .where(bounce_score.c.subscriber_id.in_(subscriber_ids))
        .order_by(bounce_score.c.subscriber_id, bounce_score.c.day)
    )
    found: dict[int, list[date]] = {}
    for number, day in rows:
        found.setdefault(number, []).append(date.fromisoformat(day))
    return found
