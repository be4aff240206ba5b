"""Joining: the double opt-in, in which nothing a stranger can do changes what a person has chosen."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Row, delete, exists, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import addresses, choices, consent, statements, suppression
from subscribers.addresses import Address
from subscribers.suppression import Reason
from subscribers.tables import bounce_score, subscriber
from subscribers.tables import consent as consent_table
from subscribers.tables import suppression as suppression_table


@dataclass(frozen=True, slots=True)
class Request:
    """What a visitor sent. Without `topics` it is the whole constellation; `source` names the form or script."""

    address: Address
    source: str
    first_name: str = ""
    last_name: str = ""
    locale: str = "en"
    timezone: str = ""
    topics: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    ip: str = ""
    text_version: str = ""
    text_shown: str = ""


@dataclass(frozen=True, slots=True)
class ConfirmationDue:
    """Send this person the mail that asks them to confirm."""

    subscriber_id: int


@dataclass(frozen=True, slots=True)
class LinkDue:
    """This person is known already: send them the links to what is theirs."""

    subscriber_id: int


@dataclass(frozen=True, slots=True)
class NothingDue:
    """Nobody is to be written to: the address asked so, staff decided so, or nobody has it."""


class Yes(StrEnum):
    """What the press on the button behind a link to confirm comes to."""

    COUNTS = "counts"
    """It brings them in, or back."""

    GIVEN = "given"
    """They are in already, and may be written to."""

    BEFORE = "before"
    """It is from before they left, or mail to them was stopped: only a request made since then counts."""

    REFUSED = "refused"
    """Their address is refused, which no request undoes; or there is nobody."""


_Request = Row[datetime, str, str, str, dict[str, Any]]

Outcome = ConfirmationDue | LinkDue | NothingDue


async def join(connection: AsyncConnection, request: Request, *, hash_key: str, now: datetime) -> Outcome:
    """Take a request to join; what is due must not show on the page, which is the same for everyone.

    Someone new becomes pending, someone pending has their choices renewed. Whoever is active, has left or is
    suppressed keeps everything as it is until they confirm: anyone can fill in a form with another's address.
    """
    hashed = suppression.address_hash(request.address.normal, hash_key)
    suppressed = await suppression.find(connection, hashed)
    if suppressed in suppression.FINAL or await is_barred(connection, request.address, hash_key):
        return NothingDue()
    if (added := await enter(connection, request, hashed, now)) is not None:
        return await _asked(connection, added, request, now)
    # The row is locked, so that a confirmation at this very moment is seen either before or after, never half.
    found = await connection.execute(
        select(subscriber.c.id, subscriber.c.status)
        .where(subscriber.c.normal == request.address.normal)
        .with_for_update()
    )
    person = found.one()
    if person.status == "active" and suppressed is None:
        return LinkDue(person.id)
    if person.status == "pending":
        await _renew(connection, person.id, request)
    return await _asked(connection, person.id, request, now)


async def is_barred(connection: AsyncConnection, address: Address, hash_key: str) -> bool:
    """Whether an address is a detail (`ana+news@`) of one that is never to be written to again, and nobody is in by it.

    Else whoever types addresses would only have to think of another detail.
    """
    mailbox = addresses.mailbox(address.normal)
    if mailbox == address.normal:
        return False
    reason = await suppression.find(connection, suppression.address_hash(mailbox, hash_key))
    if reason is not Reason.REFUSED:
        return False
    is_in = exists().where(subscriber.c.normal == address.normal, subscriber.c.status == "active")
    return not await connection.scalar(select(is_in))


async def remind(connection: AsyncConnection, address: Address) -> Outcome:
    """What to send to an address whose owner asks for their link; nothing changes.

    Whoever left gets the link too: what is kept of them is theirs to see, and to have erased.
    """
    found = await connection.execute(
        select(subscriber.c.id, subscriber.c.status, subscriber.c.hash).where(subscriber.c.normal == address.normal)
    )
    person = found.one_or_none()
    if person is None or await suppression.find(connection, person.hash) not in _MAY_BE_REMINDED:
        return NothingDue()
    return ConfirmationDue(person.id) if person.status == "pending" else LinkDue(person.id)


_MAY_BE_REMINDED = (None, Reason.SOFT_BOUNCE, Reason.UNSUBSCRIBE)


async def has_agreed_to_a_text(connection: AsyncConnection, subscriber_id: int) -> bool:
    """Whether the last request was made below a text that we know.

    Who was imported without proof has seen none yet, and a form may name a version of which nobody knows the words.
    """
    request = await _last_request(connection, subscriber_id)
    return request is not None and bool(request.text_shown)


async def requested(connection: AsyncConnection, subscriber_id: int) -> choices.Choices | None:
    """What somebody's last request was for; None where there is none since they left, or it did not say.

    Of one who left, that is not what they follow: their choices stay as they are until they confirm.
    """
    request = await _last_request(connection, subscriber_id)
    return choices.of_document(request.detail) if request is not None and "everything" in request.detail else None


async def yes(connection: AsyncConnection, subscriber_id: int) -> Yes:
    """What a press on the button would come to now; nothing changes."""
    rows = await connection.execute(
        select(subscriber.c.status, subscriber.c.hash).where(subscriber.c.id == subscriber_id)
    )
    person = rows.one_or_none()
    if person is None:
        return Yes.REFUSED
    request, stopped = await _last_request(connection, subscriber_id), await _stopped(connection, person.hash)
    if _may_confirm(person.status, request, stopped):
        return Yes.COUNTS
    if stopped is None:
        return Yes.GIVEN if person.status == "active" else Yes.BEFORE
    return Yes.REFUSED if stopped.reason in suppression.FINAL else Yes.BEFORE


async def confirm(
    connection: AsyncConnection, subscriber_id: int, *, ip: str, shown: tuple[str, str] = ("", ""), now: datetime
) -> bool:
    """Turn a subscriber active; True the first time, False on every repeat. `shown` are the version and the words of
    what they read beside the button, for whom nothing we know was shown before (see `has_agreed_to_a_text`).

    Whoever comes back gets mail at once: a pause from before they left is over.

    False too, with nothing changed, for someone unknown, someone whose address is refused, and for a link from
    before they left or complained: only a request made since then counts.
    """
    person = (
        await connection.execute(
            select(subscriber.c.status, subscriber.c.hash, subscriber.c.paused_until)
            .where(subscriber.c.id == subscriber_id)
            .with_for_update()
        )
    ).one_or_none()
    if person is None:
        return False
    request = await _last_request(connection, subscriber_id)
    stopped = await _stopped(connection, person.hash)
    if not _may_confirm(person.status, request, stopped):
        return False
    await suppression.lift(connection, person.hash)
    await connection.execute(delete(bounce_score).where(bounce_score.c.subscriber_id == subscriber_id))
    until = None if person.status == "left" else person.paused_until
    await connection.execute(
        update(subscriber)
        .where(subscriber.c.id == subscriber_id)
        .values(status="active", confirmed_at=now, left_at=None, paused_until=until)
    )
    if request is not None and (request.text_shown or not any(shown)):
        shown = request.text_version, request.text_shown
    detail: dict[str, Any] = {}
    if person.status == "left" and request is not None and "everything" in request.detail:
        before, after = await choices.read(connection, subscriber_id), choices.of_document(request.detail)
        await choices.replace(connection, subscriber_id, after)
        detail = {} if before == after else {"before": before.document(), "after": after.document()}
    if until != person.paused_until:
        detail["paused_until"] = None
    await consent.record(
        connection,
        subscriber_id,
        consent.Action.CONFIRMED,
        actor=consent.Actor.PERSON,
        now=now,
        source="" if request is None else request.source,
        ip=ip,
        text_version=shown[0],
        text_shown=shown[1],
        detail=detail,
    )
    return True


async def enter(connection: AsyncConnection, request: Request, hashed: str, now: datetime) -> int | None:
    """Write down somebody new as pending: their number, or None where the address is known. It records no evidence."""
    added = await connection.scalar(
        statements.insert(connection, subscriber)
        .values(
            address=request.address.given,
            normal=request.address.normal,
            hash=hashed,
            first_name=request.first_name,
            last_name=request.last_name,
            locale=request.locale,
            timezone=request.timezone,
            fields=dict(request.fields),
            status="pending",
            joined_at=now,
        )
        .on_conflict_do_nothing()
        .returning(subscriber.c.id)
    )
    if added is not None:
        await choices.replace(connection, added, choices.of_topics(request.topics))
    return added


async def _renew(connection: AsyncConnection, subscriber_id: int, request: Request) -> None:
    """What a pending person asked for last is what they want; a field left empty says nothing new."""
    given = {
        "first_name": request.first_name,
        "last_name": request.last_name,
        "timezone": request.timezone,
        "fields": request.fields and {**await _fields(connection, subscriber_id), **request.fields},
    }
    values = {"locale": request.locale} | {name: value for name, value in given.items() if value}
    await connection.execute(update(subscriber).where(subscriber.c.id == subscriber_id).values(values))
    await choices.replace(connection, subscriber_id, choices.of_topics(request.topics))


async def _fields(connection: AsyncConnection, subscriber_id: int) -> dict[str, Any]:
    """What is known already, of an import for one: a form that asks for one field must not cost the others."""
    return await connection.scalar(select(subscriber.c.fields).where(subscriber.c.id == subscriber_id)) or {}


async def _asked(connection: AsyncConnection, subscriber_id: int, request: Request, now: datetime) -> ConfirmationDue:
    await consent.record(
        connection,
        subscriber_id,
        consent.Action.REQUESTED,
        actor=consent.Actor.PERSON,
        now=now,
        source=request.source,
        ip=request.ip,
        text_version=request.text_version,
        text_shown=request.text_shown,
        detail=choices.of_topics(request.topics).document(),
    )
    return ConfirmationDue(subscriber_id)


async def _last_request(connection: AsyncConnection, subscriber_id: int) -> _Request | None:
    """The last request, unless the person left after it."""
    left = (
        select(func.max(consent_table.c.id))
        .where(consent_table.c.subscriber_id == subscriber_id, consent_table.c.action == consent.Action.LEFT)
        .scalar_subquery()
    )
    rows = await connection.execute(
        select(
            consent_table.c.at,
            consent_table.c.source,
            consent_table.c.text_version,
            consent_table.c.text_shown,
            consent_table.c.detail,
        )
        .where(
            consent_table.c.subscriber_id == subscriber_id,
            consent_table.c.action.in_([consent.Action.REQUESTED, consent.Action.IMPORTED]),
            consent_table.c.id > func.coalesce(left, 0),
        )
        .order_by(consent_table.c.id.desc())
        .limit(1)
    )
    return rows.one_or_none()


async def _stopped(connection: AsyncConnection, hashed: str) -> Row[str, datetime] | None:
    rows = await connection.execute(
        select(suppression_table.c.reason, suppression_table.c.at).where(suppression_table.c.hash == hashed)
    )
    return rows.one_or_none()


def _may_confirm(status: str, request: _Request | None, stopped: Row[str, datetime] | None) -> bool:
    if status == "active" and stopped is None:
        return False  # a repeat
    if status != "pending" and request is None:
        return False  # a link from before they left
    if stopped is None:
        return True
    if stopped.reason in suppression.FINAL:
        return False
    if stopped.reason in (Reason.SOFT_BOUNCE, Reason.HARD_BOUNCE) and status == "pending":
        return True  # the mail did arrive: they hold its link
    return request is not None and request.at >= stopped.at
