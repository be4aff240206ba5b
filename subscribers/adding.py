"""One person added by staff, as an import adds many: with the proof of their consent, or pending without."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import consent, signup, suppression
from subscribers.addresses import Address
from subscribers.errors import SubscribersError
from subscribers.signup import Request
from subscribers.tables import subscriber


class NotAdded(SubscribersError):
    """Somebody is here already, or is not to be written to."""


@dataclass(frozen=True, slots=True)
class Proof:
    """What proves that somebody agreed, in staff's words, and when it was."""

    text: str
    at: datetime


async def add(
    connection: AsyncConnection, request: Request, *, proof: Proof | None = None, hash_key: str, now: datetime
) -> int:
    """Add somebody; their number. Raises NotAdded, with nothing changed: nobody who is gone comes back this way."""
    hashed = suppression.address_hash(request.address.normal, hash_key)
    if (reason := await suppression.find(connection, hashed)) is not None:
        raise NotAdded(
            f"{request.address.given} is suppressed ({reason}), and so was not added; "
            "`newsletter subscribers show` says who can undo it"
        )
    number = await signup.enter(connection, request, hashed, now)
    if number is None:
        known = select(subscriber.c.status).where(subscriber.c.hash == hashed)
        raise NotAdded(_known(request.address, await connection.scalar(known) or ""))
    detail = {}
    if proof is not None:
        active = {"status": "active", "confirmed_at": proof.at}
        await connection.execute(update(subscriber).where(subscriber.c.id == number).values(active))
        detail = {"consented_at": proof.at.isoformat(), "proof": proof.text}
    step, staff = consent.Action.IMPORTED, consent.Actor.STAFF
    await consent.record(connection, number, step, actor=staff, now=now, source=request.source, detail=detail)
    return number


def _known(address: Address, status: str) -> str:
    if status == "left":
        return f"{address.given} has left; only they can come back, by joining again"
    return f"{address.given} is here already ({status}); `newsletter subscribers show` tells more"
