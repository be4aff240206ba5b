"""Looking people up and deciding about them, as staff do, one by one or all in turn."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, delete, exists, func, select, true
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import audience, choices, consent, statements, suppression
from subscribers.addresses import Address
from subscribers.audience import About, Rhythm
from subscribers.choices import Choices
from subscribers.errors import SubscribersError
from subscribers.suppression import Finding, Reason
from subscribers.tables import bounce_score, choice, subscriber
from subscribers.tables import suppression as suppression_table

_PAGE = 1000


class NoSuchSubscriber(SubscribersError):
    """Nobody has that address."""


class NotReleased(SubscribersError):
    """An address is not suppressed, or not by anything that staff may undo."""


@dataclass(frozen=True, slots=True)
class Entry:
    """All there is of a subscriber but the evidence; `suppressed` says why nothing is sent, if nothing is."""

    id: int
    address: str
    first_name: str
    last_name: str
    locale: str
    timezone: str
    fields: dict[str, Any]
    status: str
    joined_at: datetime
    confirmed_at: datetime | None
    left_at: datetime | None
    paused_until: datetime | None
    rhythm: Rhythm
    suppressed: Reason | None
    suppressed_at: datetime | None
    choices: Choices


async def find(connection: AsyncConnection, address: Address) -> Entry:
    """The subscriber with an address. Raises NoSuchSubscriber."""
    row = (await connection.execute(_entries().where(subscriber.c.normal == address.normal))).one_or_none()
    if row is None:
        raise NoSuchSubscriber(f"nobody here has the address {address.given}")
    return _entry(row, await choices.read(connection, row.id))


async def entry(connection: AsyncConnection, subscriber_id: int) -> Entry | None:
    """The subscriber of that number, or None where there is none (any more)."""
    row = (await connection.execute(_entries().where(subscriber.c.id == subscriber_id))).one_or_none()
    return None if row is None else _entry(row, await choices.read(connection, subscriber_id))


async def everyone(connection: AsyncConnection, *, only: ColumnElement[bool] | None = None) -> AsyncIterator[Entry]:
    """All subscribers by id, or those of an audience (see subscribers.audience), in constant memory."""
    last = 0
    page = _entries().order_by(subscriber.c.id).limit(_PAGE)
    if only is not None:
        page = page.where(only)
    while rows := (await connection.execute(page.where(subscriber.c.id > last))).all():
        found = await connection.execute(
            select(choice.c.subscriber_id, choice.c.topic, choice.c.stance).where(
                choice.c.subscriber_id.in_([row.id for row in rows])  # an audience may be one in a thousand
            )
        )
        stances: dict[int, dict[str, str]] = {}
        for one in found:
            stances.setdefault(one.subscriber_id, {})[one.topic] = one.stance
        for row in rows:
            yield _entry(row, choices.of_stances(stances.get(row.id, {})))
        last = rows[-1].id


async def sample(
    connection: AsyncConnection, about: About, now: datetime, *, only: ColumnElement[bool], number: int
) -> list[Entry]:
    """That many people picked at random, of those who would get such a mail."""
    picked = (
        select(subscriber.c.id)
        .where(audience.mailable(now), audience.wanting(about), only)
        .order_by(func.random())
        .limit(number)
    )
    chosen = list(await connection.scalars(picked))
    return [entry async for entry in everyone(connection, only=subscriber.c.id.in_(chosen))]


async def own_fields(connection: AsyncConnection) -> frozenset[str]:
    """The names of all that anybody's `fields` hold."""
    keys = statements.json_keys(connection, subscriber.c.fields)
    return frozenset(await connection.scalars(select(keys.c.key).distinct().select_from(subscriber).join(keys, true())))


async def has_anybody(connection: AsyncConnection, field: str, text: str) -> bool:
    """Whether that is the text of this field with anybody at all."""
    held = statements.json_text(connection, subscriber.c.fields, field) == text
    return bool(await connection.scalar(select(exists().where(held))))


async def locales(connection: AsyncConnection) -> frozenset[str]:
    """The languages in which anybody at all is written to, with their regions."""
    return frozenset(await connection.scalars(select(subscriber.c.locale).distinct()))


async def suppress(connection: AsyncConnection, address: Address, *, hash_key: str, note: str, now: datetime) -> bool:
    """Never write to an address, by decision of staff; False if it was suppressed before.

    It need not be a subscriber's: it will not become one. Evidence is recorded for one who is.
    """
    hashed = suppression.address_hash(address.normal, hash_key)
    is_new = await suppression.suppress(connection, hashed, Reason.STAFF, at=now, source="staff", detail=note)
    await _record(connection, address, consent.Action.SUPPRESSED, now, {"reason": Reason.STAFF, "note": note})
    return is_new


async def release(connection: AsyncConnection, address: Address, *, hash_key: str, note: str, now: datetime) -> Finding:
    """Undo a suppression by staff or for bounces; what it was. Raises NotReleased.

    Whoever has left stays away, and what they said before staff decided (`own_word`) counts again: only they come back.
    Bounces until then count no more.
    """
    hashed = suppression.address_hash(address.normal, hash_key)
    held = await suppression.finding_of_hash(connection, hashed)
    if held is None:
        raise NotReleased(f"{address.given} is not suppressed")
    reason = held.reason
    if not await suppression.release(connection, hashed):
        raise NotReleased(
            f"{address.given} is suppressed for “{reason}”, which only the person can undo, by joining again"
            if reason not in suppression.FINAL
            else f"{address.given} asked never to be written to again, which nobody here can undo"
        )
    theirs = select(subscriber.c.id).where(subscriber.c.normal == address.normal)
    await connection.execute(delete(bounce_score).where(bounce_score.c.subscriber_id.in_(theirs)))
    detail = {"reason": reason, "note": note} | ({"still": held.own_word} if held.own_word else {})
    await _record(connection, address, consent.Action.RELEASED, now, detail)
    return held


async def _record(
    connection: AsyncConnection, address: Address, action: consent.Action, now: datetime, detail: dict[str, str]
) -> None:
    found = select(subscriber.c.id).where(subscriber.c.normal == address.normal)
    if (person := await connection.scalar(found)) is not None:
        await consent.record(
            connection, person, action, actor=consent.Actor.STAFF, now=now, source="command line", detail=detail
        )


def _entries() -> Select[*tuple[Any, ...]]:
    suppressed = suppression_table.c
    return select(
        subscriber.c.id,
        subscriber.c.address,
        subscriber.c.first_name,
        subscriber.c.last_name,
        subscriber.c.locale,
        subscriber.c.timezone,
        subscriber.c.fields,
        subscriber.c.status,
        subscriber.c.joined_at,
        subscriber.c.confirmed_at,
        subscriber.c.left_at,
        subscriber.c.paused_until,
        subscriber.c.rhythm,
        suppressed.reason.label("suppressed"),
        suppressed.at.label("suppressed_at"),
    ).outerjoin_from(subscriber, suppression_table, suppressed.hash == subscriber.c.hash)


def _entry(row: Any, chosen: Choices) -> Entry:
    values = row._asdict()
    values["rhythm"] = Rhythm(row.rhythm)
    values["suppressed"] = None if row.suppressed is None else Reason(row.suppressed)
    return Entry(**values, choices=chosen)
