"""What became of a campaign, counted from the ledger, and who was not reached and why."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns.store import Campaign
from newsletter.delivery import hearing, ledger
from newsletter.delivery.ledger import State
from newsletter.tables import delivery
from subscribers import statements
from subscribers.tables import subscriber


@dataclass(frozen=True, slots=True)
class Unreached:
    """One person who did not get the mail; `address` is empty for someone who has been erased since."""

    subscriber_id: int
    address: str
    state: State
    attempts: int
    reply: str
    at: datetime | None


@dataclass(frozen=True, slots=True)
class Report:
    """The counts of a campaign: `states` sum up to `audience`; `feedback` is what was heard of those sent.

    `expression` says who of the event's followers was meant; empty, it was all of them.
    """

    slug: str
    status: str
    expression: str
    started_at: datetime | None
    finished_at: datetime | None
    audience: int
    states: dict[State, int]
    feedback: dict[str, int]
    next_at: datetime | None
    """When the next of those that wait are due; None when nobody waits, or nobody may be sent it now."""

    @property
    def waiting(self) -> int:
        """How many may still be sent."""
        return sum(self.states.get(state, 0) for state in (*ledger.WAITING, State.SENDING))


async def read(connection: AsyncConnection, of: Campaign) -> Report:
    """Count one campaign."""
    states = await ledger.counts(connection, of.id)
    return Report(
        slug=of.slug,
        status=of.status,
        expression=of.expression,
        started_at=of.started_at,
        finished_at=of.finished_at,
        audience=sum(states.values()),
        states=states,
        feedback=await statements.tally(
            connection, delivery.c.feedback, hearing.ORDER, delivery.c.campaign_id == of.id
        ),
        next_at=await ledger.next_due(connection, of.id),
    )


async def waits(connection: AsyncConnection, of: Campaign) -> dict[str, int]:
    """What people wait for whose mail has not been offered yet, and how many do."""
    counted = (
        select(delivery.c.reply, func.count())
        .where(
            delivery.c.campaign_id == of.id,
            delivery.c.state == State.QUEUED,
            delivery.c.due_at.is_not(None),
            delivery.c.reply.is_not(None),
        )
        .group_by(delivery.c.reply)
        .order_by(func.count().desc(), delivery.c.reply)
    )
    return {reply or "": count for reply, count in await connection.execute(counted)}


async def unreached(
    connection: AsyncConnection, of: Campaign, limit: int = 1000, *, state: State | None = None
) -> list[Unreached]:
    """Who has not got it, by number, at most `limit` of them; only those in `state`, if one is named."""
    chosen = delivery.c.state != State.SENT if state is None else delivery.c.state == state
    rows = await connection.execute(
        select(
            delivery.c.subscriber_id,
            func.coalesce(subscriber.c.address, "").label("address"),
            delivery.c.state,
            delivery.c.attempts,
            delivery.c.reply,
            delivery.c.at,
        )
        .outerjoin(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .where(delivery.c.campaign_id == of.id, chosen)
        .order_by(delivery.c.subscriber_id)
        .limit(limit)
    )
    return [Unreached(row[0], row[1], State(row[2]), row[3], row[4] or "", row[5]) for row in rows]
