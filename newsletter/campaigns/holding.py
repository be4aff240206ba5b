"""Campaigns that were due and did not start, since the check before found errors: the only writer of `held`.

A campaign is held from the first look that finds an error. It is looked at again and again; the row goes when the
campaign starts, is cancelled or planned afresh, or is of no more use. Staff are told once.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, Select, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import clock
from newsletter.delivery import staff
from newsletter.delivery.staff import Note
from newsletter.tables import campaign, held

AGAIN = timedelta(minutes=1)
"""How long after one look comes the next."""


@dataclass(frozen=True, slots=True)
class Fault:
    """An error that was found: the rule, and what it says."""

    rule: str
    text: str


@dataclass(frozen=True, slots=True)
class Held:
    """A campaign that waits for staff: `until` when it may still start by itself."""

    campaign_id: int
    slug: str
    due_at: datetime
    until: datetime
    held_at: datetime
    looked_at: datetime
    faults: tuple[Fault, ...]

    @property
    def rules(self) -> tuple[str, ...]:
        """The rules that are broken, each once."""
        return tuple(dict.fromkeys(fault.rule for fault in self.faults))

    @property
    def said(self) -> str:
        """`held: alt-text`, and how many rules besides."""
        more = f" +{len(self.rules) - 1}" if len(self.rules) > 1 else ""
        return f"held: {self.rules[0]}{more}"


async def hold(
    connection: AsyncConnection,
    campaign_id: int,
    faults: Iterable[Fault],
    *,
    due_at: datetime,
    until: datetime,
    now: datetime,
) -> bool:
    """Note what a look found; whether it is news that this campaign is held."""
    values: dict[str, Any] = {
        "due_at": due_at,
        "until": until,
        "looked_at": now,
        "document": {"faults": [{"rule": fault.rule, "text": fault.text} for fault in faults]},
    }
    again = update(held).where(held.c.campaign_id == campaign_id).values(**values)
    if (await connection.execute(again)).rowcount:
        return False
    await connection.execute(insert(held).values(campaign_id=campaign_id, held_at=now, tell_at=now, **values))
    return True


async def release(connection: AsyncConnection, *slugs: str) -> list[Held]:
    """Hold these campaigns no more; those that were."""
    found = await _found(connection, campaign.c.slug.in_(slugs))
    if found:
        await connection.execute(delete(held).where(held.c.campaign_id.in_([one.campaign_id for one in found])))
    return found


async def listed(connection: AsyncConnection) -> dict[str, Held]:
    """All that are held, by their slugs."""
    return {row.slug: _read(row) for row in await connection.execute(_select().order_by(held.c.due_at))}


def resting(among: dict[str, Held], now: datetime) -> frozenset[str]:
    """Those that were looked at a moment ago."""
    return frozenset(slug for slug, one in among.items() if one.looked_at <= now < one.looked_at + AGAIN)


_TEXT = """\
{slug} was due at {due}, and was not sent: what goes out by itself is checked first, and there is something wrong.

{faults}

Put it right, and it goes by itself within a minute or two, until {until}; after that it is skipped. “newsletter \
campaign check {slug}” says what is wrong still, “newsletter campaign preview {slug}” shows the mail.

May it go out as it is? “newsletter campaign send {slug} --force REASON” sends it, and the reason is written down.

You are not written to again about this one."""


def _note(one: Held, zone: str) -> Note:
    text = _TEXT.format(
        slug=one.slug,
        due=clock.shown(one.due_at, zone),
        until=clock.shown(one.until, zone),
        faults="\n\n".join(f"{fault.rule}: {fault.text}" for fault in one.faults),
    )
    return Note(one.campaign_id, f"Not sent: {one.slug} ({', '.join(one.rules)})", text)


def _select() -> Select[Any]:
    return select(held, campaign.c.slug).join(campaign, campaign.c.id == held.c.campaign_id)


def _read(row: Row[Any]) -> Held:
    return Held(
        campaign_id=row.campaign_id,
        slug=row.slug,
        due_at=row.due_at,
        until=row.until,
        held_at=row.held_at,
        looked_at=row.looked_at,
        faults=tuple(Fault(fault["rule"], fault["text"]) for fault in row.document["faults"]),
    )


async def _found(connection: AsyncConnection, condition: ColumnElement[bool]) -> list[Held]:
    return [_read(row) for row in await connection.execute(_select().where(condition))]


TELLING = staff.by_rows("a mail that is held", held, "campaign_id", _found, _note)
"""How staff are told."""
