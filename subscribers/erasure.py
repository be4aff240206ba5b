"""Erasure (GDPR article 17): everything of a person goes but the keyed hash that keeps them from being mailed."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import suppression
from subscribers.suppression import Reason
from subscribers.tables import subscriber


async def erase(connection: AsyncConnection, subscriber_id: int, *, now: datetime) -> bool:
    """Delete a subscriber with choices, evidence, scores and mails to them; False if there is none.

    What stays says nothing about a person: the suppression by hash, and the count of mails in a campaign's ledger.
    """
    hashed = await connection.scalar(
        select(subscriber.c.hash).where(subscriber.c.id == subscriber_id).with_for_update()
    )
    if hashed is None:
        return False
    await suppression.suppress(connection, hashed, Reason.ERASED, at=now)
    await connection.execute(delete(subscriber).where(subscriber.c.id == subscriber_id))
    return True
