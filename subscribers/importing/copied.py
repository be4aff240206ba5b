"""People on their way into PostgreSQL: as the text that COPY reads, written once their ids are known."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby, starmap

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.importing import store
from subscribers.importing.person import OF_SUBSCRIBER, Person, Values
from subscribers.importing.plan import Plan
from subscribers.tables import subscriber

# In one text, since rows would take as long to fetch as the people to write; and the sequence is looked up once (which
# OFFSET sees to), not for each number, since that takes six times as long as the number.
_NEXT_NUMBERS = text("""
SELECT string_agg(nextval(sequence)::text, ',')
FROM (SELECT pg_get_serial_sequence('subscriber', 'id')::regclass AS sequence OFFSET 0) AS named,
    generate_series(1, :count)
""")
_SUBSCRIBER = f"subscriber (id, {', '.join(OF_SUBSCRIBER)})"
_CHOICE = "choice (subscriber_id, topic, stance)"
_EVIDENCE = "consent (subscriber_id, at, action, actor, source, ip, detail)"
_NULL = "\\N"


class Copying:
    """Where people are put as they are read, and taken from once a batch is complete."""

    def __init__(self) -> None:
        self._people: dict[int, Values] = {}

    def put(self, people: Sequence[Person]) -> None:
        """Keep some people."""
        self._people.update([(one.row, one.values) for one in people])

    def batch(self) -> "Copied":
        """All that were put since the last batch."""
        copied, self._people = Copied(self._people), {}
        return copied

    def close(self) -> None:
        """Nothing is left open."""


class Copied:
    """The people of a batch, by their row."""

    def __init__(self, people: dict[int, Values]) -> None:
        self._people = people

    async def ready(self, connection: AsyncConnection) -> None:
        """Nothing has to be done before a transaction."""

    async def write(self, connection: AsyncConnection, plan: Plan, *, at: str, source: str) -> Sequence[int]:
        """Write those who are new, and make active those who were pending; answer the ids of the new ones.

        Raises store.Conflict.
        """
        head = f"\t{at}\timported\tstaff\t{store.escaped(source)}\t"
        promoted = [(number, self._people[row]) for number, row in plan.promoted]
        for number, values in promoted:
            await connection.execute(
                update(subscriber)
                .where(subscriber.c.id == number, subscriber.c.status == "pending")
                .values(status="active", confirmed_at=datetime.fromisoformat(values[11] or at))
            )
        ids = await _reserve(connection, len(plan.new)) if plan.new else []
        new = [(number, self._people[row]) for number, row in zip(ids, plan.new, strict=True)]
        if new:
            await store.copy(connection, _SUBSCRIBER, starmap(_subscriber_line, new))
            await store.copy(connection, _CHOICE, starmap(_choice_lines, new))
        if evidence := [_evidence_line(number, values, head) for number, values in (*new, *promoted)]:
            await store.copy(connection, _EVIDENCE, evidence)
        return ids

    def runs(self, ids: Sequence[int]) -> list[tuple[int, int]]:
        """From where to where they go: somebody who joined meanwhile may have one in between."""
        if ids[-1] - ids[0] + 1 == len(ids):
            return [(ids[0], ids[-1])]
        runs = [[number for _, number in run] for _, run in groupby(enumerate(ids), lambda one: one[1] - one[0])]
        return [(run[0], run[-1]) for run in runs]


async def _reserve(connection: AsyncConnection, count: int) -> list[int]:
    """Ids for that many people, ascending."""
    numbers: str = (await connection.execute(_NEXT_NUMBERS, {"count": count})).scalar_one()
    return list(map(int, numbers.split(",")))


# Most of a person's values cannot hold what COPY reads as something else: no address, date or word of ours has a
# backslash, and in JSON every control character is escaped already.


def _subscriber_line(number: int, values: Values) -> str:
    _, address, normal, hashed, first, last, locale, zone, fields, status, joined, confirmed, paused, rhythm, *_ = (
        values
    )
    return (
        f"{number}\t{address}\t{normal}\t{hashed}\t{_escaped(first)}\t{_escaped(last)}\t{locale}\t{zone}\t"
        f"{_json(fields)}\t{status}\t{joined}\t{confirmed or _NULL}\t{paused or _NULL}\t{rhythm}\n"
    )


def _choice_lines(number: int, values: Values) -> str:
    return _choices(values[14], values[15]).replace(_NUMBER, str(number))


def _evidence_line(number: int, values: Values, head: str) -> str:
    return f"{number}{head}{_escaped(values[16])}\t{_json(values[17])}\n"


def _json(text: str) -> str:
    return text.replace("\\", "\\\\")


_escaped = lru_cache(maxsize=16384)(store.escaped)


_NUMBER = "\0"
"""Stands for somebody's number: no text of theirs could hold it, since PostgreSQL keeps no zero."""


@lru_cache(maxsize=4096)
def _choices(follows: str, mutes: str) -> str:
    """The lines of somebody's choices, with _NUMBER where theirs is to be."""
    topics = [(topic, "follow") for topic in json.loads(follows)] + [(topic, "mute") for topic in json.loads(mutes)]
    return "".join([f"{_NUMBER}\t{store.escaped(topic)}\t{stance}\n" for topic, stance in topics])
