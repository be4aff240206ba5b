"""A pause that somebody takes, changes or ends, and the notices that wait until it is over.

That an event has moved, or is called off, they are to hear then; or at once where they end the pause themselves.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Label, case, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning
from newsletter.delivery.statements import WAITING
from newsletter.tables import campaign, delivery, shard
from subscribers import preferences
from subscribers.tables import subscriber

_WHY = "they were taking a pause"

_NOTICES = select(campaign.c.id).where(
    campaign.c.kind.in_(planning.NOTICES), campaign.c.status.in_(["sending", "paused"])
)


def columns(now: datetime) -> tuple[Label[Any], Label[Any]]:
    """Those of a notice's delivery that say until when it waits for its reader's pause to end, and that it does."""
    is_pausing = subscriber.c.paused_until > now
    due_at = case((is_pausing, subscriber.c.paused_until), else_=null()).label("due_at")
    return due_at, case((is_pausing, _WHY), else_="").label("reply")


async def change(
    connection: AsyncConnection, subscriber_id: int, *, until: datetime | None, ip: str, now: datetime
) -> None:
    """Have a subscriber's pause last until then, or (None) end now, and their notices wait for its end."""
    if await preferences.pause(connection, subscriber_id, until=until, ip=ip, now=now):
        await _follow(connection, subscriber_id, until, now)


async def _follow(connection: AsyncConnection, subscriber_id: int, until: datetime | None, now: datetime) -> None:
    theirs = update(delivery).where(
        delivery.c.campaign_id.in_(_NOTICES),
        delivery.c.subscriber_id == subscriber_id,
        delivery.c.state.in_(WAITING),
    )
    if until is None:
        theirs = theirs.where(delivery.c.reply == _WHY).values(due_at=now)
    else:
        theirs = theirs.values(due_at=until, reply=_WHY)
    changed = (await connection.scalars(theirs.returning(delivery.c.campaign_id))).all()
    if not changed:
        return
    due_at = until or now
    of_theirs = update(shard).where(
        shard.c.campaign_id.in_(changed),
        shard.c.first_id <= subscriber_id,
        shard.c.last_id >= subscriber_id,
        shard.c.state == "open",
        shard.c.due_at > due_at,
    )
    await connection.execute(of_theirs.values(due_at=due_at))
