"""“Not me, never again”: said by whoever reads a mailbox, and honoured for good, whatever becomes of all else."""

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import preferences, suppression
from subscribers.suppression import Reason
from subscribers.tables import address_change, subscriber


async def refuse(connection: AsyncConnection, address_hash: str, *, ip: str, now: datetime) -> None:
    """Never write to the address with this hash again, whoever asks us to.

    Somebody pending is deleted: what is kept of them, a stranger may have typed; so is the wish of anybody whose new
    address this was to be. Whoever had confirmed has left, and their evidence stays.
    """
    await suppression.suppress(connection, address_hash, Reason.REFUSED, at=now, source="page")
    await connection.execute(delete(address_change).where(address_change.c.hash == address_hash))
    person = select(subscriber.c.id, subscriber.c.status).where(subscriber.c.hash == address_hash).with_for_update()
    found = (await connection.execute(person)).one_or_none()
    if found is None:
        return
    if found.status == "pending":
        await connection.execute(delete(subscriber).where(subscriber.c.id == found.id))
    else:
        await preferences.leave(connection, found.id, source="refusal", ip=ip, now=now)
