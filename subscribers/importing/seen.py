"""Which addresses a file has named already, in constant memory.

Whoever the import added is told by their id. All others that the file named, since the database knew them, are written
down on disk, in a temporary file of SQLite's own; so is everybody in a dry run, which adds nobody.
"""

import json
import sqlite3
from bisect import bisect_right, insort
from collections.abc import Collection, Iterator, Mapping
from contextlib import closing, contextmanager

_CACHE_KIB = 16_384


class Seen:
    """A set of hashes that may grow past what memory should hold, and runs of ids.

    Of a hash it keeps 63 bits: among a million people the odds that two are taken for one are one in 18 million.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._runs: list[tuple[int, int]] = []

    def gave(self, first: int, last: int) -> None:
        """No ids but those that people of the file were given lie from the first to the last."""
        insort(self._runs, (first, last))

    def add(self, hashes: Collection[str]) -> None:
        """The file has named these."""
        numbers = sorted(map(_number, hashes))
        self._connection.executemany("INSERT OR IGNORE INTO seen VALUES (?)", [(number,) for number in numbers])

    def among(self, hashes: Collection[str], ids: Mapping[str, tuple[int, str]]) -> set[str]:
        """Those of these hashes that the file has named; `ids` has who of them is a subscriber, with a status."""
        numbers = {_number(one): one for one in hashes}
        found = self._connection.execute(
            "SELECT hash FROM seen WHERE hash IN (SELECT value FROM json_each(?))", (json.dumps(list(numbers)),)
        )
        named = {numbers[row[0]] for row in found}
        named.update(hashed for hashed, (number, _) in ids.items() if self._was_given(number))
        return named

    def _was_given(self, number: int) -> bool:
        place = bisect_right(self._runs, (number, number + 1)) - 1
        return place >= 0 and self._runs[place][0] <= number <= self._runs[place][1]


def _number(hashed: str) -> int:
    return int(hashed[:16], 16) >> 1


@contextmanager
def remembering() -> Iterator[Seen]:
    """A set that is gone, file and all, when the block ends, however it ends."""
    with closing(sqlite3.connect("", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE seen (hash INTEGER PRIMARY KEY)")
        connection.execute("BEGIN")
        yield Seen(connection)
