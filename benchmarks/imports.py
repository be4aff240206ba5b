"""Importing a file of people with consent, on both databases, against the bare insert of the same people.

The yardstick only writes two columns that are ready; ours reads CSV, checks and cleans, keeps evidence, can be killed.
"""

import asyncio
import csv
import sqlite3
import time
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import openpyxl
import psycopg

from benchmarks import ground, processes, rewriting
from benchmarks.rows import Row, row
from benchmarks.scale import Scale
from newsletter import database as databases

_PEOPLE_A_SECOND = 60_000
_AGAIN = {"SQLite": rewriting.sqlite, "PostgreSQL": rewriting.postgresql}
_HEADER = ("email", "first_name", "last_name", "consented_at", "consent_source", "consent_ip")


def measure(scale: Scale) -> Iterator[Row]:
    """Rows of people a second, of the processor's time for one, and of memory, of a file and of a quarter of it."""
    with ground.folder() as at:
        everyone = list(people(scale.imported))
        files = {name: (at / f"people.{name}", at / f"quarter.{name}") for name in ("csv", "xlsx")}
        for path, quarter in files.values():
            write(path, everyone)
            write(quarter, everyone[: len(everyone) // 4])
        path, _ = files["csv"]
        for backend, opened in ground.BACKENDS.items():
            with opened() as url:
                told = _imported(url, path)
                rate = scale.imported / told["seconds"]
                bare = _bare_sqlite(at, everyone) if backend == "SQLite" else _bare_postgresql(url, everyone)
                again = scale.imported / _AGAIN[backend](url)
            yield row(
                f"import of {scale.imported:,} people, {backend}, against bare inserts",
                rate,
                "people/s",
                baseline=scale.imported / bare,
                at_least=_PEOPLE_A_SECOND,
            )
            yield row(
                f"the same, against its rows written again into the same tables, {backend}",
                rate,
                "people/s",
                baseline=again,
            )
            yield row(f"the importer's own CPU for it, {backend}", told["cpu"] / scale.imported * 1e6, "µs/person")
            for name, (whole, quarter) in files.items():
                with opened() as url:
                    most = told["rss_mb"] if name == "csv" else _imported(url, whole)["rss_mb"]
                with opened() as url:
                    least = _imported(url, quarter)["rss_mb"]
                title = f"its peak memory, {name}, {backend}, against a quarter of the people"
                yield row(title, most, "MB", baseline=least)


def _imported(url: str, path: Path) -> dict[str, float]:
    """What the import of a file into an empty database took."""
    asyncio.run(databases.upgrade(url))
    told: dict[str, float] = processes.ask("benchmarks.importer", url, path)
    return told


def people(count: int, who: str = "reader") -> Iterator[tuple[str, ...]]:
    """Rows of as many people with consent, whose addresses begin with a word."""
    names = ("Ana", "Zoë", "Jörg", "Li", "María", "John", "Nia", "Ruth")
    for number in range(count):
        address = f"{who}{number}@example{number % 97}.net"
        yield address, names[number % 8], "Lovelace", "2021-01-04T09:00:00Z", "sign-up sheet", "192.0.2.7"


def write(path: Path, people: Iterable[tuple[str, ...]]) -> None:
    """Write them as a CSV file, or as a workbook where its name ends so."""
    if path.suffix == ".xlsx":
        book = openpyxl.Workbook(write_only=True)
        sheet = book.create_sheet()
        for one in (_HEADER, *people):
            sheet.append(one)
        book.save(path)
        return
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_HEADER)
        writer.writerows(people)


def _bare_sqlite(at: Path, people: list[tuple[str, ...]]) -> float:
    """Seconds of executemany into a table with a unique address, in one transaction."""
    with closing(sqlite3.connect(at / "bare.sqlite3")) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE bare (id INTEGER PRIMARY KEY, address TEXT UNIQUE, name TEXT)")
        begun = time.perf_counter()
        connection.executemany("INSERT INTO bare (address, name) VALUES (?, ?)", (one[:2] for one in people))
        connection.commit()
        return time.perf_counter() - begun


def _bare_postgresql(url: str, people: list[tuple[str, ...]]) -> float:
    """Seconds of COPY into a table with a unique address."""
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE bare (id bigserial PRIMARY KEY, address text UNIQUE, name text)")
        begun = time.perf_counter()
        with connection.cursor().copy("COPY bare (address, name) FROM STDIN") as copy:
            for one in people:
                copy.write_row(one[:2])
        connection.commit()
        return time.perf_counter() - begun
