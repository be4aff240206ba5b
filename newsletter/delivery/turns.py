"""Turns: when the people of a shard who wait for others of their receivers' family are likely to get theirs.

Shards take turns, and each that has people waiting for a family is known by a row of `turn`. Others become done or join
in meanwhile, so nobody is told to wait for longer than the shard's people would take if it were alone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.tables import campaign, shard, turn
from subscribers import statements

_LOOK_AGAIN = timedelta(hours=1)
"""Nobody is told to wait for longer: paces change."""


class Portion(NamedTuple):
    """The shard whose people wait."""

    campaign_id: int
    number: int


async def expect(
    connection: AsyncConnection, of: Portion, to: str, per_second: float, people: int, now: datetime
) -> Sequence[datetime]:
    """When so many people of a shard get their turns, one after the other, as far as can be said now.

    Call it in a transaction that holds the family's bucket.
    """
    crowd = 1 + await _others(connection, of, to, now)
    alone = timedelta(seconds=max(people, 2 * crowd) / per_second)
    latest = now + min(alone, _LOOK_AGAIN)
    expected = [min(now + timedelta(seconds=place * crowd / per_second), latest) for place in range(1, people + 1)]
    await connection.execute(delete(turn).where(turn.c.to == to, turn.c.until <= now))
    noted = statements.insert(connection, turn).values(to=to, **of._asdict(), until=expected[-1])
    key = ["to", "campaign_id", "number"]
    await connection.execute(noted.on_conflict_do_update(index_elements=key, set_={"until": noted.excluded.until}))
    return expected


async def _others(connection: AsyncConnection, of: Portion, to: str, now: datetime) -> int:
    """How many other shards have people waiting for a family: theirs come between ours."""
    waiting = (
        select(func.count())
        .select_from(turn)
        .join(shard, (shard.c.campaign_id == turn.c.campaign_id) & (shard.c.number == turn.c.number))
        .join(campaign, campaign.c.id == turn.c.campaign_id)
        .where(turn.c.to == to, turn.c.until > now, shard.c.state == "open", campaign.c.status == "sending")
        .where((turn.c.campaign_id != of.campaign_id) | (turn.c.number != of.number))
    )
    return await connection.scalar(waiting) or 0
