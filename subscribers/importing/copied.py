"""People on their way into PostgreSQL: as the text that COPY reads, written once their ids are known."""

import json
from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from itertools import groupby
from typing import NamedTuple

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


class _Lines(NamedTuple):
    """What COPY is to read of a person, without what is known only once they are written.

    `subscriber` lacks the number in front, `evidence` all in front of the address that consent came from; `choices`
    has _NUMBER for the number.
    """

    subscriber: str
    choices: str
    evidence: str
    confirmed_at: str


class Copying:
    """Where people are put as they are read, and taken from once a batch is complete."""

    def __init__(self) -> None:
        self._people: dict[int, _Lines] = {}

    def put(self, people: Sequence[Person]) -> None:
        """Keep some people. Their lines are made now, while what they are made of is in the processor's cache."""
        self._people.update([(one.row, _lines(one.values)) for one in people])

    def batch(self) -> "Copied":
        """All that were put since the last batch."""
        copied, self._people = Copied(self._people), {}
        return copied

    def close(self) -> None:
        """Nothing is left open."""


class Copied:
    """The people of a batch, by their row."""

    def __init__(self, people: dict[int, _Lines]) -> None:
        self._people = people

    async def ready(self, connection: AsyncConnection) -> None:
        """Nothing has to be done before a transaction."""

    async def write(self, connection: AsyncConnection, plan: Plan, *, at: str, source: str) -> Sequence[int]:
        """Write those who are new, and make active those who were pending; answer the ids of the new ones.

        Raises store.Conflict.
        """
        promoted = [(number, self._people[row]) for number, row in plan.promoted]
        for number, lines in promoted:
            await connection.execute(
                update(subscriber)
                .where(subscriber.c.id == number, subscriber.c.status == "pending")
                .values(status="active", confirmed_at=datetime.fromisoformat(lines.confirmed_at or at))
            )
        ids = await _reserve(connection, len(plan.new)) if plan.new else []
        new = [(str(number), self._people[row]) for number, row in zip(ids, plan.new, strict=True)]
        if new:
            await store.copy(connection, _SUBSCRIBER, [number + lines.subscriber for number, lines in new])
            await store.copy(connection, _CHOICE, [lines.choices.replace(_NUMBER, number) for number, lines in new])
        if new or promoted:
            head = f"\t{at}\timported\tstaff\t{store.escaped(source)}\t"
            evidence = [f"{number}{head}{lines.evidence}" for number, lines in (*new, *promoted)]
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


def _lines(values: Values) -> _Lines:
    _, address, normal, hashed, first, last, locale, zone, fields, status, joined, confirmed, paused, rhythm, *rest = (
        values
    )
    follows, mutes, ip, detail = rest
    return _Lines(
        f"\t{address}\t{normal}\t{hashed}\t{_escaped(first)}\t{_escaped(last)}\t{locale}\t{zone}\t"
        f"{_json(fields)}\t{status}\t{joined}\t{confirmed or _NULL}\t{paused or _NULL}\t{rhythm}\n",
        _choices(follows, mutes),
        f"{_escaped(ip)}\t{_json(detail)}\n",
        confirmed,
    )


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
