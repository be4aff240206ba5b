"""What a message says, as docs/webhooks.md documents it: made from the rows that it is about, once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import ledger
from newsletter.errors import NewsletterError
from newsletter.outgoing.types import Type
from newsletter.tables import campaign, event, inbox
from subscribers.tables import consent, subscriber, suppression
from webhooks.events import from_json

_TOLD_OF_EVIDENCE = ("before", "after", "paused_until", "reason")
"""What is told of a step of evidence; not what text was shown, nor from which network somebody wrote."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a message is about: the type, when it happened, whose it is, and the number of the row that tells more."""

    type: Type
    at: datetime
    subscriber_id: int | None
    subject_id: int


class Gone(NewsletterError):
    """Whom a message is about was erased: there is nothing to tell but that."""


async def compose(connection: AsyncConnection, about: Subject) -> str:
    """The JSON `{"type", "timestamp", "data"}` of a message, of people and campaigns as they stand now. Raises Gone."""
    match about.type:
        case Type.ERASED:
            data: dict[str, Any] = {"subscriber": {"id": about.subject_id}}
        case Type.ANSWERED:
            data = await _subscriber(connection, about) | await _answer(connection, about)
        case Type.BOUNCED | Type.COMPLAINED:
            data = await _subscriber(connection, about) | await _report(connection, about)
        case Type.JOINED | Type.CONFIRMED | Type.CHANGED | Type.LEFT:
            data = await _subscriber(connection, about) | await _evidence(connection, about)
        case _:
            data = await _campaign(connection, about)
    document = {"type": about.type.value, "timestamp": about.at.isoformat(), "data": data}
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"))


async def _subscriber(connection: AsyncConnection, about: Subject) -> dict[str, Any]:
    found = await connection.execute(
        select(
            subscriber.c.id,
            subscriber.c.address,
            subscriber.c.first_name,
            subscriber.c.last_name,
            subscriber.c.locale,
            subscriber.c.timezone,
            subscriber.c.status,
            suppression.c.reason.label("suppressed"),
        )
        .outerjoin_from(subscriber, suppression, suppression.c.hash == subscriber.c.hash)
        .where(subscriber.c.id == about.subscriber_id)
    )
    row = found.mappings().one_or_none()
    if row is None:
        raise Gone("the subscriber was erased")
    return {"subscriber": dict(row)}


async def _evidence(connection: AsyncConnection, about: Subject) -> dict[str, Any]:
    step = await _step(connection, about)
    detail = {name: step.detail[name] for name in _TOLD_OF_EVIDENCE if name in step.detail}
    return {"step": {"action": step.action, "by": step.actor, "source": step.source, **detail}}


async def _answer(connection: AsyncConnection, about: Subject) -> dict[str, Any]:
    step = await _step(connection, about)
    said = {"event": step.detail["event"], "answer": step.detail["after"], "before": step.detail["before"] or None}
    return {"rsvp": {**said, "by": step.actor, "source": step.source}}


async def _step(connection: AsyncConnection, about: Subject) -> Row[str, str, str, dict[str, Any]]:
    found = await connection.execute(
        select(consent.c.action, consent.c.actor, consent.c.source, consent.c.detail).where(
            consent.c.id == about.subject_id
        )
    )
    return found.one()


async def _report(connection: AsyncConnection, about: Subject) -> dict[str, Any]:
    found = await connection.execute(
        select(inbox.c.event, inbox.c.heard, campaign.c.slug)
        .outerjoin(campaign, campaign.c.id == inbox.c.campaign_id)
        .where(inbox.c.id == about.subject_id)
    )
    row = found.one()
    report = from_json(row.event)
    told: Mapping[str, Any] = {
        "class": row.heard,
        "reason": report.reason.value,
        "status": report.status,
        "detail": report.detail,
        "reported_by": report.provider,
        "at": report.at.isoformat(),
    }
    return {"campaign": row.slug, "report": told}


async def _campaign(connection: AsyncConnection, about: Subject) -> dict[str, Any]:
    found = await connection.execute(
        select(
            campaign.c.slug,
            campaign.c.kind,
            campaign.c.status,
            campaign.c.started_at,
            campaign.c.finished_at,
            event.c.slug.label("event"),
        )
        .outerjoin(event, event.c.id == campaign.c.event_id)
        .where(campaign.c.id == about.subject_id)
    )
    row = found.one()
    counts = await ledger.counts(connection, about.subject_id)
    return {
        "campaign": {
            "slug": row.slug,
            "event": row.event,
            "kind": row.kind,
            "status": row.status,
            "started_at": _text(row.started_at),
            "finished_at": _text(row.finished_at),
            "deliveries": {state.value: count for state, count in sorted(counts.items())},
        }
    }


def _text(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()
