"""Mail to staff about what they must know of: sent once, and kept to be sent while the relay is away."""

import textwrap
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as WIRE
from email.utils import format_datetime, make_msgid
from typing import TypeVar

import structlog
from sqlalchemy import ColumnElement, Table, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.clock import Clock
from newsletter.constellation import store
from newsletter.constellation.model import Sender
from newsletter.database import Database
from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Accepted
from newsletter.delivery.relays import Relays
from newsletter.errors import NewsletterError

log = structlog.get_logger(__name__)

Told = TypeVar("Told")

_AGAIN = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Note:
    """One mail: what it is about by its number there, and its text as paragraphs, which are wrapped."""

    key: int
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class Matter:
    """What staff are told of: the notes that are due now, and how it is kept that one was sent or waits until later."""

    name: str
    untold: Callable[[AsyncConnection, datetime], Awaitable[Sequence[Note]]]
    mark_told: Callable[[AsyncConnection, int, datetime], Awaitable[None]]
    put_off: Callable[[AsyncConnection, int, datetime], Awaitable[None]]


def by_rows(
    name: str,
    table: Table,
    key: str,
    read: Callable[[AsyncConnection, ColumnElement[bool]], Awaitable[Sequence[Told]]],
    letter: Callable[[Told, str], Note],
) -> Matter:
    """A matter of a table whose rows have when staff are to be told (`tell_at`) and when they were (`told_at`).

    `key` is the column that numbers its notes, `read` answers what a condition holds for, and `letter` writes about
    one, by the clock of a zone.
    """

    async def untold(connection: AsyncConnection, now: datetime) -> Sequence[Note]:
        found = await read(connection, table.c.told_at.is_(None) & (table.c.tell_at <= now))
        zone = await store.timezone(connection) if found else ""
        return [letter(one, zone) for one in found]

    async def mark_told(connection: AsyncConnection, number: int, now: datetime) -> None:
        await connection.execute(update(table).where(table.c[key] == number).values(told_at=now))

    async def put_off(connection: AsyncConnection, number: int, until: datetime) -> None:
        await connection.execute(update(table).where(table.c[key] == number).values(tell_at=until))

    return Matter(name, untold, mark_told, put_off)


@dataclass(frozen=True, slots=True)
class Staff:
    """Whoever looks after the service: `address`, else the constellation's contact."""

    database: Database
    relays: Relays
    address: str
    clock: Clock

    async def tell(self, matter: Matter) -> None:
        """Send what staff have not been told; what the relay does not take now is sent another time."""
        async with self.database.read() as connection:
            waiting = await matter.untold(connection, self.clock())
        if not waiting:
            return
        try:
            told = await self._offer(waiting)
        except NewsletterError as error:
            log.error("staff not told", of=matter.name, reason=str(error))
            told = set()
        now = self.clock()
        async with self.database.begin() as connection:
            for note in waiting:
                if note.key in told:
                    await matter.mark_told(connection, note.key, now)
                else:
                    await matter.put_off(connection, note.key, now + _AGAIN)

    async def _offer(self, waiting: Sequence[Note]) -> set[int]:
        async with self.database.read() as connection:
            constellation = await store.current(connection)
        sender, to = constellation.sender, self.address or constellation.contact
        items = [
            Item(note.key, sender.email.encode(), to.encode(), _mail(sender, to, note, self.clock()))
            for note in waiting
        ]
        async with self.relays.session(sender.email) as session:
            outcomes = await session.send(items)
        return {number for number, outcome in outcomes if isinstance(outcome, Accepted)}


def _mail(sender: Sender, to: str, note: Note, now: datetime) -> bytes:
    text = "\n\n".join(
        textwrap.fill(paragraph, 72, break_long_words=False, break_on_hyphens=False)
        for paragraph in note.text.split("\n\n")
    )
    message = EmailMessage()
    message["From"] = Address(sender.name, addr_spec=sender.email)
    message["To"] = to
    message["Subject"] = note.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = make_msgid(domain=sender.email.rpartition("@")[2])
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(text + "\n", cte="quoted-printable")
    return message.as_bytes(policy=WIRE).replace(b"\r\n.", b"\r\n=2E")  # no line of an Item begins with a dot
