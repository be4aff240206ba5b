"""The import itself: read, clean, decide, write, batch by batch, each batch a transaction of its own, or some.

Killed in the middle and started again, it finds what it wrote and goes on: a second run changes nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from itertools import islice
from pathlib import Path

from subscribers import suppression
from subscribers.importing import layout as layouts
from subscribers.importing import report as reports
from subscribers.importing import seen, source
from subscribers.importing.copied import Copying
from subscribers.importing.errors import ImportFailed, Refused
from subscribers.importing.person import Person, Reader
from subscribers.importing.plan import Rows
from subscribers.importing.record import Row, in_words
from subscribers.importing.report import Rejected, Report
from subscribers.importing.staged import Staging
from subscribers.importing.writing import Asking, Batch, Database, Writer

BATCH_SQLITE, BATCH = 24_576, 12_288
"""Rows that are read at once. SQLite's are so many because each dirties two pages of indexes somewhere: with a million
people, it took half again as long for one where they were a third of that."""

AT_ONCE_SQLITE, AT_ONCE = 1, 4
"""Batches that are being written while the next is read: a server has a process for each, SQLite one lock for all."""

_PIECE = 100
"""Rows read before whatever else is ready gets its turn: a millisecond."""


async def run(
    path: Path,
    *,
    database: Database,
    hash_key: str,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    events: Collection[str] | None = None,
    language: str = "en",
    days_in: tzinfo = UTC,
    asking: Asking | None = None,
    dry_run: bool = False,
    rejected: Callable[[Rejected], None] | None = None,
    progressed: Callable[[int, int], None] | None = None,
) -> Report:
    """Import a file. Raises ImportFailed for what is no file of people.

    `mapping` is column → field. `events` are the slugs that may be followed (None: any); `language` is that of whose
    row names none; a day without a time begins by the clock of the zone `days_in`. With `asking`, whoever is pending is
    asked once. `rejected` is given each refused row, `progressed` how many rows are done and roughly of how many.
    """
    file = source.look(path)
    layout = layouts.recognise(path, file.header, mapping or {})
    report = reports.begin(file, layout, dry_run=dry_run)
    hashed, name = suppression.hashing(hash_key), in_words(path.name)
    reader = Reader(layout, file=name, events=events, language=language, days_in=days_in, hashed=hashed, now=now)
    with seen.remembering() as seen_before, closing(Staging() if database.is_sqlite else Copying()) as people:
        desk = _Desk(source.rows(file), file.header, reader, report, people, rejected)
        writer = Writer(database, report, name, seen_before, asking, now)
        try:
            await _take_all(desk, writer, progressed, of=file.lines)
        finally:
            await writer.close()
    return report


async def _take_all(desk: "_Desk", writer: Writer, progressed: Callable[[int, int], None] | None, *, of: int) -> None:
    """Read batches, and write each while the next is read. In a second thread, the interpreter's lock made reading and
    writing slower; what a server does, or SQLite by one statement for thousands of rows, needs no interpreter."""
    size, at_once = (BATCH_SQLITE, AT_ONCE_SQLITE) if writer.database.is_sqlite else (BATCH, AT_ONCE)
    taking: deque[tuple[set[str], asyncio.Task[None]]] = deque()

    async def finish() -> None:
        await taking[0][1]
        taking.popleft()
        if progressed is not None:
            progressed(writer.report.counts.rows, max(writer.report.counts.rows, of))

    try:
        while (batch := await desk.read(size)) is not None:
            named = set(batch.rows.hashes)
            while len(taking) == at_once or not all(named.isdisjoint(others) for others, _ in taking):
                await finish()  # who is named twice is to be known when the second row is decided on
            taking.append((named, asyncio.create_task(writer.take(batch))))
        while taking:
            await finish()
        if progressed is not None:  # what it was roughly of, the line of the header too, is known by now
            progressed(writer.report.counts.rows, writer.report.counts.rows)
    finally:
        await asyncio.gather(*(task for _, task in taking), return_exceptions=True)
    if desk.failure is not None:
        raise desk.failure


@dataclass(slots=True)
class _Desk:
    """Where rows are read and cleaned; those that are refused are counted and given away at once."""

    file: Iterator[Row]
    columns: tuple[str, ...]
    reader: Reader
    report: Report
    people: Staging | Copying
    rejected: Callable[[Rejected], None] | None
    failure: ImportFailed | None = None
    """Why the file could not be read to its end: after what came before is written."""

    async def read(self, size: int) -> Batch | None:
        """The next batch; None at the end of the file. It gives way every few rows."""
        rows, left = Rows(), size
        while left and self._read_piece(rows, min(left, _PIECE)):
            left -= min(left, _PIECE)
            await asyncio.sleep(0)
        return None if left and not rows.numbers else Batch(rows, self.people.batch())

    def _read_piece(self, rows: Rows, size: int) -> bool:
        """Whether there may be more."""
        piece: list[Person] = []
        count = 0
        try:
            for row in islice(self.file, size):
                count += 1
                try:
                    one = self.reader.read(row)
                except Refused as refusal:
                    self._refuse(Rejected(row.number, refusal.fault, str(refusal), tuple(row.cells), self.columns))
                    continue
                rows.add(one)
                if isinstance(one, Person):
                    piece.append(one)
                    for remark in one.remarks:
                        self.report.remarks[remark] += 1
                        self.report.first.setdefault(remark, one.row)
        except ImportFailed as failure:
            self.failure = failure
            return False
        finally:
            self.people.put(piece)
        return count == size

    def _refuse(self, one: Rejected) -> None:
        self.report.counts.refused[one.fault] += 1
        if self.rejected is not None:
            self.rejected(one)
