"""The breaker of a recipient's domain: what too many of its people are told at once is not theirs to answer for.

A domain that blocks us gets no mail for a while, and is then tried again. One that suddenly says of many that they do
not exist most likely has a fault of its own: their suppressions are held until staff have looked.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import structlog
from sqlalchemy import delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import pauses
from newsletter.delivery.pauses import Cause, Pause
from newsletter.delivery.state import State
from newsletter.errors import NewsletterError
from newsletter.setting_tables import Bounces
from newsletter.tables import delivery, domain_pause, inbox
from subscribers import consent, suppression
from subscribers.suppression import Finding, Reason
from subscribers.tables import subscriber
from subscribers.tables import suppression as suppressed
from webhooks.events import from_json

log = structlog.get_logger(__name__)

HELD = "held for review: too many of its domain are said not to exist"
LET_GO = "let go by staff: the person stays"
_OBEYED = "suppressed by staff: hard-bounce"

_COUNTED_BACK = timedelta(days=1)
"""How old a mail may be of which the reports of these minutes are a share."""


class NothingToRelease(NewsletterError):
    """A domain is neither paused nor are suppressions held of it."""


async def look(connection: AsyncConnection, policy: Bounces, domains: Collection[str], now: datetime) -> list[Pause]:
    """Pause those of the domains whose hard bounces or blocks of these minutes are too many, and hold what they led to.

    `domains` are those of which some have just been applied: with others nothing has changed.
    """
    if not domains:
        return []
    heard = (  # of each mail once, however many ways it is reported
        select(inbox.c.domain, inbox.c.heard, inbox.c.campaign_id, inbox.c.subscriber_id)
        .outerjoin(domain_pause, domain_pause.c.domain == inbox.c.domain)
        .where(
            domain_pause.c.until.is_(None) | (inbox.c.applied_at > domain_pause.c.until),  # what is judged is judged
            inbox.c.applied_at > now - policy.breaker_window,
            inbox.c.heard.in_([Cause.HARD, Cause.BLOCK]),
            inbox.c.campaign_id.is_not(None),
            inbox.c.domain.in_(sorted(domains)),
        )
        .distinct()
        .subquery()
    )
    rows = await connection.execute(
        select(heard.c.domain, heard.c.heard, func.count())
        .group_by(heard.c.domain, heard.c.heard)
        .having(func.count() >= policy.breaker_least)
        .order_by(heard.c.domain, heard.c.heard)
    )
    begun: list[Pause] = []
    for domain, cause, count in [(domain or "", Cause(cause or ""), count) for domain, cause, count in rows]:
        if not await _is_too_large_a_share(connection, domain, cause, count, policy, now):
            continue
        pause = Pause(domain, cause, now, now + policy.breaker_pause, count)
        await pauses.begin(connection, pause)
        if cause is Cause.HARD:
            await _hold(connection, domain, now - policy.breaker_window, now)
        log.warning("domain paused", domain=domain, cause=cause, reports=count, until=pause.until.isoformat())
        begun.append(pause)
    return begun


async def _is_too_large_a_share(
    connection: AsyncConnection, domain: str, cause: Cause, count: int, policy: Bounces, now: datetime
) -> bool:
    """Whether the reports are more than the share of the mails to the domain that these campaigns made in a day."""
    enough = int(count / policy.breaker_share)
    of_campaigns = select(inbox.c.campaign_id).where(
        inbox.c.domain == domain, inbox.c.heard == cause, inbox.c.applied_at > now - policy.breaker_window
    )
    mails = (
        select(delivery.c.subscriber_id)
        .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .where(
            delivery.c.campaign_id.in_(of_campaigns),
            delivery.c.state.in_([State.SENT, State.REFUSED]),
            delivery.c.at > now - _COUNTED_BACK,
            subscriber.c.normal.endswith(f"@{domain}", autoescape=True),
        )
        .limit(enough)  # of a large domain nobody needs to count them all
    )
    return (await connection.scalar(select(func.count()).select_from(mails.subquery())) or 0) < enough


async def _hold(connection: AsyncConnection, domain: str, since: datetime, now: datetime) -> None:
    """Take back what the hard bounces of these minutes have led to already."""
    rows = await connection.execute(
        select(inbox.c.id, inbox.c.event, subscriber.c.id, subscriber.c.hash)
        .join(subscriber, subscriber.c.id == inbox.c.subscriber_id)
        .where(inbox.c.domain == domain, inbox.c.heard == Cause.HARD, inbox.c.applied_at > since)
        .order_by(inbox.c.id)
    )
    for number, document, person, hashed in rows.all():
        event = from_json(document)
        taken_back = await connection.execute(
            delete(suppressed).where(
                suppressed.c.hash == hashed,
                suppressed.c.reason == Reason.HARD_BOUNCE,
                suppressed.c.source == event.source,
            )
        )
        if taken_back.rowcount:
            await connection.execute(update(inbox).where(inbox.c.id == number).values(outcome=HELD))
            await consent.record(
                connection,
                person,
                consent.Action.RELEASED,
                actor=consent.Actor.SYSTEM,
                now=now,
                source=event.source,
                detail={"reason": HELD},
            )


async def held(connection: AsyncConnection) -> dict[str, int]:
    """How many suppressions are held of each domain."""
    rows = await connection.execute(
        select(inbox.c.domain, func.count())
        .where(inbox.c.outcome == HELD)
        .group_by(inbox.c.domain)
        .order_by(inbox.c.domain)
    )
    return {domain or "": count for domain, count in rows}


async def release(connection: AsyncConnection, domain: str, *, obey: bool, now: datetime) -> int:
    """Write to a domain again, and let its held hard bounces go, or `obey` them; how many. Raises NothingToRelease."""
    domain = domain.lower()
    rows = await connection.execute(
        select(inbox.c.id, inbox.c.event, inbox.c.received_at, subscriber.c.id, subscriber.c.hash)
        .join(subscriber, subscriber.c.id == inbox.c.subscriber_id)
        .where(inbox.c.domain == domain, inbox.c.outcome == HELD)
        .where(subscriber.c.confirmed_at.is_(None) | (subscriber.c.confirmed_at <= inbox.c.received_at))
    )
    found = rows.all()
    closed = await connection.execute(
        update(inbox)
        .where(inbox.c.domain == domain, inbox.c.outcome == HELD)
        .values(outcome=_OBEYED if obey else LET_GO)
    )
    if not await pauses.end(connection, domain, now) and not closed.rowcount:
        raise NothingToRelease(f"{domain} is not paused, and nothing is held of it; see `newsletter bounces review`")
    if obey:
        for _, document, _, person, hashed in found:
            event = from_json(document)
            finding = Finding(hashed, Reason.HARD_BOUNCE, event.at, event.source, event.detail[:500])
            if await suppression.suppress_all(connection, [finding]):
                detail = {"reason": Reason.HARD_BOUNCE.value, "status": event.status}
                await consent.record_suppressions(connection, [(person, event.source, detail)], now=now)
    return closed.rowcount
