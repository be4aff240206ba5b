"""Batches on their way into the database: what is known of them first, then everything at once.

Rows go in by the driver itself, since a million people must not each pay for a statement's construction: COPY on
PostgreSQL, one statement run again and again on SQLite. Both take the same text, in the columns' own form.
"""

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache

from sqlalchemy import Table, select, text
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import statements, suppression
from subscribers.columns import Instant
from subscribers.consent import Action, Actor
from subscribers.suppression import Reason
from subscribers.tables import consent, subscriber

_CONFLICTS = frozenset({"23505", "23503", "40P01", "40001"})
"""PostgreSQL's codes: unique or foreign key violated, deadlock, serialization."""

Value = str | int | None

_INSTANT = Instant()
_TEXT = sqlite.dialect()


class Conflict(Exception):
    """Somebody else wrote the same row just now."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of a batch: subscribers by hash (id, status), suppressed hashes with the reason."""

    subscribers: dict[str, tuple[int, str]]
    suppressed: dict[str, Reason]


@lru_cache(maxsize=8192)
def instant(moment: datetime | None) -> str | None:
    """A moment as text that both databases read."""
    return None if moment is None else str(_INSTANT.process_bind_param(moment, _TEXT))


async def known(connection: AsyncConnection, hashes: Collection[str]) -> Known:
    """What is known of these addresses."""
    people = await connection.execute(
        select(subscriber.c.hash, subscriber.c.id, subscriber.c.status).where(
            statements.among(connection, subscriber.c.hash, hashes)
        )
    )
    stopped = await suppression.reasons(connection, hashes)
    return Known({row.hash: (row.id, row.status) for row in people}, stopped)


async def asked_us(connection: AsyncConnection, ids: Collection[int]) -> set[int]:
    """Those of these subscribers who have asked, or confirmed, to be written to by us."""
    rows = await connection.execute(
        select(consent.c.subscriber_id)
        .where(
            consent.c.subscriber_id.in_(ids),
            consent.c.actor == Actor.PERSON,
            consent.c.action.in_([Action.REQUESTED, Action.CONFIRMED]),
        )
        .distinct()
    )
    return set(rows.scalars())


# In one text, since rows would take as long to fetch as the people to write.
_NEXT_NUMBERS = text("""
SELECT string_agg(nextval(pg_get_serial_sequence('subscriber', 'id'))::text, ',') FROM generate_series(1, :count)
""")


async def reserve(connection: AsyncConnection, count: int) -> Iterable[int]:
    """Ids for that many new subscribers, ascending."""
    if connection.dialect.name == "postgresql":
        numbers: str = (await connection.execute(_NEXT_NUMBERS, {"count": count})).scalar_one()
        return map(int, numbers.split(","))
    # The transaction holds SQLite's only write lock, and the inserts themselves move the sequence on.
    last = await connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'subscriber'")) or 0
    return range(last + 1, last + 1 + count)


async def append(
    connection: AsyncConnection, table: Table, columns: Sequence[str], rows: Sequence[tuple[Value, ...]]
) -> None:
    """Insert rows whose values stand in the order of `columns`."""
    if not rows:
        return
    names = ", ".join(columns)
    if connection.dialect.name != "postgresql":
        # A row a statement: with many, SQLite takes twice as long for each.
        statement = f"INSERT INTO {table.name} ({names}) VALUES ({', '.join('?' * len(columns))})"  # noqa: S608 - our own names
        await connection.exec_driver_sql(statement, list(rows))
        return
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None  # noqa: S101 - it is open: a transaction runs on it
    try:
        async with driver.cursor() as cursor, cursor.copy(f"COPY {table.name} ({names}) FROM STDIN") as copy:
            await copy.write("".join(map(_line, rows)))
    except Exception as error:
        if getattr(error, "sqlstate", None) in _CONFLICTS:
            raise Conflict from error
        raise


_SPECIAL = re.compile(r"[\\\t\n\r]")
_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def _line(row: tuple[Value, ...]) -> str:
    """A row in COPY's text format; all but a few need no escaping, and are looked at once."""
    if None not in row:
        line = "\0".join(map(str, row))  # a zero is in no value: PostgreSQL could not keep it
        if _SPECIAL.search(line) is None:
            return line.replace("\0", "\t") + "\n"
    return "\t".join("\\N" if value is None else str(value).translate(_ESCAPES) for value in row) + "\n"
