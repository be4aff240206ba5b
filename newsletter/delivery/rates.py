"""How many mails a second: a bucket for each relay and each family of receivers, in the database, so that every process
on every host draws from the same one.

A bucket is one moment: the one up to which its mails are spoken for. It fills by letting time pass, and holds what a
few seconds allow (the generic cell rate algorithm, ITU-T I.371, counts the same way).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.tables import bucket
from subscribers import statements

_HELD = timedelta(seconds=5)
"""A pause of a sender this long loses nothing: what it did not send meanwhile may follow at once."""


@dataclass(frozen=True, slots=True)
class Bucket:
    """What may be drawn now. `spoken_until` is where it stands; it moves on by `1 / per_second` for each mail."""

    name: str
    per_second: float
    spoken_until: datetime
    left: int

    def again_at(self, mails: int) -> datetime:
        """When so many mails may be drawn."""
        return self.spoken_until + timedelta(seconds=mails / self.per_second)


async def open_bucket(
    connection: AsyncConnection, name: str, per_second: float, now: datetime, *, least: int = 1
) -> Bucket:
    """Look into a bucket, and keep others from it until the transaction ends; it holds `least` mails at least."""
    held = max(_HELD, timedelta(seconds=least / per_second))
    await connection.execute(
        statements.insert(connection, bucket).values(name=name, spoken_until=now - held).on_conflict_do_nothing()
    )
    found = await connection.scalar(select(bucket.c.spoken_until).where(bucket.c.name == name).with_for_update())
    spoken_until = max(found or now, now - held)
    left = int((now - spoken_until).total_seconds() * per_second + 1e-6)
    return Bucket(name, per_second, spoken_until, max(left, 0))


async def draw(connection: AsyncConnection, opened: Bucket, mails: int) -> None:
    """Take so many mails out of a bucket that was opened in this transaction; fewer than none are put back."""
    if mails:
        await connection.execute(
            update(bucket).where(bucket.c.name == opened.name).values(spoken_until=opened.again_at(mails))
        )
