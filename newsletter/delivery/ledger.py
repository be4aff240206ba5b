"""The ledger: the only writer of `delivery` and `shard`, and every transition a delivery can make.

    queued ──claim──▶ sending ──settle──▶ sent | refused | expired | deferred | uncertain
       ▲                 │                                     │           │
       │                 ├─ not offered after all ─▶ queued    │           └─ staff: resend ─▶ queued, or ─▶ sent
       └──── due again ──┼─────────────────────────────────────┘
                         └─ owner died: takeover ─▶ queued (resend) | uncertain (hold)
    queued | deferred ──claim, no longer mailable──▶ suppressed;  ──cancel──▶ cancelled;  ──expire──▶ expired
    queued | deferred ──claim, domain is paused──▶ deferred, until the pause is over
    queued | deferred ──claim, not their turn or hour──▶ queued, until it is
    queued | deferred ──claim, enough for today──▶ deferred, until the next day; or expired, if of no use by then
    expired | refused for a passing reason ──staff: retry──▶ queued
    queued | deferred | uncertain | expired ──reported to have arrived──▶ sent

A queued delivery with a `due_at` is not claimed before then: it is by its reader's own clock.

docs/delivery.md draws it. Work is owned by the shard. Its epoch rises at each takeover and every write of an owner
names it, so an owner that was believed dead and comes back settles nothing.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Select,
    and_,
    exists,
    func,
    insert,
    literal,
    or_,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import cap as caps
from newsletter.delivery import hearing, pauses, statements
from newsletter.delivery.cap import Cap
from newsletter.delivery.gate import Gate
from newsletter.delivery.slowing import Slowed
from newsletter.delivery.state import State as State
from newsletter.delivery.statements import WAITING as WAITING
from newsletter.delivery.turns import Portion
from newsletter.errors import NewsletterError
from newsletter.tables import campaign, delivery, shard
from subscribers.audience import About
from subscribers.columns import Instant
from subscribers.statements import insert as insert_or_skip
from subscribers.statements import tally


class Fenced(NewsletterError):
    """The shard has been taken over: its former owner may write nothing more about it."""


@dataclass(frozen=True, slots=True)
class Hold:
    """The right to work on a shard, until someone else takes it over."""

    campaign_id: int
    number: int
    epoch: int
    first_id: int
    last_id: int


# Due and Settlement are tuples: one of each is made for every mail, and a frozen dataclass takes five times as long.
class Due(NamedTuple):
    """One person to write to now, with what a mail may say of them."""

    subscriber_id: int
    attempts: int
    address: str
    first_name: str
    last_name: str
    locale: str
    timezone: str
    items: int
    confirmed: bool


@dataclass(frozen=True, slots=True)
class Window:
    """What was claimed: the people to write to, in order of their number, and whether the shard may have more.

    `counted` says whose mails count against the pace of which family.
    """

    due: tuple[Due, ...]
    last_id: int
    exhausted: bool
    counted: Mapping[int, str] = field(default_factory=dict)


class Settlement(NamedTuple):
    """What became of one claimed delivery; `due_at` only for `deferred`."""

    subscriber_id: int
    state: State
    reply: str | None = None
    due_at: datetime | None = None


async def enrol(
    connection: AsyncConnection, campaign_id: int, people: Select[*tuple[Any, ...]], *, shard_size: int, now: datetime
) -> int:
    """Write the audience into the ledger; answer how many are new.

    `people` selects subscriber ids, and after them what else of a delivery is not as usual, under the column's name:
    `due_at`, for one that waits until then. One INSERT … SELECT, so it costs no memory here; repeated, it adds nobody
    twice. People enrolled at once are cut into shards of `shard_size` in order of their number.
    """
    chosen = people.subquery()
    first, *others = chosen.c
    columns = select(literal(campaign_id), *chosen.c).where(first.is_not(None))  # SQLite's upsert wants a WHERE
    names = ["campaign_id", "subscriber_id", *(column.name for column in others)]
    statement = insert_or_skip(connection, delivery).from_select(names, columns)
    once = statement.on_conflict_do_nothing().execution_options(preserve_rowcount=True)
    added = (await connection.execute(once)).rowcount
    await _cut(connection, campaign_id, shard_size, now)
    if "due_at" in names:
        await _follow(connection, campaign_id, now)
    return added


async def _follow(connection: AsyncConnection, campaign_id: int, now: datetime) -> None:
    """Have each shard of a campaign wait for the first of its deliveries."""
    soonest = select(func.min(statements.WAITS_UNTIL)).where(
        delivery.c.campaign_id == shard.c.campaign_id,
        delivery.c.subscriber_id.between(shard.c.first_id, shard.c.last_id),
        delivery.c.state.in_(WAITING),
    )
    waits = func.coalesce(soonest.correlate(shard).scalar_subquery(), literal(now, Instant()))
    follow = update(shard).where(shard.c.campaign_id == campaign_id).values(due_at=waits)
    await connection.execute(follow, {"now": now})


async def _cut(connection: AsyncConnection, campaign_id: int, size: int, now: datetime) -> None:
    """Cover with shards every delivery of the campaign that no shard covers yet."""
    covered, count = (
        await connection.execute(
            select(func.coalesce(func.max(shard.c.last_id), 0), func.count()).where(shard.c.campaign_id == campaign_id)
        )
    ).one()
    position = func.row_number().over(order_by=delivery.c.subscriber_id) - 1
    numbered = (
        select(delivery.c.subscriber_id, position.label("position"))
        .where(delivery.c.campaign_id == campaign_id, delivery.c.subscriber_id > covered)
        .subquery()
    )
    # Only the first of each shard: to group a million rows, the database would sort them all in memory. To step from
    # one to the next by OFFSET would take SQLite a tenth of this; PostgreSQL, which has no statistics yet of a ledger
    # that has just been filled, sorts what is left of it for every shard.
    firsts = select(numbered).where(numbered.c.position % size == 0).subquery()
    next_first = func.lead(firsts.c.subscriber_id).over(order_by=firsts.c.subscriber_id)
    last = select(func.max(delivery.c.subscriber_id)).where(delivery.c.campaign_id == campaign_id).scalar_subquery()
    parts = select(
        literal(campaign_id),
        firsts.c.position // size + count,
        firsts.c.subscriber_id,
        func.coalesce(next_first - 1, last),
        literal(now, Instant()),
    )
    await connection.execute(
        insert(shard).from_select(["campaign_id", "number", "first_id", "last_id", "due_at"], parts)
    )


async def adopt_orphans(connection: AsyncConnection, now: datetime) -> int:
    """Free every shard that has an owner: for an engine that holds the lock, so that no owner can be alive."""
    freed = await connection.execute(update(shard).where(shard.c.owner != "").values(owner="", due_at=now))
    return freed.rowcount


async def look_again(connection: AsyncConnection, now: datetime) -> None:
    """Have every shard looked at now that waits: who begins to work may know of another relay, or of other limits.

    Whoever of it waits for their own hour goes on waiting for that.
    """
    waits = update(shard).where(shard.c.state == "open", shard.c.owner == "", shard.c.due_at > now)
    await connection.execute(waits.values(due_at=now))


async def has_orphans(connection: AsyncConnection) -> bool:
    """Whether any open shard has an owner."""
    return bool(await connection.scalar(select(exists().where(shard.c.state == "open", shard.c.owner != ""))))


async def take(
    connection: AsyncConnection, owner: str, now: datetime, *, on_uncertain: str, campaign_id: int | None = None
) -> Hold | None:
    """Become the owner of the shard that has waited longest, or None when nothing is due.

    Deliveries its last owner left in `sending` are in doubt: they are queued again (`resend`) or kept for a
    person (`hold`), unless they have been reported to have arrived.
    """
    if campaign_id is None:
        found = await statements.OLDEST.rows(connection, {"now": now})
    else:
        found = await statements.OLDEST_OF.rows(connection, {"now": now, "of_campaign": campaign_id})
    return await _own(connection, found, owner, now, on_uncertain)


async def take_over(
    connection: AsyncConnection, owner: str, campaign_id: int, number: int, now: datetime, *, on_uncertain: str
) -> Hold | None:
    """Become the owner of this shard, whoever held it, or None when it has no work now.

    For whoever knows that its last owner is done or believed dead; if that comes back, it is fenced.
    """
    this = {"of_campaign": campaign_id, "of_number": number, "now": now}
    return await _own(connection, await statements.THIS.rows(connection, this), owner, now, on_uncertain)


def unattended(now: datetime, most: int) -> Select[int, int]:
    """Campaign and number of shards that are due, and of those with an owner, dead or alive; at most so many."""
    columns = statements.WORKABLE.with_only_columns(shard.c.campaign_id, shard.c.number)
    return (
        columns.where(or_(shard.c.owner != "", shard.c.due_at <= now))
        .order_by(shard.c.due_at, shard.c.campaign_id, shard.c.number)
        .limit(most)
    )


async def _own(
    connection: AsyncConnection, found: Sequence[Any], owner: str, now: datetime, on_uncertain: str
) -> Hold | None:
    """Take the shard that was found and locked, if one was."""
    if not found:
        return None
    [candidate] = found
    number = {"of_campaign": candidate.campaign_id, "of_number": candidate.number}
    [taken] = await statements.OWN.rows(connection, {**number, "by": owner})
    hold = Hold(candidate.campaign_id, candidate.number, taken.epoch, taken.first_id, taken.last_id)
    resend = on_uncertain == "resend" and candidate.status != "cancelled"
    becomes = State.QUEUED if resend else State.UNCERTAIN
    await statements.LEFT_IN_DOUBT.change(connection, {**_of(hold), "becomes": becomes, "why": _DIED, "now": now})
    return hold


_DIED = "the sender died before it knew the answer"


def _of(hold: Hold) -> dict[str, int]:
    """The deliveries of a shard, as the statements name them."""
    return {"of_campaign": hold.campaign_id, "first_id": hold.first_id, "last_id": hold.last_id}


async def fence(connection: AsyncConnection, hold: Hold) -> None:
    """Lock the shard's row and make sure that it is still ours; raises Fenced.

    Whoever writes of a shard's deliveries locks it first, before them and before any bucket: in one order, so that
    nobody holds what another waits for.
    """
    mine = {"of_campaign": hold.campaign_id, "of_number": hold.number, "of_epoch": hold.epoch}
    if not await statements.FENCE.rows(connection, mine):
        raise Fenced(f"shard {hold.number} of campaign {hold.campaign_id} has another owner now")


async def claim(
    connection: AsyncConnection,
    hold: Hold,
    *,
    after_id: int,
    limit: int,
    about: About,
    now: datetime,
    cap: Cap | None = None,
    gate: Gate | None = None,
    slow: Mapping[str, Slowed] = MappingProxyType({}),
    fenced: bool = False,
) -> Window:
    """Mark the next people of the shard as `sending` and answer them; who may no longer be mailed is suppressed.

    Who has had as many mails as `cap` allows in a day waits, and so does whom `gate` does not let through yet (`slow`:
    who is sent less now). Nothing is claimed of a campaign that is no longer `sending`. Raises Fenced; `fenced` says
    that this transaction has locked the shard already, so that nobody can have taken it over since.
    """
    if not fenced:
        await fence(connection, hold)
    wanted = {"of_campaign": hold.campaign_id, "after_id": after_id, "last_id": hold.last_id, "most": limit, "now": now}
    rows = await statements.claimable(connection, about, wanted)
    if not rows:
        return Window((), after_id, exhausted=True)
    first_id, last_id = rows[0][0], rows[-1][0]
    unwanted = [row[0] for row in rows if not row[-1]]
    if unwanted:
        await connection.execute(
            update(delivery)
            .where(delivery.c.campaign_id == hold.campaign_id, delivery.c.subscriber_id.in_(unwanted))
            .values(state=State.SUPPRESSED, at=now, due_at=None, reply=None)  # no server's answer is why
        )
    people = tuple(Due._make(row[:-1]) for row in rows if row[-1])
    if paused := await pauses.current(connection, now):
        resting = {due.subscriber_id: pause for due in people if (pause := paused.get(due.address.rpartition("@")[2]))}
        await statements.put_off(connection, hold.campaign_id, resting, now)
        people = tuple(due for due in people if due.subscriber_id not in resting)
    if cap is not None and people:
        kept_back = await _keep_back(connection, hold, people, cap, now)
        people = tuple(due for due in people if due.subscriber_id not in kept_back)
    claimed = {"of_campaign": hold.campaign_id, "first_id": first_id, "last_id": last_id, "now": now}
    await statements.MARK.change(connection, claimed)
    if gate is None or not people:
        return Window(people, last_id, exhausted=len(rows) < limit)
    passage = await gate.ask(connection, Portion(hold.campaign_id, hold.number), people, slow, now)
    held_back = [(number, State.QUEUED, wait.reason, wait.until) for number, wait in passage.waits.items()]
    await statements.settle(connection, hold.campaign_id, held_back, now)
    people = tuple(due for due in people if due.subscriber_id not in passage.waits)
    return Window(people, last_id, exhausted=len(rows) < limit, counted=passage.counted)


async def _keep_back(
    connection: AsyncConnection, hold: Hold, people: Sequence[Due], cap: Cap, now: datetime
) -> set[int]:
    """Have who had enough for today wait until the next, or give up what is of no use by then; answer who they are."""
    until = await caps.kept_back(connection, hold.campaign_id, people, cap, now)
    for tomorrow, numbers in until.items():
        is_useless = tomorrow >= cap.useless_from
        stands = (
            {"state": State.EXPIRED, "due_at": None} if is_useless else {"state": State.DEFERRED, "due_at": tomorrow}
        )
        await connection.execute(
            update(delivery)
            .where(delivery.c.campaign_id == hold.campaign_id, delivery.c.subscriber_id.in_(numbers))
            .values(**stands, at=now, reply=cap.reason)
        )
    return {number for numbers in until.values() for number in numbers}


async def settle(connection: AsyncConnection, hold: Hold, settled: Sequence[Settlement], now: datetime) -> None:
    """Write what became of a window. Raises Fenced, and then nothing is written."""
    await fence(connection, hold)
    await statements.settle(connection, hold.campaign_id, settled, now)


async def let_go(connection: AsyncConnection, hold: Hold, now: datetime, *, not_before: datetime | None = None) -> None:
    """Give a shard back: done when nothing waits in it, else due when the next of its deliveries is. Raises Fenced.

    `not_before` delays it, for a relay that takes no connections. Of a cancelled campaign, nothing waits any longer.
    """
    await fence(connection, hold)
    number = {"of_campaign": hold.campaign_id, "of_number": hold.number}
    [(status,)] = await statements.STATUS.rows(connection, {"of_campaign": hold.campaign_id})
    if status == "cancelled":
        await statements.CALL_OFF.change(connection, {**_of(hold), "now": now})
    [left] = await statements.LEFT.rows(connection, {**_of(hold), "now": now})
    next_due = max(left.soonest, not_before) if left.waiting and not_before else left.soonest
    becomes = "open" if left.waiting else "done"
    await statements.RETURN.change(connection, {**number, "becomes": becomes, "next_due": next_due})


async def finish(connection: AsyncConnection, now: datetime, campaign_id: int | None = None) -> int:
    """Mark a campaign (or every one) finished that has no open shard; answer how many this call finished.

    Call it in a transaction of its own after `let_go`: of two workers that let go of the last shards at once, each
    would see the other's still open.
    """
    if campaign_id is None:
        return await statements.FINISH.change(connection, {"now": now})
    return await statements.FINISH_ONE.change(connection, {"now": now, "of_campaign": campaign_id})


async def has_unfinished(connection: AsyncConnection) -> bool:
    """Whether a campaign has no open shard and is not finished: whoever let go of the last died before it said so."""
    return bool(await connection.scalar(select(exists().where(statements.IS_OVER))))


async def cancel(connection: AsyncConnection, campaign_id: int, now: datetime) -> int:
    """Settle everything that still waits as cancelled; what is being sent at this moment is settled by its owner.

    Call it in the transaction that makes the campaign `cancelled`.
    """
    await _lock(connection, campaign_id)  # whoever settles a window now is done before, or sees that it is cancelled
    waiting = update(delivery).where(delivery.c.campaign_id == campaign_id, delivery.c.state.in_(WAITING))
    cancelled = await connection.execute(waiting.values(state=State.CANCELLED, at=now, due_at=None))
    free = update(shard).where(shard.c.campaign_id == campaign_id, shard.c.owner == "")
    await connection.execute(free.values(state="done"))
    return cancelled.rowcount


async def _lock(connection: AsyncConnection, campaign_id: int) -> None:
    """Keep the owners of a campaign's shards from writing until this transaction ends."""
    await connection.execute(update(shard).where(shard.c.campaign_id == campaign_id).values(epoch=shard.c.epoch))


async def expire(connection: AsyncConnection, hold: Hold, overdue: datetime | None, why: str, now: datetime) -> int:
    """Give up what waits in a shard: everything, or (`overdue`) what is queued for a moment before that."""
    useless: ColumnElement[bool] = delivery.c.state.in_(WAITING)
    if overdue is not None:
        useless = and_(delivery.c.state == State.QUEUED, delivery.c.due_at < overdue)
    in_shard = and_(
        delivery.c.campaign_id == hold.campaign_id, delivery.c.subscriber_id.between(hold.first_id, hold.last_id)
    )
    await fence(connection, hold)
    given_up = await connection.execute(
        update(delivery).where(in_shard, useless).values(state=State.EXPIRED, at=now, due_at=None, reply=why)
    )
    return given_up.rowcount


async def requeue(
    connection: AsyncConnection,
    campaign_id: int,
    states: Sequence[State],
    now: datetime,
    *,
    only: Sequence[int] | None = None,
) -> int:
    """Queue deliveries in these states again because staff asked for it (`only` these people), and open their shards.

    A campaign that had finished is being sent again; one that is paused stays so.
    """
    await _lock(connection, campaign_id)
    chosen = update(delivery).where(delivery.c.campaign_id == campaign_id, delivery.c.state.in_(states))
    if only is not None:
        chosen = chosen.where(delivery.c.subscriber_id.in_(only))
    queued = await connection.execute(chosen.values(state=State.QUEUED, at=now, due_at=None, attempts=0))
    if queued.rowcount:
        has_work = exists().where(
            delivery.c.campaign_id == shard.c.campaign_id,
            delivery.c.subscriber_id.between(shard.c.first_id, shard.c.last_id),
            delivery.c.state == State.QUEUED,
        )
        await connection.execute(
            update(shard).where(shard.c.campaign_id == campaign_id, has_work).values(state="open", due_at=now)
        )
        await connection.execute(
            update(campaign)
            .where(campaign.c.id == campaign_id, campaign.c.status == "finished")
            .values(status="sending", finished_at=None)
        )
    return queued.rowcount


async def believe_sent(connection: AsyncConnection, campaign_id: int, now: datetime) -> int:
    """Settle what is uncertain as sent, because staff know that it arrived; answer how many."""
    settled = await connection.execute(
        update(delivery)
        .where(delivery.c.campaign_id == campaign_id, delivery.c.state == State.UNCERTAIN)
        .values(state=State.SENT, at=now)
    )
    return settled.rowcount


async def arrived(connection: AsyncConnection, campaign_id: int, people: Sequence[int], now: datetime) -> None:
    """Settle as sent what these people are reported to have got: it is in doubt, or waits to be sent once more.

    What is being sent at this moment is settled by its owner, or by whoever takes the shard over.
    """
    unknown = (*WAITING, State.UNCERTAIN, State.EXPIRED)
    await connection.execute(
        update(delivery)
        .where(
            delivery.c.campaign_id == campaign_id, delivery.c.subscriber_id.in_(people), delivery.c.state.in_(unknown)
        )
        .values(state=State.SENT, at=now, due_at=None, reply=hearing.REPORTED)
    )


async def next_due(connection: AsyncConnection, campaign_id: int | None = None) -> datetime | None:
    """When the ledger (or one campaign) next has work, or None when every shard of what is running is done."""
    statement = (
        select(func.min(shard.c.due_at))
        .join(campaign, campaign.c.id == shard.c.campaign_id)
        .where(shard.c.state == "open", campaign.c.status == "sending")
    )
    if campaign_id is not None:
        statement = statement.where(shard.c.campaign_id == campaign_id)
    return await connection.scalar(statement)


async def last_due(connection: AsyncConnection, campaign_id: int) -> datetime | None:
    """When the last of those is due whom a campaign keeps for their hour or their turn; None where nobody waits so."""
    queued = and_(delivery.c.campaign_id == campaign_id, delivery.c.state == State.QUEUED)
    return await connection.scalar(select(func.max(delivery.c.due_at)).where(queued))


async def counts(connection: AsyncConnection, campaign_id: int) -> dict[State, int]:
    """How many deliveries of a campaign stand in each state."""
    return await tally(connection, delivery.c.state, State, delivery.c.campaign_id == campaign_id)
