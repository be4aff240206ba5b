"""A change of address: asked by whoever holds a fresh link, done once the new mailbox has said yes."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import consent, signup, statements, suppression
from subscribers.addresses import Address
from subscribers.suppression import Reason
from subscribers.tables import address_change, bounce_score, subscriber

_MAY_MOVE = (None, Reason.SOFT_BOUNCE, Reason.HARD_BOUNCE)
"""What an address may be suppressed for when its owner takes another. Any other word of theirs, or of staff, stands."""


@dataclass(frozen=True, slots=True)
class Mailbox:
    """Another mailbox than that of a subscriber: its address, and the keyed hash of that."""

    address: str
    hash: str


@dataclass(frozen=True, slots=True)
class MoveDue:
    """Ask this mailbox, as the subscriber's new one."""

    subscriber_id: int
    mailbox: Mailbox


async def request(
    connection: AsyncConnection, subscriber_id: int, address: Address, *, hash_key: str, ip: str, now: datetime
) -> MoveDue | signup.Outcome:
    """Take the wish to move; what is due must not show on the page, which is the same for every address.

    An address that somebody here has already is asked nothing: its owner is sent what they would be on asking for
    their link. Nothing changes before the new mailbox says yes; a newer wish takes the place of an older one.
    """
    hashed = suppression.address_hash(address.normal, hash_key)
    is_refused = await suppression.find(connection, hashed) in suppression.FINAL
    is_refused = is_refused or await signup.is_barred(connection, address, hash_key)
    if not await _may_move(connection, subscriber_id) or is_refused:
        return signup.NothingDue()
    if await wished(connection, subscriber_id, now.replace(microsecond=0)) is not None:
        return signup.NothingDue()  # links tell seconds apart: that one's must never say yes for another address
    if await connection.scalar(select(subscriber.c.id).where(subscriber.c.normal == address.normal)) is not None:
        return await signup.remind(connection, address)
    wish = {"address": address.given, "normal": address.normal, "hash": hashed, "asked_at": now, "ip": ip}
    statement = statements.insert(connection, address_change).values(subscriber_id=subscriber_id, **wish)
    await connection.execute(
        statement.on_conflict_do_update(index_elements=[address_change.c.subscriber_id], set_=wish)
    )
    return MoveDue(subscriber_id, Mailbox(address.given, hashed))


async def wished(connection: AsyncConnection, subscriber_id: int, asked_at: datetime) -> str | None:
    """The address that was asked for at that second, or None where that is not so (any more)."""
    found = await connection.execute(
        select(address_change.c.address, address_change.c.asked_at).where(
            address_change.c.subscriber_id == subscriber_id
        )
    )
    row = found.one_or_none()
    return row.address if row is not None and row.asked_at.replace(microsecond=0) == asked_at else None


async def complete(
    connection: AsyncConnection, subscriber_id: int, *, asked_at: datetime, ip: str, now: datetime
) -> Mailbox | None:
    """Move to the address that was asked for at that second; the old one, or None where it cannot be (any more)."""
    if not await _may_move(connection, subscriber_id) or await wished(connection, subscriber_id, asked_at) is None:
        return None
    wish = (
        await connection.execute(select(address_change).where(address_change.c.subscriber_id == subscriber_id))
    ).one()
    own = select(subscriber.c.address, subscriber.c.hash).where(subscriber.c.id == subscriber_id)
    old = Mailbox(*(await connection.execute(own)).one())
    taken = await connection.scalar(select(subscriber.c.id).where(subscriber.c.normal == wish.normal))
    if taken is not None or await suppression.find(connection, wish.hash) in suppression.FINAL:
        return None
    await connection.execute(
        update(subscriber)
        .where(subscriber.c.id == subscriber_id)
        .values(address=wish.address, normal=wish.normal, hash=wish.hash)
    )
    await suppression.lift(connection, wish.hash)
    await connection.execute(delete(bounce_score).where(bounce_score.c.subscriber_id == subscriber_id))
    await connection.execute(delete(address_change).where(address_change.c.subscriber_id == subscriber_id))
    await consent.record(
        connection,
        subscriber_id,
        consent.Action.CHANGED,
        actor=consent.Actor.PERSON,
        now=now,
        source="move",
        ip=ip,
        detail={
            "before": {"address": old.address},
            "after": {"address": wish.address},
            "asked_at": wish.asked_at.isoformat(),
            "asked_from": wish.ip,
        },
    )
    return old


async def moved_since(connection: AsyncConnection, subscriber_id: int, moment: datetime) -> bool:
    """Whether somebody has moved after a moment: what was sent to the old mailbox then opens nothing any more."""
    steps = await consent.evidence(connection, subscriber_id)
    return any(step.source == "move" and step.at >= moment for step in steps)


async def _may_move(connection: AsyncConnection, subscriber_id: int) -> bool:
    """Whether somebody may move; their row is locked, so that wishes and a yes come one after the other."""
    found = await connection.execute(
        select(subscriber.c.status, subscriber.c.hash).where(subscriber.c.id == subscriber_id).with_for_update()
    )
    person = found.one_or_none()
    if person is None or person.status != "active":
        return False
    return await suppression.find(connection, person.hash) in _MAY_MOVE
