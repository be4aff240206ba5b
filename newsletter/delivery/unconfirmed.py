"""People who asked to join and have not confirmed: reminded once, and forgotten after a while with all of theirs."""

from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, delete, exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import unanswered
from newsletter.delivery.ledger import State
from newsletter.delivery.transactional import Kind
from newsletter.tables import transactional
from subscribers.consent import Action
from subscribers.tables import consent, subscriber, suppression

_SOME = 500

_PENDING = subscriber.c.status == "pending"
_TO_THEM = transactional.c.subscriber_id == subscriber.c.id


async def to_remind(
    connection: AsyncConnection, *, after: timedelta, within: timedelta, now: datetime, beyond: int = 0
) -> list[int]:
    """The next `beyond` a number of those who asked by themselves, were sent the mail to confirm so long ago, and no
    other since.

    Nobody twice, nobody who wants no mail, and nobody whose link does not work any more (`within`): that long ago they
    may have forgotten us.
    """
    by_themselves = exists().where(consent.c.subscriber_id == subscriber.c.id, consent.c.action == Action.REQUESTED)
    was_sent = _mailed(
        transactional.c.kind == Kind.CONFIRM,
        transactional.c.state == State.SENT,
        transactional.c.created_at.between(now - within, now - after),
    )
    lately = _mailed(transactional.c.kind == Kind.CONFIRM, transactional.c.created_at > now - after)
    reminded = _mailed(transactional.c.kind == Kind.REMIND)
    stopped = exists().where(suppression.c.hash == subscriber.c.hash)
    people = select(subscriber.c.id).where(
        _PENDING, subscriber.c.id > beyond, was_sent, by_themselves, ~lately, ~reminded, ~stopped
    )
    return list(await connection.scalars(people.order_by(subscriber.c.id).limit(_SOME)))


async def to_forget(connection: AsyncConnection, *, after: timedelta, within: timedelta, now: datetime) -> list[int]:
    """Some of those who have asked for nothing, and were asked nothing, for so long.

    Our reminder is no sign of theirs, and puts nothing off but for as long as its link works (`within`).
    """
    before = now - after
    lately = exists().where(consent.c.subscriber_id == subscriber.c.id, consent.c.at > before)
    asked = _mailed(transactional.c.kind != Kind.REMIND, transactional.c.created_at > before)
    reminded = _mailed(transactional.c.kind == Kind.REMIND, transactional.c.created_at > now - within)
    people = select(subscriber.c.id).where(_PENDING, subscriber.c.joined_at <= before, ~lately, ~asked, ~reminded)
    return list(await connection.scalars(people.order_by(subscriber.c.id).limit(_SOME)))


async def forget(connection: AsyncConnection, subscriber_ids: list[int]) -> int:
    """Delete people who are still pending, with their choices, evidence and mails; how many there were.

    Nothing is left of them, for they never agreed to anything: joining again, they are new. What is known of an address
    by its hash (it bounced, it refused, an import had it asked) stays.
    """
    await unanswered.keep(connection, subscriber_ids)
    deleted = await connection.execute(delete(subscriber).where(_PENDING, subscriber.c.id.in_(subscriber_ids)))
    return deleted.rowcount


def _mailed(*conditions: ColumnElement[bool]) -> ColumnElement[bool]:
    return exists().where(_TO_THEM, *conditions)
