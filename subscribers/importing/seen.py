"""Which addresses a file has named already, in constant memory: on disk, in a temporary file of SQLite's own."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

_CACHE_KIB = 16_384


class Seen:
    """A set of hashes that may grow past what memory should hold.

    Of each it keeps 63 bits: among a million people the odds that two are taken for one are one in 18 million.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, hashes: Sequence[str]) -> list[bool]:
        """Add hexadecimal hashes in order; for each, whether it is the first of its kind."""
        numbers = [int(one[:16], 16) >> 1 for one in hashes]
        found = self._connection.execute(
            "SELECT hash FROM seen WHERE hash IN (SELECT value FROM json_each(?))", (json.dumps(numbers),)
        )
        known = {row[0] for row in found}
        first = []
        for number in numbers:
            first.append(number not in known)
            known.add(number)
        new = sorted(number for number, is_first in zip(numbers, first, strict=True) if is_first)
        self._connection.executemany("INSERT INTO seen VALUES (?)", [(number,) for number in new])
        return first


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
