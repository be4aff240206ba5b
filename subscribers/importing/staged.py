"""People on their way into SQLite: they wait in a table in memory, and a statement for each table takes all of them.

Such a statement needs Python neither for a row nor at all: it runs in a thread while the next rows are read, and takes
two thirds of the processor's time that a statement for each row does. What is read is staged in a database of its own,
which goes over to the connection that writes as bytes: both at work in one would wait for each other.
"""

import json
import sqlite3
from collections.abc import Sequence
from typing import Any
from weakref import WeakKeyDictionary

from sqlalchemy import TextClause, text
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.importing.person import COLUMNS, OF_SUBSCRIBER, Person
from subscribers.importing.plan import Plan

_MOMENTS = ("confirmed_at", "paused_until")
_TABLE = f"CREATE TABLE person (row INTEGER PRIMARY KEY, {', '.join(COLUMNS[1:])})"
_ADD = f"INSERT INTO person VALUES ({', '.join('?' * len(COLUMNS))})"  # noqa: S608 - marks alone

_OF_SUBSCRIBER = ", ".join(OF_SUBSCRIBER)
_STAGED = ", ".join(f"nullif({name}, '')" if name in _MOMENTS else name for name in OF_SUBSCRIBER)
_PEOPLE = f"INSERT OR ROLLBACK INTO subscriber (id, {_OF_SUBSCRIBER}) SELECT :before + row, {_STAGED}"
_CHOICES = "INSERT INTO choice (subscriber_id, topic, stance) SELECT :before + row, topic.value, "
_EVIDENCE = "INSERT INTO consent (subscriber_id, at, action, actor, source, ip, detail) SELECT "


def _for_new(statement: str, *conditions: str) -> tuple[TextClause, TextClause]:
    """A statement about all people whose rows lie between two, and about some of them."""
    about_all = " AND ".join((f"{statement} WHERE row BETWEEN :first AND :last", *conditions))
    return text(about_all), text(f"{about_all} AND row IN (SELECT value FROM json_each(:new))")  # noqa: S608 - our own names


_NEW = (
    _for_new(f"{_PEOPLE} FROM staged.person"),
    _for_new(f"{_CHOICES} 'follow' FROM staged.person, json_each(follows) topic"),
    _for_new(f"{_CHOICES} 'mute' FROM staged.person, json_each(mutes) topic", "mutes <> '[]'"),
    _for_new(f"{_EVIDENCE} :before + row, :at, 'imported', 'staff', :source, ip, detail FROM staged.person"),
)
_PROMOTE = text(
    "UPDATE subscriber SET status = 'active', confirmed_at = (SELECT confirmed_at FROM staged.person WHERE row = :row)"
    " WHERE id = :id AND status = 'pending'"
)
_PROMOTION = text(f"{_EVIDENCE} :id, :at, 'imported', 'staff', :source, ip, detail FROM staged.person WHERE row = :row")


_GIVEN: WeakKeyDictionary[Any, "Staged"] = WeakKeyDictionary()
"""The batch that each connection to a database holds; another import may have taken it meanwhile."""


class Staging:
    """Where people are put as they are read, and taken from once a batch is complete."""

    def __init__(self) -> None:
        self._being_read = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        self._being_read.execute("PRAGMA secure_delete = OFF")
        self._being_read.execute(_TABLE)
        self._being_read.execute("BEGIN")

    def put(self, people: Sequence[Person]) -> None:
        """Stage some people."""
        self._being_read.executemany(_ADD, [one.values for one in people])

    def batch(self) -> "Staged":
        """All that were put since the last batch."""
        self._being_read.execute("COMMIT")
        staged = Staged(self._being_read.serialize())
        self._being_read.execute("DELETE FROM person")
        self._being_read.execute("BEGIN")
        return staged

    def close(self) -> None:
        """Forget those who were put since."""
        self._being_read.close()


class Staged:
    """The people of a batch."""

    def __init__(self, people: bytes) -> None:
        self._people = people

    async def ready(self, connection: AsyncConnection) -> None:
        """Give them to a connection whose transaction has not begun."""
        driver = await _driver(connection)
        if _GIVEN.get(driver) is not self:
            await driver.in_thread(self._give)
            _GIVEN[driver] = self

    async def write(self, connection: AsyncConnection, plan: Plan, *, at: str, source: str) -> Sequence[int]:
        """Write those who are new, and make active those who were pending; answer the ids of the new ones."""
        of_all = {"at": at, "source": source}
        if plan.promoted:
            rows = [{"id": number, "row": row, **of_all} for number, row in plan.promoted]
            await connection.execute(_PROMOTE, rows)
            await connection.execute(_PROMOTION, rows)
        if not plan.new:
            return ()
        # The transaction holds SQLite's only write lock, and the inserts themselves move the sequence on. Ids follow
        # the rows: where one is left out, so is an id.
        newest = await connection.scalar(text("SELECT seq FROM sqlite_sequence WHERE name = 'subscriber'")) or 0
        first, last = plan.new[0], plan.new[-1]
        before = newest + 1 - first
        are_all = last - first + 1 == len(plan.new)
        values = {"before": before, "first": first, "last": last, "new": json.dumps(plan.new), **of_all}
        for about_all, about_some in _NEW:
            await connection.execute(about_all if are_all else about_some, values)
        return [before + row for row in plan.new]

    def runs(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """From where to where they go: nobody else has one in between."""
        return [(ids[0], ids[-1])]

    def _give(self, connection: sqlite3.Connection) -> None:
        if "staged" not in {name for _, name, _ in connection.execute("PRAGMA database_list")}:
            connection.execute("ATTACH ':memory:' AS staged")
        connection.deserialize(self._people, name="staged")


async def forget(connection: AsyncConnection) -> None:
    """Free the memory that a batch had, outside of a transaction."""
    driver = await _driver(connection)
    _GIVEN.pop(driver, None)
    await driver.in_thread(_forget)


def _forget(connection: sqlite3.Connection) -> None:
    if "staged" in {name for _, name, _ in connection.execute("PRAGMA database_list")}:
        connection.execute("DETACH staged")


async def _driver(connection: AsyncConnection) -> Any:
    return (await connection.get_raw_connection()).driver_connection
