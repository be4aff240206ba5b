"""What the database knows of rows, and the few rows of a batch that are not people to add: those are staged or copied.

Rows go in by the driver itself: COPY on PostgreSQL, one statement run again and again on SQLite. Both take the same
text, in the columns' own form.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from sqlalchemy import Table, select
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import statements, suppression
from subscribers.consent import Action, Actor
from subscribers.suppression import Reason
from subscribers.tables import consent, subscriber

_CONFLICTS = frozenset({"23505", "23503", "40P01", "40001"})
"""PostgreSQL's codes: unique or foreign key violated, deadlock, serialization."""

Value = str | int | None


class Conflict(Exception):
    """Somebody else wrote the same row just now."""


@dataclass(frozen=True, slots=True)
class Known:
    """What the database knows of a batch: subscribers by hash (id, status), suppressed hashes with the reason."""

    subscribers: dict[str, tuple[int, str]]
    suppressed: dict[str, Reason]


async def known(connection: AsyncConnection, hashes: Collection[str], *, are_new: bool = False) -> Known:
    """What is known of these addresses; no subscriber is looked for where they `are_new`, as far as anybody knows."""
    theirs = select(subscriber.c.hash, subscriber.c.id, subscriber.c.status)
    people = [] if are_new else await statements.looked_up(connection, theirs, subscriber.c.hash, hashes)
    stopped = await suppression.reasons(connection, hashes)
    return Known({row.hash: (row.id, row.status) for row in people}, stopped)


async def hold(connection: AsyncConnection, ids: Collection[int]) -> None:
    """Have another import that would ask these subscribers wait until we have; on SQLite, it waits anyway."""
    theirs = select(subscriber.c.id).where(subscriber.c.id.in_(ids)).order_by(subscriber.c.id)
    await connection.execute(theirs.with_for_update())


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
    await copy(connection, f"{table.name} ({names})", map(_line, rows))


async def copy(connection: AsyncConnection, into: str, lines: Iterable[str]) -> None:
    """Have PostgreSQL read lines of COPY's text format. Raises Conflict."""
    driver = (await connection.get_raw_connection()).driver_connection
    assert driver is not None  # noqa: S101 - it is open: a transaction runs on it
    try:
        async with driver.cursor() as cursor, cursor.copy(f"COPY {into} FROM STDIN") as copying:
            await copying.write("".join(lines))
    except Exception as error:
        if getattr(error, "sqlstate", None) in _CONFLICTS:
            raise Conflict from error
        raise


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})


def escaped(text: str) -> str:
    """A value in COPY's text format."""
    return text.translate(_ESCAPES)


def _line(row: tuple[Value, ...]) -> str:
    return "\t".join("\\N" if value is None else escaped(str(value)) for value in row) + "\n"
