"""Mails to one person because of what that person just did: the only writer of `transactional`.

They are not part of a campaign, cannot be unsubscribed from, and go before everything else. Those that nobody asked
for go after the others: whether an imported person wants our mails, for a file may hold a million of them, and whether
our mails arrive.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from sqlalchemy import ColumnElement, and_, bindparam, case, exists, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import asked
from newsletter.delivery.ledger import State
from newsletter.tables import WAITING, transactional
from subscribers import addresses, audience, consent, moving, signup
from subscribers.moving import Mailbox
from subscribers.suppression import FINAL, Reason
from subscribers.tables import subscriber, suppression

_DAY = timedelta(days=1)


class Kind(StrEnum):
    """What such a mail is for; the table's CHECK has the same names."""

    CONFIRM = "confirm"
    REMIND = "remind"
    ASK = "ask"
    WELCOME = "welcome"
    LINK = "link"
    GOODBYE = "goodbye"
    MOVE = "move"
    MOVED = "moved"
    PLACE = "place"
    PROBE = "probe"


_UNASKED = (Kind.ASK, Kind.PROBE)
_ASKED_FOR = tuple(kind for kind in Kind if kind not in _UNASKED)

_MOST_ROUNDS = 20
"""How often more is looked for in a row where nothing of what was due is to be sent any more."""


@dataclass(frozen=True, slots=True)
class Waiting:
    """A transactional mail to send now, and whom it is for; `hash` is of the address that it goes to.

    Whether they have left, follow what they chose and not everything, and would be reminded without a yes of theirs.
    """

    id: int
    kind: Kind
    created_at: datetime
    attempts: int
    subscriber_id: int
    address: str
    hash: str
    first_name: str
    last_name: str
    locale: str
    timezone: str
    confirmed: bool
    topic: str | None
    is_gone: bool
    is_choosy: bool
    to_be_reminded: bool


@dataclass(frozen=True, slots=True)
class Settlement:
    """What became of one attempt at one of them."""

    id: int
    attempts: int
    state: State
    reply: str | None = None
    due_at: datetime | None = None


async def enqueue(
    connection: AsyncConnection,
    subscriber_id: int,
    kind: Kind,
    *,
    now: datetime,
    most_a_day: int,
    to: Mailbox | None = None,
    topic: str | None = None,
    asks: str | None = None,
) -> bool:
    """Have a mail sent to a subscriber, `to` another mailbox than theirs where one is named, about an event (`topic`).

    False when that person was sent `most_a_day` of this kind in 24 hours, or when the mail `asks` a mailbox whether it
    wants ours, and that has been asked so often by then, whoever had it asked (see newsletter.delivery.asked).
    """
    recent = (
        select(func.count())
        .select_from(transactional)
        .where(
            transactional.c.subscriber_id == subscriber_id,
            transactional.c.kind == kind,
            transactional.c.created_at > now - _DAY,
        )
    )
    if (await connection.scalar(recent) or 0) >= most_a_day:
        return False
    if asks is not None:
        # The last place is kept for the mail that they could join by: nobody else's wish bars that.
        places = max(1, most_a_day - 1) if kind is Kind.MOVE else most_a_day
        if not await asked.take(connection, asks, now=now, most_a_day=places):
            return False
    await connection.execute(
        insert(transactional).values(
            subscriber_id=subscriber_id,
            kind=kind,
            created_at=now,
            due_at=now,
            to_address=to and to.address,
            to_hash=to and to.hash,
            topic=topic,
        )
    )
    return True


async def answer(
    connection: AsyncConnection,
    due: signup.Outcome | moving.MoveDue,
    *,
    now: datetime,
    most_a_day: int,
    hash_key: str,
) -> None:
    """Have the mail sent that somebody's asking made due; nobody but that mailbox learns which, or whether any is."""
    match due:
        case signup.ConfirmationDue(subscriber_id):
            normal = await connection.scalar(select(subscriber.c.normal).where(subscriber.c.id == subscriber_id)) or ""
            asks = asked.mailbox(normal, hash_key)
            await enqueue(connection, subscriber_id, Kind.CONFIRM, now=now, most_a_day=most_a_day, asks=asks)
        case signup.LinkDue(subscriber_id):
            await enqueue(connection, subscriber_id, Kind.LINK, now=now, most_a_day=most_a_day)
        case moving.MoveDue(subscriber_id, to):
            asks = asked.mailbox(addresses.parse(to.address).normal, hash_key)
            await enqueue(connection, subscriber_id, Kind.MOVE, now=now, most_a_day=most_a_day, to=to, asks=asks)
        case signup.NothingDue():
            pass


async def never_asked(connection: AsyncConnection, subscriber_ids: Sequence[int]) -> list[int]:
    """Those who were never sent a mail that asks whether they want ours, by their own joining or by an import."""
    asked = await connection.scalars(
        select(transactional.c.subscriber_id)
        .where(transactional.c.subscriber_id.in_(subscriber_ids), transactional.c.kind.in_([Kind.CONFIRM, Kind.ASK]))
        .where(transactional.c.state != State.SUPPRESSED)
        .distinct()
    )
    known = set(asked)
    return [number for number in subscriber_ids if number not in known]


async def ask(connection: AsyncConnection, subscriber_ids: Sequence[int], *, now: datetime) -> None:
    """Have imported people asked whether they want our mails; `never_asked` says whom one may ask."""
    await _queue(connection, subscriber_ids, Kind.ASK, now)


async def remind(
    connection: AsyncConnection, subscriber_ids: Sequence[int], *, now: datetime, most_a_day: int, hash_key: str
) -> int:
    """Have people reminded that we wait for their yes, except those whose mailbox was asked often enough today; how
    many."""
    people = await connection.execute(
        select(subscriber.c.id, subscriber.c.normal)
        .where(subscriber.c.id.in_(subscriber_ids))
        .order_by(subscriber.c.id)
    )
    mailboxes = {one.id: asked.mailbox(one.normal, hash_key) for one in people}
    free = [
        number
        for number, mailbox in mailboxes.items()
        if await asked.take(connection, mailbox, now=now, most_a_day=most_a_day)
    ]
    await _queue(connection, free, Kind.REMIND, now)
    return len(free)


async def probe(connection: AsyncConnection, subscriber_ids: Sequence[int], *, now: datetime) -> None:
    """Have people asked whether our mails arrive; `newsletter.feedback.probing` says whom."""
    await _queue(connection, subscriber_ids, Kind.PROBE, now)


async def _queue(connection: AsyncConnection, subscriber_ids: Sequence[int], kind: Kind, now: datetime) -> None:
    rows = [{"subscriber_id": number, "kind": kind, "created_at": now, "due_at": now} for number in subscriber_ids]
    if rows:
        await connection.execute(insert(transactional), rows)


async def adopt_orphans(connection: AsyncConnection, now: datetime) -> int:
    """Queue again what a dead engine left in `sending`: a link too many harms less than one that never comes."""
    freed = await connection.execute(
        update(transactional).where(transactional.c.state == State.SENDING).values(state=State.QUEUED, due_at=now)
    )
    return freed.rowcount


async def has_orphans(connection: AsyncConnection) -> bool:
    """Whether anything is in flight."""
    return bool(await connection.scalar(select(exists().where(transactional.c.state == State.SENDING))))


async def claim(connection: AsyncConnection, *, limit: int, now: datetime) -> list[Waiting]:
    """Mark what is due as `sending` and answer it, oldest first; those who asked for theirs before all others.

    Whatever nobody should get any more, since they were suppressed or have left while it waited, is not sent.
    """
    claimed: list[int] = []
    for _ in range(_MOST_ROUNDS):
        due = await _due(connection, transactional.c.kind.in_(_ASKED_FOR), limit, now)
        if len(due) < limit:
            due += await _due(connection, transactional.c.kind.in_(_UNASKED), limit - len(due), now)
        withdrawn = await _withdraw(connection, due, now)
        claimed = [number for number in due if number not in withdrawn]
        if claimed or not due:
            break
    if not claimed:
        return []
    await connection.execute(
        update(transactional)
        .where(transactional.c.id.in_(claimed))
        .values(state=State.SENDING, attempts=transactional.c.attempts + 1, at=now)
    )
    earlier = transactional.alias()
    reminded = exists().where(earlier.c.subscriber_id == subscriber.c.id, earlier.c.kind == Kind.REMIND)
    rows = await connection.execute(
        select(
            transactional.c.id,
            transactional.c.kind,
            transactional.c.created_at,
            transactional.c.attempts,
            transactional.c.subscriber_id,
            func.coalesce(transactional.c.to_address, subscriber.c.address).label("address"),
            func.coalesce(transactional.c.to_hash, subscriber.c.hash).label("hash"),
            subscriber.c.first_name,
            subscriber.c.last_name,
            subscriber.c.locale,
            subscriber.c.timezone,
            consent.has_confirmed().label("confirmed"),
            transactional.c.topic,
            (subscriber.c.status == "left").label("is_gone"),
            (~audience.follows_everything()).label("is_choosy"),
            and_(subscriber.c.status == "pending", ~reminded).label("to_be_reminded"),
        )
        .join(subscriber, subscriber.c.id == transactional.c.subscriber_id)
        .where(transactional.c.id.in_(claimed))
        .order_by(transactional.c.id)
    )
    return [
        Waiting(
            id=row.id,
            kind=Kind(row.kind),
            created_at=row.created_at,
            attempts=row.attempts,
            subscriber_id=row.subscriber_id,
            address=row.address,
            hash=row.hash,
            # Whose mailbox a new address is, nobody knows yet: it is not told their name.
            first_name="" if row.kind == Kind.MOVE else row.first_name,
            last_name="" if row.kind == Kind.MOVE else row.last_name,
            locale=row.locale,
            timezone=row.timezone,
            confirmed=row.confirmed,
            topic=row.topic,
            is_gone=row.is_gone,
            is_choosy=row.is_choosy,
            to_be_reminded=row.to_be_reminded,
        )
        for row in rows
    ]


async def _withdraw(connection: AsyncConnection, ids: Sequence[int], now: datetime) -> set[int]:
    """Give up those of these mails that are not to be sent any more."""
    stays = exists().where(subscriber.c.id == transactional.c.subscriber_id, _is_still_wanted())
    withdrawn = await connection.scalars(
        update(transactional)
        .where(transactional.c.id.in_(ids), ~stays.correlate(transactional))
        .values(state=State.SUPPRESSED, at=now)
        .returning(transactional.c.id)
    )
    return set(withdrawn)


def _is_still_wanted() -> ColumnElement[bool]:
    """The condition on `transactional` and its `subscriber` that such a mail may go out: hours may lie between what
    made it due and its turn, or days where a relay defers it.

    Somebody may ask for a confirmation whose mail had bounced, or who had left or complained before: what stops that
    one is only what came after.
    """
    mailbox = func.coalesce(transactional.c.to_hash, subscriber.c.hash)
    held = suppression.c.hash == mailbox
    since = and_(
        suppression.c.reason.in_([Reason.HARD_BOUNCE, Reason.COMPLAINT]), suppression.c.at > transactional.c.created_at
    )
    is_stopped = exists().where(held, or_(suppression.c.reason.in_(FINAL), since)).correlate(transactional, subscriber)
    is_pending, is_held = subscriber.c.status == "pending", exists().where(held).correlate(transactional, subscriber)
    return case(
        (transactional.c.kind == Kind.ASK, and_(is_pending, ~is_held)),
        (transactional.c.kind == Kind.REMIND, and_(is_pending, ~is_stopped)),
        (transactional.c.kind.in_([Kind.WELCOME, Kind.PLACE, Kind.PROBE]), audience.reachable()),
        else_=~is_stopped,
    )


async def _due(connection: AsyncConnection, of: ColumnElement[bool], limit: int, now: datetime) -> list[int]:
    ids = (
        select(transactional.c.id)
        .where(of, WAITING, transactional.c.state != State.SENDING, transactional.c.due_at <= now)
        .order_by(transactional.c.due_at, transactional.c.id)
        .limit(limit)
        .with_for_update(skip_locked=True)
    )
    return list(await connection.scalars(ids))


async def settle(connection: AsyncConnection, settled: Sequence[Settlement], now: datetime) -> None:
    """Write what became of claimed mails, unless somebody who believed us dead has claimed them since."""
    if not settled:
        return
    statement = (
        update(transactional)
        .where(
            transactional.c.id == bindparam("its_id"),
            transactional.c.state == State.SENDING,
            transactional.c.attempts == bindparam("its_attempts"),
        )
        .values(
            state=bindparam("to_state"), reply=bindparam("its_reply"), due_at=bindparam("next_at"), at=bindparam("now")
        )
    )
    await connection.execute(
        statement,
        [
            {
                "its_id": s.id,
                "its_attempts": s.attempts,
                "to_state": s.state,
                "its_reply": s.reply,
                "next_at": s.due_at or now,
                "now": now,
            }
            for s in settled
        ],
    )


async def next_due(connection: AsyncConnection) -> datetime | None:
    """When the next one is due, or None when none waits."""
    return await connection.scalar(
        select(func.min(transactional.c.due_at)).where(WAITING, transactional.c.state != State.SENDING)
    )


async def counts(connection: AsyncConnection) -> dict[State, int]:
    """How many of those that are not settled stand in each state."""
    unsettled = transactional.c.state.in_([State.QUEUED, State.SENDING, State.DEFERRED])
    rows = await connection.execute(
        select(transactional.c.state, func.count()).where(unsettled).group_by(transactional.c.state)
    )
    return {State(state): count for state, count in rows}
