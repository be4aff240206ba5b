"""Whom a report is about: the receiver of a delivery that was really made, found for many reports at once."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery.transactional import Kind
from newsletter.tables import delivery, transactional
from subscribers import addresses, consent, statements
from subscribers.errors import SubscribersError
from subscribers.links import DeliveryRef
from subscribers.tables import subscriber
from webhooks.events import Event


@dataclass(frozen=True, slots=True)
class Receiver:
    """The subscriber a mail went to: number, normal form and hash of the address, the opt-in, and when it was sent.

    `is_probe` says that the mail was sent only to learn whether mails arrive. `released_at` is when staff last undid a
    suppression.
    """

    id: int
    normal: str
    hash: str
    confirmed_at: datetime | None
    mailed_at: datetime | None
    is_probe: bool = False
    released_at: datetime | None = None

    @property
    def domain(self) -> str:
        """What stands behind the @-sign."""
        return self.normal.rpartition("@")[2]

    def is_named(self, reported: str) -> bool:
        """Whether a report is about this address; a redacted one (RFC 6590) is taken at its token's word."""
        if not reported or "redacted" in reported.lower():
            return True
        try:
            return addresses.parse(reported).normal == self.normal
        except SubscribersError:
            return False


async def named(connection: AsyncConnection, events: Iterable[Event]) -> dict[str, Receiver]:
    """Whom events name that say nothing of a mail, by the address as it stands there; only who is here."""
    normals = {event.address: normal for event in events if (normal := _normal(event.address))}
    if not normals:
        return {}
    theirs = select(subscriber.c.id, subscriber.c.normal, subscriber.c.hash, subscriber.c.confirmed_at)
    rows = await statements.looked_up(connection, theirs, subscriber.c.normal, set(normals.values()))
    people = {row.normal: row for row in rows}
    released = await consent.released_by_staff(connection, [row.id for row in people.values()])
    return {
        address: Receiver(row.id, normal, row.hash, row.confirmed_at, None, released_at=released.get(row.id))
        for address, normal in normals.items()
        if (row := people.get(normal)) is not None
    }


def _normal(address: str) -> str:
    try:
        return addresses.parse(address).normal
    except SubscribersError:
        return ""


async def find(connection: AsyncConnection, refs: Iterable[DeliveryRef]) -> dict[DeliveryRef, Receiver]:
    """The receivers of those mails that were made, and whose receiver is still with us."""
    campaigns: dict[int, set[int]] = {}
    singles: set[int] = set()
    for ref in refs:
        if ref.kind == "campaign":
            campaigns.setdefault(ref.campaign_id, set()).add(ref.number)
        else:
            singles.add(ref.number)
    person = (subscriber.c.normal, subscriber.c.hash, subscriber.c.confirmed_at)
    found: dict[DeliveryRef, Receiver] = {}
    for campaign_id, numbers in campaigns.items():
        rows = await connection.execute(
            select(subscriber.c.id, *person, delivery.c.at)
            .join(delivery, delivery.c.subscriber_id == subscriber.c.id)
            .where(
                delivery.c.campaign_id == campaign_id, delivery.c.subscriber_id.in_(numbers), delivery.c.attempts > 0
            )
        )
        found |= {DeliveryRef("campaign", campaign_id, row[0]): Receiver(*row) for row in rows}
    if singles:
        rows_of_singles = await connection.execute(
            select(transactional.c.id, subscriber.c.id, *person, transactional.c.at, transactional.c.kind == Kind.PROBE)
            .join(transactional, transactional.c.subscriber_id == subscriber.c.id)
            # What went to another address than theirs tells nothing of theirs.
            .where(transactional.c.id.in_(singles), transactional.c.to_address.is_(None))
        )
        found |= {DeliveryRef("transactional", 0, row[0]): Receiver(*row[1:]) for row in rows_of_singles}
    released = await consent.released_by_staff(connection, {one.id for one in found.values()})
    return found | {ref: replace(one, released_at=released[one.id]) for ref, one in found.items() if one.id in released}
