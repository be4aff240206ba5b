"""Loading a constellation as staff do: the events, the plan of their mails and the audit row, or none of them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import schedule, store
from newsletter.constellation.difference import Difference
from newsletter.constellation.model import Constellation
from newsletter.constellation.schedule import Replanned
from newsletter.tables import audit


@dataclass(frozen=True, slots=True)
class Loaded:
    """What loading changed, or would change: the constellation, and the plan of its mails."""

    difference: Difference
    plan: Replanned


async def load(
    connection: AsyncConnection,
    constellation: Constellation,
    now: datetime,
    *,
    actor: str,
    grace: timedelta = schedule.GRACE,
) -> Loaded:
    """Load it and plan its mails; the same one again changes nothing. Raises store.OtherConstellation."""
    difference = await store.load(connection, constellation, now)
    loaded = Loaded(difference, await schedule.replan(connection, constellation, now, grace=grace))
    if difference:
        detail = {"events": {change.slug: change.what.value for change in difference.events}}
        row = {"at": now, "actor": actor, "action": "constellation load", "subject": constellation.slug}
        await connection.execute(insert(audit).values(**row, detail=detail))
    return loaded
