"""Which addresses a file has named already, in constant memory: on disk, in a temporary file of SQLite's own."""

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

_CACHE_KIB = 16_384


class Seen:
    """A set of hashes that may grow past what memory should hold."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def add(self, hashes: Sequence[str]) -> list[bool]:
        """Add them in order; for each, whether it is the first of its kind."""
        found = self._connection.execute(
            "SELECT hash FROM seen WHERE hash IN (SELECT value FROM json_each(?))", (json.dumps(hashes),)
        )
        known = {row[0] for row in found}
        first = []
        for one in hashes:
            first.append(one not in known)
            known.add(one)
        new = sorted(one for one, is_first in zip(hashes, first, strict=True) if is_first)
        self._connection.executemany("INSERT INTO seen VALUES (?)", [(one,) for one in new])
        return first


@contextmanager
def remembering() -> Iterator[Seen]:
    """A set that is gone, file and all, when the block ends, however it ends."""
    with closing(sqlite3.connect("", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
        connection.execute("PRAGMA journal_mode = OFF")
        connection.execute("PRAGMA synchronous = OFF")
        connection.execute("CREATE TABLE seen (hash TEXT PRIMARY KEY) WITHOUT ROWID")
        connection.execute("BEGIN")
        yield Seen(connection)
