"""Relays that refuse all of our mail, for staff to see and to be told of once: the only writer of `refusing_relay`.

What is offered to whom does not depend on it: each process finds that out for itself (newsletter.delivery.turned_away).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import clock
from newsletter.delivery import staff
from newsletter.delivery.relay import where
from newsletter.delivery.relays import Member
from newsletter.delivery.staff import Note
from newsletter.delivery.turned_away import Doubt
from newsletter.tables import refusing_relay
from subscribers import statements

_LATELY = timedelta(minutes=30)
"""One that refuses us is asked again after a quarter of an hour at most, if anybody has something to send."""

_NEWS = timedelta(days=1)
"""Whose refusing was over for less than that is no news when it begins again."""


@dataclass(frozen=True, slots=True)
class Refusing:
    """A relay by its name, where it is, what it says, since when and until when it has refused all of our mail."""

    id: int
    relay: str
    place: str
    reply: str
    since: datetime
    over_at: datetime | None

    @property
    def said(self) -> str:
        """In a line, for staff."""
        since = clock.shown(self.since, "UTC")
        return f"{self.relay} has refused all mail since {since}, whoever it was for: {self.reply}"


async def heed(connection: AsyncConnection, member: Member, doubt: Doubt, now: datetime) -> None:
    """Write down what the answers to a window tell of the relay, if they tell anything."""
    if doubt.is_of_all and doubt.keys:
        await _note(connection, member.name, where(member.relay.settings), member.welcome.reply, now)
    elif doubt.is_over:
        await _end(connection, member.name, now)


async def _note(connection: AsyncConnection, relay: str, place: str, reply: str, now: datetime) -> None:
    """It has just refused us; news if it had not, or had been well again for long."""
    found = (await connection.execute(select(refusing_relay).where(refusing_relay.c.relay == relay))).first()
    known = {"place": place, "reply": reply, "seen_at": now, "over_at": None}
    if found is None or found.over_at is not None:
        known["since"] = now
    if found is None or now - found.seen_at > _NEWS:
        known |= {"tell_at": now, "told_at": None}
    fresh = {"relay": relay, "since": now, "tell_at": now, **known}
    await connection.execute(
        statements.insert(connection, refusing_relay)
        .values(**fresh)
        .on_conflict_do_update(index_elements=["relay"], set_=known)
    )


async def _end(connection: AsyncConnection, relay: str, now: datetime) -> None:
    """It has taken a mail."""
    refusing = refusing_relay.c.over_at.is_(None)
    await connection.execute(
        update(refusing_relay).where(refusing_relay.c.relay == relay, refusing).values(over_at=now)
    )


async def current(connection: AsyncConnection, now: datetime) -> list[Refusing]:
    """Those that refuse us, as far as was found lately."""
    is_open = refusing_relay.c.over_at.is_(None) & (refusing_relay.c.seen_at > now - _LATELY)
    return await _read(connection, is_open)


async def _read(connection: AsyncConnection, condition: ColumnElement[bool]) -> list[Refusing]:
    columns = [refusing_relay.c[name] for name in ("id", "relay", "place", "reply", "since", "over_at")]
    rows = await connection.execute(select(*columns).where(condition).order_by(refusing_relay.c.relay))
    return [Refusing(*row) for row in rows]


_SINCE = """\
Since {since}, the relay {one.relay} ({one.place}) has refused every mail that it was offered, whoever it was for: \
“{one.reply}”.

Nobody is given up for that. Mails wait, and go by other relays, if there are any that take them, or by this one once \
it does: it is asked again by itself, every quarter of an hour at least.

What it says is about us, not about those whom the mails are for. Mostly the login is missing or wrong (username and \
password in newsletter.toml), or it takes no mail from this machine, or none of this sender. “newsletter campaign test \
CAMPAIGN YOU@EXAMPLE.ORG” tries it, and “newsletter engine status” shows how it does.

You are not written to again about this one."""

_UNTIL = """\
From {since} to {until}, the relay {one.relay} ({one.place}) refused every mail that it was offered, whoever it was \
for: “{one.reply}”.

It takes mail again, and what has waited for it is on its way: nobody was given up for that."""


def _letter(one: Refusing, zone: str) -> Note:
    since = clock.shown(one.since, zone)
    if one.over_at is None:
        return Note(one.id, f"Mails wait: {one.relay} refuses them", _SINCE.format(one=one, since=since))
    until = clock.shown(one.over_at, zone)
    return Note(
        one.id, f"Mails had to wait: {one.relay} refused them", _UNTIL.format(one=one, since=since, until=until)
    )


TELLING = staff.by_rows("a relay that refuses us", refusing_relay, "id", _read, _letter)
"""How staff are told: by another relay, or by this one if it takes mail for its own people, or once it takes all."""
