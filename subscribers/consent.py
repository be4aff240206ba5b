"""Evidence of consent: append-only, one row for every step (GDPR article 7, paragraph 1)."""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, bindparam, exists, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.prepared import Prepared
from subscribers.tables import consent, subscriber


class Action(StrEnum):
    """What happened."""

    REQUESTED = "requested"
    IMPORTED = "imported"
    CONFIRMED = "confirmed"
    CHANGED = "changed"
    PAUSED = "paused"
    LEFT = "left"
    SUPPRESSED = "suppressed"
    RELEASED = "released"


class Actor(StrEnum):
    """Who did it: the person, staff, a provider's or mailbox' report, or the service by its own rule."""

    PERSON = "person"
    STAFF = "staff"
    REPORT = "report"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Evidence:
    """One step: what, when, by whom, through which form, from where, and the text that was shown."""

    at: datetime
    action: Action
    actor: Actor
    source: str
    text_version: str
    text_shown: str
    ip: str
    detail: dict[str, Any]

    @property
    def text_hash(self) -> str:
        """The SHA-256 of the text that was agreed to, in hex; empty where none was shown, or where it is not known."""
        _, text = self.agreed_to
        return hashlib.sha256(text.encode()).hexdigest() if text else ""

    @property
    def agreed_to(self) -> tuple[str, str]:
        """The version and the text that somebody agreed to: what was shown here, else what another list told."""
        if self.text_shown or self.action is not Action.IMPORTED:
            return self.text_version, self.text_shown
        return str(self.detail.get("consent_version", "")), str(self.detail.get("consent_text", ""))

    def details(self) -> list[str]:
        """`name: value` for each detail, as a person reads it; none for what is empty, but that a pause was ended."""
        told = {name: _in_words(value) for name, value in self.detail.items()}
        if "paused_until" in told:
            told["paused_until"] = told["paused_until"] or "no more"
        return [f"{name}: {words}" for name, words in told.items() if words]


def _in_words(value: object) -> str:
    match value:
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_in_words, value))
        case dict():
            return "; ".join(f"{name} {told}" for name, inner in value.items() if (told := _in_words(inner)))
        case _:
            return "" if value is None else str(value)


_ADD = insert(consent)
_ADD_ONE = Prepared(_ADD.values({column.name: bindparam(column.name) for column in consent.c if column.name != "id"}))


async def record(
    connection: AsyncConnection,
    subscriber_id: int,
    action: Action | str,
    *,
    actor: Actor | str,
    now: datetime,
    source: str = "",
    ip: str = "",
    text_version: str = "",
    text_shown: str = "",
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add a step. Raises ValueError for an action or an actor there is not."""
    step = {
        "subscriber_id": subscriber_id,
        "at": now,
        "action": Action(action),
        "actor": Actor(actor),
        "source": source,
        "text_version": text_version,
        "text_shown": text_shown,
        "ip": ip,
        "detail": dict(detail or {}),
    }
    await _ADD_ONE.change(connection, step)


async def record_suppressions(
    connection: AsyncConnection,
    found: Sequence[tuple[int, str, dict[str, Any]]],
    *,
    actor: Actor = Actor.REPORT,
    now: datetime,
) -> None:
    """Add to many subscribers the step that they were suppressed: number, source and detail of each."""
    if found:
        step = {"action": Action.SUPPRESSED, "actor": actor, "at": now}
        rows = [
            {**step, "subscriber_id": number, "source": source, "detail": detail} for number, source, detail in found
        ]
        await connection.execute(_ADD, rows)


def has_confirmed() -> ColumnElement[bool]:
    """The condition on `subscriber` that they pressed our button; who did not came with proof from another list."""
    return (
        exists()
        .where(consent.c.subscriber_id == subscriber.c.id, consent.c.action == Action.CONFIRMED)
        .correlate(subscriber)
    )


async def released_by_staff(connection: AsyncConnection, subscriber_ids: Collection[int]) -> dict[int, datetime]:
    """When staff last undid a suppression of each of these subscribers, of whom they ever did."""
    rows = await connection.execute(
        select(consent.c.subscriber_id, func.max(consent.c.at))
        .where(
            consent.c.subscriber_id.in_(sorted(subscriber_ids)),
            consent.c.action == Action.RELEASED,
            consent.c.actor == Actor.STAFF,
        )
        .group_by(consent.c.subscriber_id)
    )
    return dict(rows.all())


async def evidence(connection: AsyncConnection, subscriber_id: int) -> list[Evidence]:
    """Every step of a subscriber, oldest first."""
    rows = await connection.execute(
        select(
            consent.c.at,
            consent.c.action,
            consent.c.actor,
            consent.c.source,
            consent.c.text_version,
            consent.c.text_shown,
            consent.c.ip,
            consent.c.detail,
        )
        .where(consent.c.subscriber_id == subscriber_id)
        .order_by(consent.c.id)
    )
    return [Evidence(row.at, Action(row.action), Actor(row.actor), *row[3:]) for row in rows]
