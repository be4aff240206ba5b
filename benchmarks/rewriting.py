"""The most that an import could reach: the rows that it wrote, written again into the same tables, and nothing else.

Nothing is read, checked or decided; keys, indexes, triggers and the size of a transaction are the import's.
"""

import asyncio
import sqlite3
import time
from contextlib import closing
from typing import Any

import psycopg
from sqlalchemy import make_url

from benchmarks import ground
from newsletter import database as databases

_TABLES = ("subscriber", "choice", "consent")
_SQLITE, _POSTGRESQL = 1024, 4096
"""People whose rows are written by one transaction."""
_PRAGMAS = ("journal_mode = WAL", "synchronous = NORMAL", "foreign_keys = ON", "cache_size = -32768")


def sqlite(url: str) -> float:
    """Seconds to write everybody who is in this database into an empty one."""
    with ground.sqlite() as other, closing(_opened(url)) as source:
        asyncio.run(databases.upgrade(other))
        tables = [(table, source.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()) for table in _TABLES]
        statements = [(f"INSERT INTO {table} VALUES ({','.join('?' * len(rows[0]))})", rows) for table, rows in tables]
        with closing(_opened(other)) as target:
            begun = time.perf_counter()
            for first in range(0, len(tables[0][1]), _SQLITE):
                target.execute("BEGIN IMMEDIATE")
                for statement, rows in statements:
                    target.executemany(statement, rows[first : first + _SQLITE])
                target.execute("COMMIT")
            return time.perf_counter() - begun


def _opened(url: str) -> sqlite3.Connection:
    connection = sqlite3.connect(str(make_url(url).database), isolation_level=None)
    for pragma in _PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def postgresql(url: str) -> float:
    """The same by COPY."""
    with ground.postgresql() as other, psycopg.connect(url) as source:
        asyncio.run(databases.upgrade(other))
        tables = [(table, _lines(source, table)) for table in _TABLES]
        with psycopg.connect(other) as target:
            begun = time.perf_counter()
            for first in range(0, len(tables[0][1]), _POSTGRESQL):
                for table, lines in tables:
                    with target.cursor().copy(f"COPY {table} FROM STDIN") as copy:
                        copy.write(b"".join(lines[first : first + _POSTGRESQL]))
                target.commit()
            return time.perf_counter() - begun


def _lines(source: psycopg.Connection[Any], table: str) -> list[bytes]:
    with source.cursor().copy(f"COPY (SELECT * FROM {table} ORDER BY 1) TO STDOUT") as copy:
        return b"".join(map(bytes, copy)).splitlines(keepends=True)
