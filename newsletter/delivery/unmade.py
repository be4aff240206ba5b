"""Mails that cannot be made, since there is a slip in their template: staff are told once. The only writer of
`unmade_mail`.

Whoever was to get one waits meanwhile, as after a 4xx, and is given up only once they have waited too long.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import clock
from newsletter.delivery import staff
from newsletter.delivery.staff import Note
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


_TEXT = """\
Since {since}, mails of the kind “{kind}” cannot be made: {reason}

Whoever is to get one waits. They are tried again by themselves, less and less often, and given up after some days \
(delivery.give_up_after).

“newsletter templates check” says what is wrong in your templates, with file and line. Once it is put right, the mails \
go; nothing needs to be started again. “newsletter campaign retry CAMPAIGN” tries those of a campaign at once.

You are not written to again about this one."""


async def _read(connection: AsyncConnection, condition: ColumnElement[bool]) -> Sequence[Row[Any]]:
    return (await connection.execute(select(unmade_mail).where(condition).order_by(unmade_mail.c.id))).all()


def _letter(one: Row[Any], zone: str) -> Note:
    text = _TEXT.format(kind=one.kind, since=clock.shown(one.since, zone), reason=one.reason)
    return Note(one.id, f"Mails wait: “{one.kind}” cannot be made", text)


TELLING = staff.by_rows("mails that cannot be made", unmade_mail, "id", _read, _letter)
"""How staff are told."""
