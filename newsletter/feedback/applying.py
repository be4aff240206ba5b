"""What follows from a report: nothing unless our own token proves it, and all of it in one transaction."""

from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlalchemy import Row, exists, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import ledger
from newsletter.settings import Bounces
from newsletter.tables import delivery, inbox, transactional
from subscribers import addresses, consent, preferences, scoring, suppression
from subscribers.errors import SubscribersError
from subscribers.links import DeliveryRef, Links
from subscribers.suppression import Reason
from subscribers.tables import subscriber
from webhooks.events import BounceClass, Event, Kind, from_json

log = structlog.get_logger(__name__)

_BATCH = 200

_Person = Row[int, str, str, datetime | None]
"""A subscriber's id, normal, hash and confirmed_at."""


@dataclass(frozen=True, slots=True)
class Applier:
    """Applies what waits in the inbox."""

    links: Links
    policy: Bounces

    async def apply_due(self, connection: AsyncConnection, now: datetime) -> int:
        """Apply a batch of stored events, oldest first, in the caller's transaction; answer how many."""
        waiting = (
            await connection.execute(
                select(inbox.c.id, inbox.c.event)
                .where(inbox.c.applied_at.is_(None))
                .order_by(inbox.c.id)
                .limit(_BATCH)
                .with_for_update(skip_locked=True)
            )
        ).all()
        for row in waiting:
            outcome = await self._apply(connection, from_json(row.event), now)
            await connection.execute(update(inbox).where(inbox.c.id == row.id).values(applied_at=now, outcome=outcome))
            log.info("report applied", report=row.id, outcome=outcome)
        return len(waiting)

    async def _apply(self, connection: AsyncConnection, event: Event, now: datetime) -> str:
        """Apply one event; the answer says in a few words what it did, for people to read."""
        if event.kind in (Kind.AUTO_REPLIED, Kind.DEFERRED, Kind.OTHER):
            return "nothing follows from it"
        ref = self.links.read_delivery_token(event.token) if event.token else None
        if ref is None:
            return "unproven: it names no delivery of ours"
        person = await _receiver(connection, ref)
        if person is None:
            return "the delivery or its receiver is no more"
        # Who unsubscribes by mail may write from another address: the token came to them alone.
        if event.kind is not Kind.UNSUBSCRIBED and not _same_address(event.address, person.normal):
            return "unproven: the delivery went to another address"
        if person.confirmed_at is not None and event.at < person.confirmed_at:
            return "older than the opt-in"
        return await self._consequence(connection, ref, event, person, now)

    async def _consequence(
        self,
        connection: AsyncConnection,
        ref: DeliveryRef,
        event: Event,
        person: _Person,
        now: datetime,
    ) -> str:
        source = f"{event.provider}:{event.id}"
        match event.kind, event.bounce:
            case Kind.DELIVERED, _:
                await scoring.delivered(connection, person.id)
                await _note(connection, ref, "delivered")
                return "delivered"
            case Kind.COMPLAINED, _:
                await _note(connection, ref, "complaint")
                return await _suppress(connection, person, Reason.COMPLAINT, event, source, now)
            case Kind.UNSUBSCRIBED, _:
                await _note(connection, ref, "unsubscribe")
                left = await preferences.leave(
                    connection, person.id, source=source, actor=consent.Actor.REPORT, now=now
                )
                return "unsubscribed" if left else "had left already"
            case Kind.BOUNCED, BounceClass.HARD:
                await _note(connection, ref, "hard")
                return await _suppress(connection, person, Reason.HARD_BOUNCE, event, source, now)
            case Kind.BOUNCED, BounceClass.BLOCK:
                await _note(connection, ref, "block")
                return "blocked: noted on the campaign, the person is not at fault"
            case _:
                await _note(connection, ref, "soft")
                rule = scoring.Rule(self.policy.soft_days, self.policy.soft_span, self.policy.soft_memory)
                gone = await scoring.soft(
                    connection, person.id, now=event.at, rule=rule, source=source, detail=event.detail
                )
                return "suppressed: it bounced softly too often" if gone else "soft bounce counted"


async def _receiver(connection: AsyncConnection, ref: DeliveryRef) -> _Person | None:
    """The subscriber that a delivery really went to."""
    wanted = select(subscriber.c.id, subscriber.c.normal, subscriber.c.hash, subscriber.c.confirmed_at)
    if ref.kind == "campaign":
        made = exists().where(
            delivery.c.campaign_id == ref.campaign_id,
            delivery.c.subscriber_id == ref.number,
            delivery.c.attempts > 0,
        )
        statement = wanted.where(subscriber.c.id == ref.number, made)
    else:
        statement = wanted.join(transactional, transactional.c.subscriber_id == subscriber.c.id).where(
            transactional.c.id == ref.number
        )
    return (await connection.execute(statement)).first()


def _same_address(reported: str, normal: str) -> bool:
    """Whether a report is about this address; a redacted one (RFC 6590) is taken at its token's word."""
    if not reported or "redacted" in reported.lower():
        return True
    try:
        return addresses.parse(reported).normal == normal
    except SubscribersError:
        return False


async def _note(connection: AsyncConnection, ref: DeliveryRef, feedback: str) -> None:
    if ref.kind == "campaign":
        await ledger.note_feedback(connection, ref.campaign_id, ref.number, feedback)


async def _suppress(
    connection: AsyncConnection,
    person: _Person,
    reason: Reason,
    event: Event,
    source: str,
    now: datetime,
) -> str:
    new = await suppression.suppress(
        connection, person.hash, reason, at=event.at, source=source, detail=event.detail[:500]
    )
    if not new:
        return f"was suppressed already ({reason})"
    await consent.record(
        connection,
        person.id,
        consent.Action.SUPPRESSED,
        actor=consent.Actor.REPORT,
        now=now,
        source=source,
        detail={"reason": reason.value, "status": event.status},
    )
    return f"suppressed: {reason}"
