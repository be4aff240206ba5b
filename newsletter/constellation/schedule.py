"""The plan: which mail of which event is due when, as rows that the engine works through.

planned ──mark_started──▶ started        never touched again: it was sent, or is being sent
   │ ▲
   │ └──replan, when its event moves──┐
   └──skip, expire, replan──▶ skipped ┘  too late to be of use, or staff said no
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, delete, func, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning
from newsletter.constellation.model import Constellation, Event, Mail, MailKind
from newsletter.tables import event as event_table
from newsletter.tables import plan

GRACE = timedelta(hours=6)
"""How late a mail may go out, unless a caller says otherwise: a night's outage is past, a morning's upgrade is not."""


class PlanState(StrEnum):
    """Where a planned mail stands: the values of the table's CHECK."""

    PLANNED = "planned"
    STARTED = "started"
    SKIPPED = "skipped"


@dataclass(frozen=True, slots=True)
class DueMail:
    """One mail of one event: when it is due (UTC), and where it stands. `slug` is the event's, and its topic."""

    event_id: int
    slug: str
    title: str
    kind: MailKind
    due_at: datetime
    state: PlanState
    campaign_id: int | None
    event: Event
    opens_at: datetime | None = None

    @property
    def is_local(self) -> bool:
        """Whether each reader is due it by their own clock, from `opens_at` on; `due_at` is the constellation's."""
        return self.opens_at is not None


@dataclass(frozen=True, slots=True)
class Replanned:
    """What a new plan changed: mails planned or moved (`planned`), not to be sent (`skipped`), no more wanted.

    Of those skipped, `overtaken` ask people to keep a day free who are invited already; the others are too late.
    """

    planned: tuple[DueMail, ...]
    skipped: tuple[DueMail, ...]
    withdrawn: tuple[DueMail, ...]
    overtaken: tuple[DueMail, ...] = ()


async def replan(
    connection: AsyncConnection, constellation: Constellation, now: datetime, *, grace: timedelta = GRACE
) -> Replanned:
    """Plan the mails of every event afresh, except those that have started; call it after `store.load`.

    A mail that would be later than `grace`, that looks forward to what has begun, or asks people who are invited
    already to keep the day free, is planned as skipped. One that was skipped stays so until its due moment changes.
    Events that are cancelled or removed have no mails left.
    """
    rows = {(due.event_id, due.kind): due for due in await upcoming(connection, every=True)}
    invited = {
        row.event_id for row in rows.values() if row.kind is MailKind.INVITATION and row.state is PlanState.STARTED
    }
    wanted = [
        replace(mail, state=PlanState.SKIPPED) if _comes_after(mail, invited) else mail
        for mail in await _wanted(connection, constellation, now, grace)
    ]
    changed = [mail for mail in wanted if _is_news(mail, rows.get((mail.event_id, mail.kind)))]
    for mail in changed:
        await _write(connection, mail, is_new=(mail.event_id, mail.kind) not in rows)
    keys = {(mail.event_id, mail.kind) for mail in wanted}
    withdrawn = [row for key, row in rows.items() if key not in keys and row.state is not PlanState.STARTED]
    for row in withdrawn:
        await connection.execute(delete(plan).where(_is(row.event_id, row.kind), plan.c.state != PlanState.STARTED))
    return Replanned(
        planned=tuple(mail for mail in changed if mail.state is PlanState.PLANNED),
        skipped=tuple(mail for mail in changed if mail.state is PlanState.SKIPPED),
        withdrawn=tuple(row for row in withdrawn if row.state is PlanState.PLANNED),
        overtaken=tuple(mail for mail in changed if _comes_after(mail, invited)),
    )


async def expire(connection: AsyncConnection, now: datetime, *, grace: timedelta = GRACE) -> list[DueMail]:
    """Skip every planned mail that is of no more use, and answer them, to be reported.

    The engine calls it before `due`: an overdue mail is never fired late (see planning.useless_from).
    """
    late = [mail for mail in await due(connection, now) if _is_useless(mail.event, mail.kind, mail.due_at, now, grace)]
    return [mail for mail in late if await skip(connection, mail.event_id, mail.kind)]


async def due(connection: AsyncConnection, now: datetime) -> list[DueMail]:
    """The planned mails whose moment has come, of events that still take place; the longest due first."""
    statement = _mails().where(plan.c.state == PlanState.PLANNED, _opened(now), event_table.c.status == "scheduled")
    return await _read(connection, statement)


async def upcoming(connection: AsyncConnection, *, every: bool = False) -> list[DueMail]:
    """What is still planned, in the order it falls due; with `every`, what was started or skipped too."""
    return await _read(connection, _mails() if every else _mails().where(plan.c.state == PlanState.PLANNED))


async def next_due(connection: AsyncConnection) -> datetime | None:
    """The moment the next planned mail is due, or None: until then there is nothing to look for."""
    statement = (
        select(_OPENS)
        .join(event_table, event_table.c.id == plan.c.event_id)
        .where(plan.c.state == PlanState.PLANNED, event_table.c.status == "scheduled")
        .order_by(_OPENS)
        .limit(1)
    )
    return await connection.scalar(statement)


async def put_off(connection: AsyncConnection, event_id: int, kind: str, until: datetime) -> None:
    """Look at a mail by readers' own clocks again when the first of its readers is due it."""
    await connection.execute(update(plan).where(_is(event_id, kind)).values(opens_at=until))


async def mark_started(connection: AsyncConnection, event_id: int, kind: str, campaign_id: int) -> bool:
    """Note that a campaign now carries this mail; False when it was no longer planned, and nobody may start it."""
    return await _leave_planned(connection, event_id, kind, state=PlanState.STARTED, campaign_id=campaign_id)


async def take_over(connection: AsyncConnection, event_id: int, kind: str, campaign_id: int) -> None:
    """Note that a campaign carries this mail now, whoever started it; after an invitation nobody is asked any more to
    keep the day free."""
    await mark_started(connection, event_id, kind, campaign_id)
    if kind == MailKind.INVITATION:
        await skip(connection, event_id, MailKind.SAVE_THE_DATE)


async def skip(connection: AsyncConnection, event_id: int, kind: str) -> bool:
    """Leave this mail out; False when it was no longer planned."""
    return await _leave_planned(connection, event_id, kind, state=PlanState.SKIPPED)


async def _leave_planned(connection: AsyncConnection, event_id: int, kind: str, **values: Any) -> bool:
    statement = update(plan).where(_is(event_id, kind), plan.c.state == PlanState.PLANNED).values(**values)
    return (await connection.execute(statement)).rowcount == 1


def _comes_after(mail: DueMail, invited: Collection[int]) -> bool:
    return mail.kind is MailKind.SAVE_THE_DATE and mail.event_id in invited


async def _wanted(
    connection: AsyncConnection, constellation: Constellation, now: datetime, grace: timedelta
) -> list[DueMail]:
    """Every mail the constellation asks for, planned or already too late."""
    ids = {row.slug: row.id for row in await connection.execute(select(event_table.c.id, event_table.c.slug))}
    return [
        _assess(ids[event.slug], event, mail, now, grace)
        for event in constellation.events
        if not event.cancelled
        for mail in event.mails
    ]


def _assess(event_id: int, event: Event, mail: Mail, now: datetime, grace: timedelta) -> DueMail:
    due_at = planning.due(event, mail)
    opens_at = planning.span(event, mail)[0] if mail.local else None
    state = PlanState.SKIPPED if _is_useless(event, mail.kind, due_at, now, grace) else PlanState.PLANNED
    return DueMail(event_id, event.slug, event.title, mail.kind, due_at, state, None, event, opens_at)


def _is_useless(event: Event, kind: MailKind, due_at: datetime, now: datetime, grace: timedelta) -> bool:
    return now >= planning.useless_from(event, kind, due_at, grace)


def _is_news(mail: DueMail, row: DueMail | None) -> bool:
    """Whether a wanted mail differs from its row; what has started, or was skipped for this moment, stays."""
    if row is None:
        return True
    if row.state is PlanState.STARTED:
        return False
    moved = row.due_at != mail.due_at or row.is_local != mail.is_local
    return moved or (row.state is PlanState.PLANNED and mail.state is PlanState.SKIPPED)


async def _write(connection: AsyncConnection, mail: DueMail, *, is_new: bool) -> None:
    values = {"due_at": mail.due_at, "opens_at": mail.opens_at, "state": mail.state.value}
    if is_new:
        await connection.execute(insert(plan).values(event_id=mail.event_id, kind=mail.kind.value, **values))
    else:
        await connection.execute(
            update(plan).where(_is(mail.event_id, mail.kind), plan.c.state != PlanState.STARTED).values(**values)
        )


_OPENS = func.coalesce(plan.c.opens_at, plan.c.due_at)


def _opened(now: datetime) -> ColumnElement[bool]:
    return or_(plan.c.opens_at <= now, and_(plan.c.opens_at.is_(None), plan.c.due_at <= now))


def _is(event_id: int, kind: str) -> ColumnElement[bool]:
    return and_(plan.c.event_id == event_id, plan.c.kind == kind)


def _mails() -> Select[Any]:
    return (
        select(plan, event_table.c.document)
        .join(event_table, event_table.c.id == plan.c.event_id)
        .order_by(plan.c.due_at, event_table.c.starts_at, event_table.c.slug, plan.c.kind)
    )


async def _read(connection: AsyncConnection, statement: Select[Any]) -> list[DueMail]:
    return [_due_mail(row) for row in await connection.execute(statement)]


def _due_mail(row: Any) -> DueMail:
    event = Event.from_document(row.document)
    return DueMail(
        event_id=row.event_id,
        slug=event.slug,
        title=event.title,
        kind=MailKind(row.kind),
        due_at=row.due_at,
        state=PlanState(row.state),
        campaign_id=row.campaign_id,
        event=event,
        opens_at=row.opens_at,
    )
