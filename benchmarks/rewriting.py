"""The most that an import could reach: the rows that it wrote, written again into the same tables, and nothing else.

Nothing is read, checked or decided; keys, indexes, triggers, the size of a transaction and how rows go in are the
import's.
"""

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from typing import Any

import psycopg
from sqlalchemy import make_url

from benchmarks import ground
from newsletter import database as databases
from subscribers.importing.batches import AT_ONCE, BATCH, BATCH_SQLITE

_PEOPLE = {"subscriber": "id", "choice": "subscriber_id", "consent": "subscriber_id"}
_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "cache_size = -16384")


def sqlite(url: str) -> float:
    """Seconds to write everybody who is in this database into an empty one, by a statement for each table."""
    with ground.sqlite() as other:
        asyncio.run(databases.upgrade(other))
        with closing(_opened(other)) as target:
            target.execute("ATTACH ? AS written", (make_url(url).database,))
            people = target.execute("SELECT max(id) FROM written.subscriber").fetchone()[0]
            begun = time.perf_counter()
            for first in range(1, people + 1, BATCH_SQLITE):
                target.execute("BEGIN IMMEDIATE")
                for table, person in _PEOPLE.items():
                    some = f"SELECT * FROM written.{table} WHERE {person} BETWEEN ? AND ?"
                    target.execute(f"INSERT INTO main.{table} {some}", (first, first + BATCH_SQLITE - 1))
                target.execute("COMMIT")
            return time.perf_counter() - begun


def _opened(url: str) -> sqlite3.Connection:
    connection = sqlite3.connect(str(make_url(url).database), isolation_level=None)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def postgresql(url: str) -> float:
    """The same by COPY, with as many transactions at a time as an import has."""
    with ground.postgresql() as other, psycopg.connect(url) as source:
        asyncio.run(databases.upgrade(other))
        tables = [(table, _lines(source, table, person)) for table, person in _PEOPLE.items()]
        batches = range(0, len(tables[0][1]), BATCH)

        def write(begin: int) -> None:
            with psycopg.connect(other) as target:
                for first in batches[begin::AT_ONCE]:
                    for table, lines in tables:
                        with target.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                            copy.write(b"".join(lines[first : first + BATCH]))
                    target.commit()

        begun = time.perf_counter()
        with ThreadPoolExecutor(AT_ONCE) as threads:
            list(threads.map(write, range(AT_ONCE)))
        return time.perf_counter() - begun


def _lines(source: psycopg.Connection[Any], table: str, person: str) -> list[bytes]:
    with source.cursor().copy(f"COPY (SELECT * FROM {table} ORDER BY {person}) TO STDOUT") as copy:
        return b"".join(map(bytes, copy)).splitlines(keepends=True)
