"""How often a mailbox is asked whether it wants our mail: the only writer of `asked`.

Anybody can type anybody's address, in as many spellings as it has details (`ana+1@`, `ana+2@`), and whoever has many
accounts can name it as the new address of each. So it counts by the mailbox, whoever asks and by whatever mail, in the
24 hours before.
"""

from datetime import datetime, timedelta

from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.tables import asked
from subscribers import addresses, statements, suppression
from subscribers.suppression import Reason

_DAY = timedelta(days=1)


def mailbox(normal: str, hash_key: str) -> str:
    """The keyed hash under which the mailbox of an address in its normal form counts."""
    return suppression.address_hash(addresses.mailbox(normal), hash_key)


async def take(connection: AsyncConnection, mailbox: str, *, now: datetime, most_a_day: int) -> bool:
    """Take one of the `most_a_day` places that a mailbox has, each free again after a day; False when there is none.
    One that said “never again” under its plain address has none at all.

    One upsert a place, so that two who ask at the same moment never share one.
    """
    if await suppression.find(connection, mailbox) is Reason.REFUSED:
        return False
    for place in range(1, most_a_day + 1):
        statement = statements.insert(connection, asked).values(hash=mailbox, place=place, at=now)
        taken = statement.on_conflict_do_update(
            index_elements=[asked.c.hash, asked.c.place], set_={"at": now}, where=asked.c.at <= now - _DAY
        )
        if await connection.scalar(taken.returning(asked.c.place)) is not None:
            return True
    return False


async def forget(connection: AsyncConnection, now: datetime) -> None:
    """Forget what counts no more."""
    await connection.execute(delete(asked).where(asked.c.at <= now - _DAY))
