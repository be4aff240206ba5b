"""Mails that cannot be made, since there is a slip in their template: staff are told once. The only writer of
`unmade_mail`.

Whoever was to get one waits meanwhile, as after a 4xx, and is given up only once they have waited too long.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import clock
from newsletter.constellation import store
from newsletter.delivery.staff import Matter, Note
from newsletter.tables import unmade_mail
from subscribers import statements

_NEWS = timedelta(days=1)
"""A kind whose mails could all be made for that long is news again."""


async def heed(connection: AsyncConnection, reasons: Mapping[str, str], now: datetime) -> None:
    """Write down why mails could not be made just now, by their kinds."""
    for kind, reason in reasons.items():
        table = unmade_mail.c
        seen_at = await connection.scalar(select(table.seen_at).where(table.kind == kind))
        known = {"reason": reason, "seen_at": now}
        if seen_at is None or now - seen_at > _NEWS:
            known |= {"since": now, "tell_at": now, "told_at": None}
        fresh = {"kind": kind, "since": now, "tell_at": now, **known}
        await connection.execute(
            statements.insert(connection, unmade_mail)
            .values(**fresh)
            .on_conflict_do_update(index_elements=["kind"], set_=known)
        )


async def _untold(connection: AsyncConnection, now: datetime) -> Sequence[Note]:
    table = unmade_mail.c
    due = select(unmade_mail).where(table.told_at.is_(None), table.tell_at <= now).order_by(table.id)
    found = (await connection.execute(due)).all()
    zone = await store.timezone(connection) if found else ""
    return [
        Note(
            one.id,
            f"Mails wait: “{one.kind}” cannot be made",
            _TEXT.format(kind=one.kind, since=clock.shown(one.since, zone), reason=one.reason),
        )
        for one in found
    ]


async def _mark_told(connection: AsyncConnection, number: int, now: datetime) -> None:
    await connection.execute(update(unmade_mail).where(unmade_mail.c.id == number).values(told_at=now))


async def _put_off(connection: AsyncConnection, number: int, until: datetime) -> None:
    await connection.execute(update(unmade_mail).where(unmade_mail.c.id == number).values(tell_at=until))


TELLING = Matter("mails that cannot be made", _untold, _mark_told, _put_off)
"""How staff are told."""

_TEXT = """\
Since {since}, mails of the kind “{kind}” cannot be made: {reason}

Whoever is to get one waits. They are tried again by themselves, less and less often, and given up after some days \
(delivery.give_up_after).

“newsletter templates check” says what is wrong in your templates, with file and line. Once it is put right, the mails \
go; nothing needs to be started again. “newsletter campaign retry CAMPAIGN” tries those of a campaign at once.

You are not written to again about this one."""
