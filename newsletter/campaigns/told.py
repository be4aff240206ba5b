"""Who has been told of an event, as the ledger knows: only they need to hear that it is not so any more."""

from collections.abc import Iterator
from datetime import UTC, datetime

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns.store import Campaign
from newsletter.constellation import planning
from newsletter.delivery.state import State
from newsletter.tables import campaign, delivery
from subscribers import audience
from subscribers.attending import Answer
from subscribers.tables import rsvp, subscriber

_TOLD = (State.SENT, State.SENDING, State.UNCERTAIN)
"""What is on its way, or may have arrived, counts: nobody is left with a date that has changed."""


async def of_event(connection: AsyncConnection, event_id: int, slug: str) -> ColumnElement[bool]:
    """The condition on `subscriber` that a mail of the event has gone to them, or a digest that tells of it, or that
    they have said that they may come."""
    comes = exists().where(rsvp.c.subscriber_id == subscriber.c.id, rsvp.c.topic == slug, rsvp.c.answer != Answer.NOT)
    mailed = exists().where(
        campaign.c.event_id == event_id,
        delivery.c.campaign_id == campaign.c.id,
        delivery.c.subscriber_id == subscriber.c.id,
        delivery.c.state.in_(_TOLD),
    )
    by = await by_digest(connection, slug)
    return or_(mailed.correlate(subscriber), comes.correlate(subscriber), by)


def in_time(now: datetime, ends: datetime) -> ColumnElement[bool]:
    """The condition on `subscriber` that a notice about an event can reach them before it is over: now, or as soon as
    their pause has ended."""
    last = max(now, ends.astimezone(UTC))
    return and_(audience.reachable(), or_(audience.mailable(now), subscriber.c.paused_until < last))


def by_mail(slug: str, kind: str) -> ColumnElement[bool]:
    """The condition on `subscriber` that the plan's mail of that kind about the event has gone to them."""
    return (
        exists()
        .where(
            campaign.c.slug == f"{slug}/{kind}",
            delivery.c.campaign_id == campaign.c.id,
            delivery.c.subscriber_id == subscriber.c.id,
            delivery.c.state.in_(_TOLD),
        )
        .correlate(subscriber)
    )


async def repeated(connection: AsyncConnection, of: Campaign, people: ColumnElement[bool]) -> dict[str, int]:
    """How many of these people were sent another campaign of the same kind about the same event, by its name."""
    if of.event_id is None or of.kind in planning.NOTICES:
        return {}
    statement = (
        select(campaign.c.slug, func.count())
        .join(delivery, delivery.c.campaign_id == campaign.c.id)
        .join(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .where(
            campaign.c.event_id == of.event_id,
            campaign.c.kind == of.kind,
            campaign.c.id != of.id,
            delivery.c.state.in_(_TOLD),
            people,
        )
        .group_by(campaign.c.id, campaign.c.slug)
        .order_by(campaign.c.id)
    )
    return dict((await connection.execute(statement)).all())


async def by_digest(connection: AsyncConnection, slug: str, kind: str = "") -> ColumnElement[bool]:
    """The condition on `subscriber` that a digest has told them of the event, if `kind` is given by that mail of it."""
    rows = await connection.execute(
        select(campaign.c.id, campaign.c.document).where(
            campaign.c.kind == planning.DIGEST, campaign.c.started_at.is_not(None)
        )
    )
    found = [
        exists()
        .where(
            delivery.c.campaign_id == number,
            delivery.c.subscriber_id == subscriber.c.id,
            delivery.c.state.in_(_TOLD),
            delivery.c.digest_items.bitwise_and(bit) != 0,
        )
        .correlate(subscriber)
        for number, document in rows
        for bit in _bits(document["facts"]["items"], slug, kind)
    ]
    return or_(false(), *found)


def _bits(items: list[dict[str, object]], slug: str, kind: str) -> Iterator[int]:
    for place, item in enumerate(items):
        event, kinds = item["event"], item["kinds"]
        assert isinstance(event, dict)  # noqa: S101 - as content.facts.DigestItem writes it
        assert isinstance(kinds, list)  # noqa: S101
        if event["slug"] == slug and (not kind or kind in kinds):
            yield 1 << place


async def count(connection: AsyncConnection, people: ColumnElement[bool]) -> int:
    """How many subscribers a condition holds for."""
    return await connection.scalar(select(func.count()).select_from(subscriber).where(people)) or 0
