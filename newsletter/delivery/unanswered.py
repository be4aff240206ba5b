"""Who was asked by mail after an import and never answered: forgotten but for a keyed hash, and not asked so again.

The only writer of `unanswered`. The mail says that it asks this once; a list that is imported month after month would
else have everybody asked whom the month before forgot. Their own joining, and a proof that comes later, count as ever.
"""

from collections.abc import Collection, Sequence

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery.state import State
from newsletter.delivery.transactional import Kind
from newsletter.tables import transactional, unanswered
from subscribers import statements
from subscribers.tables import subscriber


async def keep(connection: AsyncConnection, subscriber_ids: Sequence[int]) -> None:
    """Write down those of these people, who are about to be forgotten, that were asked after an import."""
    asked = (
        select(subscriber.c.hash, func.max(transactional.c.created_at))
        .join_from(subscriber, transactional, transactional.c.subscriber_id == subscriber.c.id)
        .where(
            subscriber.c.id.in_(subscriber_ids),
            subscriber.c.status == "pending",
            transactional.c.kind == Kind.ASK,
            transactional.c.state.in_([State.SENT, State.UNCERTAIN]),
        )
        .group_by(subscriber.c.hash)
    )
    kept = statements.insert(connection, unanswered).from_select(["hash", "at"], asked)
    await connection.execute(kept.on_conflict_do_nothing())


async def among(connection: AsyncConnection, hashes: Collection[str]) -> set[str]:
    """Those of these addresses, by their hash, that were asked and are not to be asked again."""
    found = await statements.looked_up(connection, select(unanswered.c.hash), unanswered.c.hash, hashes)
    return {row.hash for row in found}
