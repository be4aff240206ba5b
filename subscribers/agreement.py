"""How people agreed, in the few words that another list can take over as proof."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.consent import Action
from subscribers.tables import consent


@dataclass(frozen=True, slots=True)
class Agreement:
    """By which form or sheet, from where, and the text that was shown; who brought proof along, what that said.

    The moment of agreeing is `subscriber.confirmed_at`. Of somebody pending it is what they asked for.
    """

    source: str = ""
    ip: str = ""
    requested_at: str = ""
    request_ip: str = ""
    text_version: str = ""
    text_shown: str = ""


async def of_many(connection: AsyncConnection, subscriber_ids: Sequence[int]) -> dict[int, Agreement]:
    """The agreement of each of these subscribers, some thousands at most, of whom there is evidence."""
    steps = await connection.execute(
        select(
            consent.c.subscriber_id,
            consent.c.at,
            consent.c.action,
            consent.c.source,
            consent.c.text_version,
            consent.c.text_shown,
            consent.c.ip,
            consent.c.detail,
        )
        .where(
            consent.c.subscriber_id.in_(subscriber_ids),
            consent.c.action.in_([Action.REQUESTED, Action.CONFIRMED, Action.IMPORTED]),
        )
        .order_by(consent.c.id)
    )
    people: dict[int, list[Any]] = {}
    for step in steps:
        people.setdefault(step.subscriber_id, []).append(step)
    return {number: _agreement(theirs) for number, theirs in people.items()}


def _agreement(steps: Sequence[Any]) -> Agreement:
    """The last that counts: a request alone, which a stranger may have made, takes no confirmation's place."""
    asked: Agreement | None = None
    agreed: Agreement | None = None
    for step in steps:
        if step.action == Action.CONFIRMED:
            before = asked or Agreement()
            agreed = Agreement(
                step.source, step.ip, before.requested_at, before.request_ip, step.text_version, step.text_shown
            )
        elif step.action == Action.REQUESTED:
            asked = Agreement(step.source, "", step.at.isoformat(), step.ip, step.text_version, step.text_shown)
        elif "consented_at" in step.detail:
            agreed = _brought(step.detail)
        else:
            asked = _brought(step.detail)
    return agreed or asked or Agreement()


def _brought(detail: dict[str, Any]) -> Agreement:
    """What a file told, or staff wrote down of somebody whom they added."""
    told = {name: str(value) for name, value in detail.items()}
    return Agreement(
        source=told.get("consent_source") or told.get("proof", ""),
        ip=told.get("consent_ip", ""),
        requested_at=told.get("requested_at", ""),
        request_ip=told.get("request_ip", ""),
        text_version=told.get("consent_version", ""),
        text_shown=told.get("consent_text", ""),
    )
