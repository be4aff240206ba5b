"""The import itself: read, clean, decide, write, batch by batch, each batch a transaction of its own.

Killed in the middle and started again, it finds what it wrote and goes on: a second run changes nothing.
"""

import asyncio
import json
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Protocol

from sqlalchemy import text, update
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.consent import Action, Actor
from subscribers.importing import layout as layouts
from subscribers.importing import plan as plans
from subscribers.importing import report as reports
from subscribers.importing import seen, source, store
from subscribers.importing.errors import ImportFailed, Refused
from subscribers.importing.person import Person, Reader, Remark, Stop
from subscribers.importing.plan import Named, Plan
from subscribers.importing.record import Row
from subscribers.importing.report import Rejected, Report
from subscribers.suppression import address_hash
from subscribers.tables import choice, consent, subscriber, suppression

BATCH = 4096
"""Rows that are read at once, and on PostgreSQL written by one transaction."""

_MANY, _FEW = 1024, 256
"""Rows of a transaction on SQLite, which holds the one write lock: as long as nobody else writes, and then."""

_COURTEOUS, _GAP = 200, 0.002
"""Transactions, of a second or two: for so long few rows are written at once after somebody else wrote something, and
so many seconds apart. So whoever joins meanwhile waits for some milliseconds: SQLite keeps no queue, and who looks for
its lock once in a millisecond would hardly meet it between two transactions."""

_PIECE = 100
"""Rows read before whatever else is ready gets its turn: two milliseconds."""

_TRIES = 8
_SOURCE = "import"

Begin = Callable[[], AbstractAsyncContextManager[AsyncConnection]]


class Asking(Protocol):
    """How pending people are asked, by mail, whether they want ours: not this package's to know."""

    async def never_asked(self, connection: AsyncConnection, subscriber_ids: Sequence[int]) -> list[int]:
        """Those who were not asked before, by their own joining or by an import."""

    async def ask(self, connection: AsyncConnection, subscriber_ids: Sequence[int]) -> None:
        """Have them asked."""


async def run(
    path: Path,
    *,
    begin: Begin,
    hash_key: str,
    now: datetime,
    mapping: Mapping[str, str] | None = None,
    events: Collection[str] | None = None,
    language: str = "en",
    asking: Asking | None = None,
    dry_run: bool = False,
    rejected: Callable[[Rejected], None] | None = None,
    progressed: Callable[[int, int], None] | None = None,
) -> Report:
    """Import a file. Raises ImportFailed for what is no file of people.

    `begin` opens a brief transaction (for a dry run, one to read with will do). `mapping` is column → field. `events`
    are the slugs that may be followed (None: any); `language` is that of whose row names none. With `asking`, whoever
    is pending is asked once. `rejected` is given each refused row, `progressed` how many rows are done and roughly of
    how many.
    """
    file = source.look(path)
    layout = layouts.recognise(path, file.header, mapping or {})
    report = reports.begin(file, layout, dry_run=dry_run)
    reader = Reader(layout, file=path.name, events=events, language=language, now=now)
    rows, portions = source.rows(file), _Portions()
    with seen.remembering() as seen_before:
        batch = await _read(rows, reader, seen_before, hash_key)
        while batch.rows:
            # A server works on one batch while the next is read. In a second thread, the interpreter's lock made
            # both slower.
            taking = asyncio.create_task(
                _take(batch.named, portions, begin=begin, asking=asking, now=now, report=report)
            )
            try:
                following = await _read(rows, reader, seen_before, hash_key)
            finally:
                await taking
                _account(batch, report, rejected)
            if progressed is not None:
                progressed(report.counts.rows, max(report.counts.rows, file.lines))
            batch = following
    return report


@dataclass(slots=True)
class _Portions:
    """How many rows the next transaction takes."""

    version: int | None = None
    """What SQLite calls the state of the file; another connection that writes changes it."""
    courteous: int = 0

    async def rows(self, connection: AsyncConnection) -> int:
        """So many, from within the transaction."""
        if connection.dialect.name != "sqlite":
            return BATCH
        before, self.version = self.version, await connection.scalar(_VERSION)
        self.courteous = _COURTEOUS if before not in (None, self.version) else max(self.courteous - 1, 0)
        return _FEW if self.courteous else _MANY


_VERSION = text("PRAGMA data_version")


@dataclass(slots=True)
class _Batch:
    rows: int = 0
    named: list[Named] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    remarks: list[tuple[Remark, int]] = field(default_factory=list)


async def _read(rows: Iterator[Row], reader: Reader, seen_before: seen.Seen, hash_key: str) -> _Batch:
    """The next batch, cleaned; an empty one at the end of the file. It gives way every few rows."""
    batch = _Batch()
    read: list[Person | Stop] = []
    for row in islice(rows, BATCH):
        batch.rows += 1
        if batch.rows % _PIECE == 0:
            await asyncio.sleep(0)
        try:
            one = reader.read(row)
        except Refused as refusal:
            batch.rejected.append(Rejected(row.number, refusal.fault, str(refusal), tuple(row.cells)))
            continue
        if isinstance(one, Person) and one.remarks:
            batch.remarks += [(remark, one.row) for remark in one.remarks]
        read.append(one)
    hashes = [address_hash(one.address.normal, hash_key) for one in read]
    batch.named = list(map(Named, hashes, seen_before.add(hashes), read))
    return batch


def _account(batch: _Batch, report: Report, rejected: Callable[[Rejected], None] | None) -> None:
    for remark, row in batch.remarks:
        report.remarks[remark] += 1
        report.first.setdefault(remark, row)
    for one in batch.rejected:
        report.counts.refused[one.fault] += 1
        if rejected is not None:
            rejected(one)


async def _take(
    named: list[Named], portions: _Portions, *, begin: Begin, asking: Asking | None, now: datetime, report: Report
) -> None:
    """Decide on a batch and write it, by one transaction or by some. Someone may join just now by the form: then what
    that transaction was to write is decided on afresh."""
    while named:
        taken = await _take_some(named, portions, begin=begin, asking=asking, now=now, report=report)
        named = named[taken:]
        await asyncio.sleep(_GAP if portions.courteous else 0)


async def _take_some(
    named: list[Named], portions: _Portions, *, begin: Begin, asking: Asking | None, now: datetime, report: Report
) -> int:
    """Take as many as one transaction should; answer how many."""
    for _ in range(_TRIES):
        try:
            async with begin() as connection:
                some = named[: await portions.rows(connection)]
                plan = await _decide(connection, some)
                again = await asking.never_asked(connection, plan.waiting) if asking else []
                if not report.dry_run:
                    added = await _write(connection, plan, now=now, file=Path(report.file).name)
                    if asking is not None:
                        await asking.ask(connection, [*again, *added])
        except store.Conflict:
            continue
        report.counts.add(plan.counts)
        if asking is not None:
            report.asked += len(again) + plan.counts.pending
        return len(some)
    raise ImportFailed(f"{report.file}: the database kept changing underneath; import the file again to go on")


async def _decide(connection: AsyncConnection, named: list[Named]) -> Plan:
    known = await store.known(connection, [one.hash for one in named])
    stopped = {one.hash for one in named if isinstance(one.row, Stop)} & known.subscribers.keys()
    ids = [known.subscribers[one][0] for one in stopped]
    return plans.decide(named, known, await store.asked_us(connection, ids) if ids else ())


async def _write(connection: AsyncConnection, plan: Plan, *, now: datetime, file: str) -> list[int]:
    """Write it; the ids of the new people who are pending."""
    ids = await store.reserve(connection, len(plan.new)) if plan.new else ()
    new = [(number, hashed, person) for number, (hashed, person) in zip(ids, plan.new, strict=True)]
    await _add(connection, new, now=now)
    for number, person in plan.promoted:
        await connection.execute(
            update(subscriber)
            .where(subscriber.c.id == number, subscriber.c.status == "pending")
            .values(status="active", confirmed_at=person.consented_at)
        )
    at = store.instant(now)
    evidence: list[tuple[store.Value, ...]] = [
        (number, at, Action.IMPORTED.value, Actor.STAFF.value, _SOURCE, person.ip, person.evidence)
        for number, person in [*((number, person) for number, _, person in new), *plan.promoted]
    ]
    evidence += [
        (
            number,
            at,
            Action.SUPPRESSED.value,
            Actor.STAFF.value,
            _SOURCE,
            "",
            json.dumps({"file": file, "row": stop.row}, ensure_ascii=False),
        )
        for number, stop in plan.stopped.values()
        if number is not None
    ]
    columns = ("subscriber_id", "at", "action", "actor", "source", "ip", "detail")
    await store.append(connection, consent, columns, evidence)
    stopped: list[tuple[store.Value, ...]] = [
        (hashed, stop.reason.value, store.instant(stop.at or now), _SOURCE, f"{file}, row {stop.row}")
        for hashed, (_, stop) in plan.stopped.items()
    ]
    await store.append(connection, suppression, ("hash", "reason", "at", "source", "detail"), stopped)
    return [number for number, _, person in new if person.consented_at is None]


async def _add(connection: AsyncConnection, new: list[tuple[int, str, Person]], *, now: datetime) -> None:
    columns = "id,address,normal,hash,first_name,last_name,locale,timezone,fields,status,joined_at,confirmed_at"
    columns += ",paused_until,rhythm"
    people: list[tuple[store.Value, ...]] = [
        (
            number,
            person.address.given,
            person.address.normal,
            hashed,
            person.first_name,
            person.last_name,
            person.locale,
            person.timezone,
            person.fields,
            "pending" if person.consented_at is None else "active",
            store.instant(person.joined_at or person.consented_at or now),
            store.instant(person.consented_at),
            store.instant(person.paused_until),
            person.rhythm,
        )
        for number, hashed, person in new
    ]
    await store.append(connection, subscriber, columns.split(","), people)
    choices: list[tuple[store.Value, ...]] = [
        (number, topic, "follow") for number, _, person in new for topic in person.topics if topic not in person.muted
    ]
    choices += [(number, topic, "mute") for number, _, person in new for topic in dict.fromkeys(person.muted)]
    await store.append(connection, choice, ("subscriber_id", "topic", "stance"), choices)
