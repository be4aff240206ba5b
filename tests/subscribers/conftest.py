"""People in every situation a subscriber can be in, made the way they come about."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest
from sqlalchemy import select

from newsletter.database import Database
from subscribers import addresses, audience, preferences, signup, suppression
from subscribers.importing import batches
from subscribers.suppression import Reason
from subscribers.tables import subscriber

HASH_KEY = "h" * 40


@pytest.fixture
def batch_size(monkeypatch: pytest.MonkeyPatch) -> Callable[[int], None]:
    """Has an import read so many rows at once."""

    def change(rows: int) -> None:
        for name in ("BATCH", "BATCH_SQLITE"):
            monkeypatch.setattr(batches, name, rows)

    return change


@dataclass(frozen=True)
class People:
    """Makes subscribers in a database, and asks about them."""

    database: Database
    now: datetime

    async def join(self, address: str, *, now: datetime | None = None, **fields: object) -> signup.Outcome:
        """Ask to join, as the form does."""
        request = signup.Request(addresses.parse(address), **{"source": "form", **fields})
        async with self.database.begin() as connection:
            return await signup.join(connection, request, hash_key=HASH_KEY, now=now or self.now)

    async def pending(self, address: str, **fields: object) -> int:
        """Someone who has asked and not confirmed."""
        outcome = await self.join(address, **fields)
        assert isinstance(outcome, signup.ConfirmationDue)
        return outcome.subscriber_id

    async def active(self, address: str, **fields: object) -> int:
        """Someone who has confirmed."""
        person = await self.pending(address, **fields)
        assert await self.confirm(person)
        return person

    async def left(self, address: str) -> int:
        """Someone who was active and has left."""
        person = await self.active(address)
        assert await self.leave(person)
        return person

    async def confirm(self, person: int, *, now: datetime | None = None) -> bool:
        """Press the button behind the confirmation link."""
        async with self.database.begin() as connection:
            return await signup.confirm(connection, person, ip="192.0.2.7", now=now or self.now)

    async def leave(self, person: int, *, now: datetime | None = None) -> bool:
        """Leave by one click."""
        async with self.database.begin() as connection:
            return await preferences.leave(connection, person, source="one-click", now=now or self.now)

    async def suppress(self, address: str, reason: Reason, *, now: datetime | None = None) -> bool:
        """Suppress an address."""
        async with self.database.begin() as connection:
            return await suppression.suppress(connection, self.hash(address), reason, at=now or self.now)

    async def suppression(self, address: str) -> Reason | None:
        """Why an address is suppressed."""
        async with self.database.read() as connection:
            return await suppression.find(connection, self.hash(address))

    async def preferences(self, person: int) -> preferences.Preferences | None:
        """What the preference page would show."""
        async with self.database.read() as connection:
            return await preferences.read(connection, person)

    async def status(self, address: str) -> str | None:
        """The status of the subscriber with an address."""
        async with self.database.read() as connection:
            statement = select(subscriber.c.status).where(subscriber.c.normal == addresses.parse(address).normal)
            return await connection.scalar(statement)

    async def mailable(self, topic: str | None = None, *, now: datetime | None = None) -> set[str]:
        """Everybody who may be written to about an event."""
        async with self.database.read() as connection:
            rows = await connection.execute(
                select(subscriber.c.address).where(audience.mailable(now or self.now), audience.following(topic))
            )
            return set(rows.scalars())

    def hash(self, address: str) -> str:
        """The keyed hash of an address."""
        return suppression.address_hash(addresses.parse(address).normal, HASH_KEY)


@pytest.fixture
def people(database: Database, now: datetime) -> People:
    """People on an empty database, once for each engine."""
    return People(database, now)


@pytest.fixture
def hash_key() -> str:
    """The key that addresses are hashed with."""
    return HASH_KEY
