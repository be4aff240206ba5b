"""Notices that wait until somebody's pause is over: that an event has moved, or is called off, they are to hear then.

Who changes their mind about the pause gets them with its new end, or at once where there is none any more.
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Label, case, null, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning
from newsletter.delivery.statements import WAITING
from newsletter.tables import campaign, delivery, shard
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


async def follow(connection: AsyncConnection, subscriber_id: int, until: datetime | None, now: datetime) -> None:
    """Have somebody's notices wait for the end of a pause that they have taken or changed (None: have ended)."""
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
    due_at = until or now
    of_theirs = update(shard).where(
        shard.c.campaign_id.in_(changed),
        shard.c.first_id <= subscriber_id,
        shard.c.last_id >= subscriber_id,
        shard.c.state == "open",
        shard.c.due_at > due_at,
    )
    await connection.execute(of_theirs.values(due_at=due_at))
