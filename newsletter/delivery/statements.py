"""The statements of the ledger's inner loop, that every mail passes through: prepared once, and given rows in bulk.

SQLAlchemy takes longer to build such a statement, or to bind a window's rows to it, than a database to run it. And some
that are built leave cycles behind: those of each shard came to four megabytes until Python looked for them.
"""

import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from functools import cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    bindparam,
    case,
    exists,
    func,
    literal,
    not_,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import hearing
from newsletter.delivery.pauses import Pause
from newsletter.delivery.state import State
from newsletter.tables import campaign, delivery, shard
from subscribers import audience, consent
from subscribers.audience import About
from subscribers.columns import Instant
from subscribers.prepared import Prepared
from subscribers.tables import subscriber

_NOW = bindparam("now", type_=Instant())

WAITING = (State.QUEUED, State.DEFERRED)
"""States from which a delivery may still be sent without anyone's decision."""

WAITS_UNTIL = func.coalesce(delivery.c.due_at, _NOW)
"""When a delivery is due, where it waits; `now` if at once."""

WORKABLE = (
    select(shard.c.campaign_id, shard.c.number, campaign.c.status)
    .join(campaign, campaign.c.id == shard.c.campaign_id)
    .where(shard.c.state == "open", campaign.c.status.in_(["sending", "cancelled"]))
)
"""Open shards of campaigns that are sent; and of cancelled ones, to settle what their last owner could not."""

_OLDEST = (
    WORKABLE.where(shard.c.owner == "", shard.c.due_at <= _NOW)
    .order_by(shard.c.due_at, shard.c.campaign_id, shard.c.number)
    .limit(1)
    .with_for_update(of=shard, skip_locked=True)
)
OLDEST = Prepared(_OLDEST)
"""Lock the shard without an owner that has waited longest."""

OLDEST_OF = Prepared(_OLDEST.where(shard.c.campaign_id == bindparam("of_campaign")))
"""The same of one campaign."""

_THIS = and_(shard.c.campaign_id == bindparam("of_campaign"), shard.c.number == bindparam("of_number"))
THIS = Prepared(WORKABLE.where(_THIS, or_(shard.c.owner != "", shard.c.due_at <= _NOW)).with_for_update(of=shard))
"""Lock a shard that has an owner, or is due."""

OWN = Prepared(
    update(shard)
    .where(_THIS)
    .values(owner=bindparam("by"), epoch=shard.c.epoch + 1)
    .returning(shard.c.epoch, shard.c.first_id, shard.c.last_id)
)
"""Make a shard `by`'s."""

_OF_THE_SHARD = and_(
    delivery.c.campaign_id == bindparam("of_campaign"),
    delivery.c.subscriber_id.between(bindparam("first_id"), bindparam("last_id")),
)
_HAS_ARRIVED = delivery.c.feedback.in_(hearing.ARRIVED)
LEFT_IN_DOUBT = Prepared(
    update(delivery)
    .where(_OF_THE_SHARD, delivery.c.state == State.SENDING)
    .values(
        state=case((_HAS_ARRIVED, State.SENT.value), else_=bindparam("becomes")),
        at=_NOW,
        reply=case((_HAS_ARRIVED, hearing.REPORTED), else_=bindparam("why")),
    )
)
"""Settle what a shard's last owner left in `sending`; who is known to have it is not sent it again."""

CALL_OFF = Prepared(
    update(delivery)
    .where(_OF_THE_SHARD, delivery.c.state.in_(WAITING))
    .values(state=State.CANCELLED, at=_NOW, due_at=None)
)
"""Settle what waits in a shard as cancelled."""

STATUS = Prepared(select(campaign.c.status).where(campaign.c.id == bindparam("of_campaign")))

LEFT = Prepared(
    select(func.count().label("waiting"), func.min(WAITS_UNTIL).label("soonest")).where(
        _OF_THE_SHARD, delivery.c.state.in_([*WAITING, State.SENDING])
    )
)
"""How many of a shard still wait, and when the first of them is due."""

RETURN = Prepared(
    update(shard)
    .where(_THIS)
    .values(
        owner="",
        state=bindparam("becomes"),
        due_at=func.coalesce(bindparam("next_due", type_=Instant()), shard.c.due_at),
    )
)
"""Leave a shard without an owner."""

IS_OVER = and_(
    campaign.c.status == "sending",
    not_(exists().where(shard.c.campaign_id == campaign.c.id, shard.c.state == "open").correlate(campaign)),
)
"""Whether a campaign has no open shard."""

_FINISH = update(campaign).where(IS_OVER).values(status="finished", finished_at=_NOW)
FINISH = Prepared(_FINISH)
"""Mark every campaign finished that is over."""

FINISH_ONE = Prepared(_FINISH.where(campaign.c.id == bindparam("of_campaign")))
"""The same for one."""

FENCE = Prepared(select(shard.c.epoch).where(_THIS, shard.c.epoch == bindparam("of_epoch")).with_for_update())
"""Lock a shard's row if it has the epoch `of_epoch`; SQLite locks more than that, where a transaction that writes
begins."""

_DUE = and_(
    or_(delivery.c.state == State.QUEUED, delivery.c.state == State.DEFERRED),
    or_(delivery.c.due_at.is_(None), delivery.c.due_at <= _NOW),
)

MARK = Prepared(
    update(delivery)
    .where(_OF_THE_SHARD, _DUE)
    .values(state=State.SENDING, attempts=delivery.c.attempts + 1, at=_NOW, due_at=None)
)
"""Mark what is due from `first_id` to `last_id` as `sending`."""


async def claimable(connection: AsyncConnection, about: About, wanted: Mapping[str, Any]) -> Sequence[Sequence[Any]]:
    """What is due after `after_id` up to `last_id`, at most `most`, and in the last column if it is still wanted.

    Nothing of a campaign that is no longer `sending`.
    """
    if connection.dialect.name == "sqlite":
        [told] = await _claimable_as_one(about).rows(connection, wanted)
        found: list[list[Any]] = json.loads(told.people)
        return found
    return [*await connection.execute(_claimable(about), wanted)]


@cache
def _claimable_as_one(about: About) -> Prepared:
    """The rows as one, in JSON: for each, Python's interpreter lock would be let go and taken back.

    SQLite adds them in the order that they come out of the subquery, whose LIMIT keeps it a query of its own.
    """
    rows = _claimable(about).subquery()
    return Prepared(select(func.json_group_array(func.json_array(*rows.c)).label("people")))


@cache
def _claimable(about: About) -> Select[Any]:
    wanted: ColumnElement[bool] = func.coalesce(and_(audience.mailable(_NOW), audience.wanting(about)), False)
    items: ColumnElement[int] = literal(0)
    if about.items is not None:  # of what was in it when the audience was written down, what is still followed
        items = func.coalesce(delivery.c.digest_items.bitwise_and(audience.wanted_items(about)), 0)
        wanted = and_(wanted, items != 0)
    return (
        select(
            delivery.c.subscriber_id,
            delivery.c.attempts,
            subscriber.c.address,
            subscriber.c.first_name,
            subscriber.c.last_name,
            subscriber.c.locale,
            subscriber.c.timezone,
            items,
            case((consent.has_confirmed(), 1), else_=0),
            case((wanted, 1), else_=0),
        )
        .select_from(delivery)
        .outerjoin(subscriber, subscriber.c.id == delivery.c.subscriber_id)
        .where(
            delivery.c.campaign_id == bindparam("of_campaign"),
            delivery.c.subscriber_id > bindparam("after_id"),
            delivery.c.subscriber_id <= bindparam("last_id"),
            _DUE,
            exists().where(campaign.c.id == bindparam("of_campaign"), campaign.c.status == "sending"),
        )
        .order_by(delivery.c.subscriber_id)
        .limit(bindparam("most"))
    )


async def put_off(connection: AsyncConnection, campaign_id: int, people: Mapping[int, Pause], now: datetime) -> None:
    """Put off deliveries to domains that are left alone until that is over; it is no attempt."""
    for pause in set(people.values()):
        numbers = [number for number, its in people.items() if its is pause]
        await connection.execute(
            update(delivery)
            .where(delivery.c.campaign_id == campaign_id, delivery.c.subscriber_id.in_(numbers))
            .values(state=State.DEFERRED, at=now, due_at=pause.until, reply=f"{pause.domain} is left alone for a while")
        )


Outcomes = Sequence[tuple[int, State, str | None, datetime | None]]
"""For each person of a window: the subscriber's number, the state, the reply, and when it is due again."""

# One statement for all, since Python's interpreter lock is let go and taken back at each. The campaign's number comes
# with each row: were it the same for all, SQLite would look through the whole campaign for each of them.
_SETTLE_SQLITE = Prepared(
    text("""
UPDATE delivery SET state = told.value ->> 2, attempts = attempts - (told.value ->> 2 = 'queued'),
  reply = told.value ->> 3, due_at = told.value ->> 4, at = :now
FROM json_each(:outcomes) AS told
WHERE campaign_id = told.value ->> 0 AND subscriber_id = told.value ->> 1 AND state = 'sending'
""").bindparams(bindparam("now", type_=Instant()))
)

# Almost all of almost every window, of whom nothing but the reply differs. The campaign's number is written as if it
# came with each row, for the same reason as above.
_SENT_SQLITE = Prepared(
    text("""
UPDATE delivery SET state = 'sent', reply = told.atom, due_at = NULL, at = :now
FROM json_each(:replies) AS told
WHERE campaign_id = :campaign + 0 * told.id AND subscriber_id = told.key + 0 AND state = 'sending'
""").bindparams(bindparam("now", type_=Instant()))
)

# As JSON, since psycopg writes arrays in Python, element by element: a quarter of what a window cost us. And looked up
# row by row: a join to it would, while PostgreSQL has no statistics of a new campaign, scan the whole of it each time.
_SETTLE_POSTGRESQL = text("""
WITH told AS MATERIALIZED (SELECT CAST(:outcomes AS jsonb) AS by_number)
UPDATE delivery SET state = by_number -> subscriber_id::text ->> 0, reply = by_number -> subscriber_id::text ->> 1,
  due_at = CAST(by_number -> subscriber_id::text ->> 2 AS timestamptz), at = :now,
  attempts = attempts - CAST(by_number -> subscriber_id::text ->> 0 = 'queued' AS int)
FROM told
WHERE campaign_id = :campaign AND subscriber_id BETWEEN :first AND :last AND state = 'sending'
  AND by_number -> subscriber_id::text IS NOT NULL
""")

_SENT_POSTGRESQL = text("""
WITH told AS MATERIALIZED (SELECT CAST(:replies AS jsonb) AS by_number)
UPDATE delivery SET state = 'sent', reply = by_number ->> subscriber_id::text, due_at = NULL, at = :now
FROM told
WHERE campaign_id = :campaign AND subscriber_id BETWEEN :first AND :last AND state = 'sending'
  AND jsonb_exists(by_number, subscriber_id::text)
""")

_INSTANT = Instant()
_SQLITE = sqlite.dialect()


async def settle(connection: AsyncConnection, campaign_id: int, outcomes: Outcomes, now: datetime) -> None:
    """Write them to the deliveries of the campaign that are still `sending`; any other keeps what it has.

    What is queued again was not offered: that was no attempt.
    """
    sent = {number: reply for number, state, reply, _ in outcomes if state is State.SENT}
    if sent:
        values = {"replies": json.dumps(sent), "campaign": campaign_id, "now": now}
        if connection.dialect.name == "sqlite":
            await _SENT_SQLITE.change(connection, values)
        else:
            await connection.execute(_SENT_POSTGRESQL, {**values, "first": min(sent), "last": max(sent)})
    if others := [one for one in outcomes if one[0] not in sent]:
        await _settle_each(connection, campaign_id, others, now)


async def _settle_each(connection: AsyncConnection, campaign_id: int, outcomes: Outcomes, now: datetime) -> None:
    if connection.dialect.name == "sqlite":
        rows = [(campaign_id, number, state, reply, _text(due)) for number, state, reply, due in outcomes]
        await _SETTLE_SQLITE.change(connection, {"outcomes": json.dumps(rows), "now": now})
        return
    told = {number: (state, reply, due and due.isoformat()) for number, state, reply, due in outcomes}
    values = {"outcomes": json.dumps(told), "campaign": campaign_id, "first": min(told), "last": max(told), "now": now}
    await connection.execute(_SETTLE_POSTGRESQL, values)


def _text(moment: datetime | None) -> str | None:
    """A moment as SQLite's column has it."""
    value: str | None = _INSTANT.process_bind_param(moment, _SQLITE)
    return value
