"""The transactions of an import: what is known of rows, what is decided on them, and all of it written at once.

On SQLite, which has one lock for all who write, an import shall neither make others wait nor take longer for their sake
while there are none. So it writes thousands of rows at once, since a page of an index is then written once for many of
them; and looks all the while whether anybody waits. Then it drops what it had begun, which takes no time where
committing it would take long, and writes few rows at a time until nobody has written anything for a while.
"""

import asyncio
import json
import sqlite3
import time
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import text
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers.consent import Action, Actor
from subscribers.importing import copied, moments, staged, store
from subscribers.importing import plan as plans
from subscribers.importing.errors import ImportFailed
from subscribers.importing.plan import Plan, Rows
from subscribers.importing.report import Report
from subscribers.importing.seen import Seen
from subscribers.suppression import Finding, suppress_all
from subscribers.tables import consent, suppression

_FEW, _GAP = 256, 0.002
"""Rows of a transaction while others write, and seconds between two: whoever joins waits for some milliseconds, and who
looks once in a millisecond whether they may write finds that they may."""

_COURTEOUS = 2.0
"""Seconds after somebody else wrote or waited, until as much is written at once as there is."""

_LOOK, _LONGEST_WAIT = 0.001, 0.1
"""Seconds between two looks at whether somebody waits, and for how long they are let go first."""

_TRIES = 8
_SOURCE = "import"
_VERSION = text("PRAGMA data_version")
"""What SQLite calls the state of the file; another connection that writes changes it."""


class Asking(Protocol):
    """How pending people are asked, by mail, whether they want ours: not this package's to know."""

    async def never_asked(self, connection: AsyncConnection, subscriber_ids: Sequence[int]) -> list[int]:
        """Those who were not asked before, by their own joining or by an import."""

    async def unanswered(self, connection: AsyncConnection, hashes: Collection[str]) -> set[str]:
        """Those of these addresses, by hash, that an import had asked before, of people who are forgotten since."""

    async def ask(self, connection: AsyncConnection, subscriber_ids: Sequence[int]) -> None:
        """Have them asked."""


class Database(Protocol):
    """Where people are written to."""

    @property
    def is_sqlite(self) -> bool:
        """Whether one lock is for all who write."""

    def begin(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """A transaction that writes."""

    def here(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One that takes no thread, for some hundred rows."""

    def read(self) -> AbstractAsyncContextManager[AsyncConnection]:
        """One that only reads."""

    def is_awaited(self) -> bool:
        """Whether anybody waits until they may write."""


@dataclass(slots=True)
class Batch:
    """Rows that were read, and their people as they wait to be written."""

    rows: Rows
    people: "staged.Staged | copied.Copied"


@dataclass(frozen=True, slots=True)
class _Asked:
    """Whom to ask: who was pending before, by id, and who is new, by row; and how many not, since they were once."""

    ids: Sequence[int] = ()
    rows: Sequence[int] = ()
    unanswered: int = 0


@dataclass(slots=True)
class Writer:
    """Writes batches into a database, or does as if it wrote them, and counts in the report what that came to."""

    database: Database
    report: Report
    file: str
    seen: Seen
    asking: Asking | None
    now: datetime
    _version: int | None = None
    _courteous_until: float = 0.0
    _meets_nobody: bool | None = None
    """Whether nobody of the list was a subscriber so far; None before the first batch."""

    async def take(self, batch: Batch) -> None:
        """Decide on a batch and write it, by one transaction or by some. Someone may join just now by the form: then
        what that transaction was to write is decided on afresh."""
        done = 0
        while done < len(batch.rows.numbers):
            done += await self._take_some(batch, done)

    async def close(self) -> None:
        """Free what memory of the database's own was used."""
        if self.database.is_sqlite and not self.report.dry_run:
            async with self.database.begin() as connection:
                await staged.forget(connection)

    @property
    def _is_courteous(self) -> bool:
        return time.monotonic() < self._courteous_until

    async def _take_some(self, batch: Batch, start: int) -> int:
        """Take as many as one transaction should; answer how many."""
        for _ in range(_TRIES):
            is_brief = self.database.is_sqlite and self._is_courteous
            try:
                async with self._transaction(is_brief=is_brief) as connection:
                    if not self.report.dry_run:
                        await batch.people.ready(connection)
                    await self._look_who_else_writes(connection)
                    is_few = self.database.is_sqlite and self._is_courteous
                    rows = batch.rows.cut(start, _FEW if is_few else len(batch.rows.numbers))
                    known = await self._known(connection, rows)
                    named = rows.hashes if self.report.dry_run else known.subscribers.keys() | known.suppressed.keys()
                    plan = await self._decide(connection, rows, known, named)
                    whom = await self._whom_to_ask(connection, rows, known, plan)
                    if not self.report.dry_run:
                        ids = await self._write(connection, batch, plan)
                        if self.asking is not None:
                            by_row = dict(zip(plan.new, ids, strict=True)) if plan.pending else {}
                            await self.asking.ask(connection, [*whom.ids, *(by_row[row] for row in whom.rows)])
            except store.Conflict:
                self._meets_nobody = False
                await self._let_others_in()
                continue
            await self._let_others_in()
            self.seen.add({*named, *plan.stopped})
            for first, last in batch.people.runs(ids) if plan.new and not self.report.dry_run else ():
                self.seen.gave(first, last)
            self.report.counts.add(plan.counts)
            self.report.asked += len(whom.ids) + len(whom.rows)
            self.report.unanswered += whom.unanswered
            return len(rows.numbers)
        raise ImportFailed(f"{self.report.file}: the database kept changing underneath; import the file again to go on")

    @asynccontextmanager
    async def _transaction(self, *, is_brief: bool) -> AsyncIterator[AsyncConnection]:
        """One for some rows. Raises Conflict where it was dropped, since somebody waited."""
        if self.report.dry_run:
            opened = self.database.read()
        else:
            opened = self.database.here() if is_brief else self.database.begin()
        looking: asyncio.Task[None] | None = None
        try:
            async with opened as connection:
                if self.database.is_sqlite and not is_brief and not self.report.dry_run:
                    looking = asyncio.create_task(self._give_way(connection))
                yield connection
        except (OperationalError, sqlite3.OperationalError) as error:  # the driver's own, where people are given to it
            if getattr(getattr(error, "orig", error), "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT:
                raise store.Conflict from error
            raise
        finally:
            if looking is not None:
                looking.cancel()

    async def _give_way(self, connection: AsyncConnection) -> None:
        """Break a transaction off as soon as somebody waits for it."""
        driver: Any = (await connection.get_raw_connection()).driver_connection
        while True:
            await asyncio.sleep(_LOOK)
            if self.database.is_awaited():
                self._courteous_until = time.monotonic() + _COURTEOUS
                driver.interrupt()

    async def _look_who_else_writes(self, connection: AsyncConnection) -> None:
        if self.database.is_sqlite:
            before, self._version = self._version, await connection.scalar(_VERSION)
            if before not in (None, self._version):
                self._courteous_until = time.monotonic() + _COURTEOUS

    async def _let_others_in(self) -> None:
        await asyncio.sleep(_GAP if self._is_courteous else 0)
        until = time.monotonic() + _LONGEST_WAIT
        while self.database.is_awaited() and time.monotonic() < until:
            self._courteous_until = time.monotonic() + _COURTEOUS
            await asyncio.sleep(_GAP / 2)

    async def _known(self, connection: AsyncConnection, rows: Rows) -> store.Known:
        """Who of these is known. While nobody of a list was, PostgreSQL is asked for no subscriber: its indexes refuse
        whom it has, and from then on it is. To look everybody up takes it a twelfth of an import."""
        are_new = self._meets_nobody is True and not (rows.stops or self.report.dry_run or self.database.is_sqlite)
        known = await store.known(connection, rows.hashes, are_new=are_new)
        self._meets_nobody = self._meets_nobody is not False and not known.subscribers
        return known

    async def _decide(
        self, connection: AsyncConnection, rows: Rows, known: store.Known, named: Collection[str]
    ) -> Plan:
        ids = [known.subscribers[stop.hash][0] for stop in rows.stops.values() if stop.hash in known.subscribers]
        before = self.seen.among(named, known.subscribers) if named else ()
        return plans.decide(rows, known, before, await store.asked_us(connection, ids) if ids else ())

    async def _whom_to_ask(self, connection: AsyncConnection, rows: Rows, known: store.Known, plan: Plan) -> _Asked:
        if self.asking is None or not (plan.pending or plan.waiting):
            return _Asked()
        if plan.waiting and not self.report.dry_run:
            await store.hold(connection, plan.waiting)
        hashes, waiting = dict(zip(rows.numbers, rows.hashes, strict=True)), set(plan.waiting)
        new = {hashes[row]: row for row in plan.pending}
        old = {hashed: number for hashed, (number, _) in known.subscribers.items() if number in waiting}
        before = await self.asking.unanswered(connection, [*new, *old])
        return _Asked(
            await self.asking.never_asked(
                connection, [number for hashed, number in old.items() if hashed not in before]
            ),
            [row for hashed, row in new.items() if hashed not in before],
            len(before),
        )

    async def _write(self, connection: AsyncConnection, batch: Batch, plan: Plan) -> Sequence[int]:
        """Write it; the ids of the new people."""
        at = moments.written(self.now)
        ids = await batch.people.write(connection, plan, at=at, source=_SOURCE)
        evidence: list[tuple[store.Value, ...]] = [
            (
                number,
                at,
                Action.SUPPRESSED.value,
                Actor.STAFF.value,
                _SOURCE,
                json.dumps({"file": self.file, "row": stop.row}, ensure_ascii=False),
            )
            for number, stop in [*plan.stopped.values(), *plan.raised.items()]
            if number is not None
        ]
        await store.append(
            connection, consent, ("subscriber_id", "at", "action", "actor", "source", "detail"), evidence
        )
        stopped: list[tuple[store.Value, ...]] = [
            (hashed, stop.reason.value, moments.written(stop.at or self.now), _SOURCE, f"{self.file}, row {stop.row}")
            for hashed, (_, stop) in plan.stopped.items()
        ]
        await store.append(connection, suppression, ("hash", "reason", "at", "source", "detail"), stopped)
        firmer = [
            Finding(stop.hash, stop.reason, stop.at or self.now, _SOURCE, f"{self.file}, row {stop.row}")
            for stop in plan.firmer
        ]
        await suppress_all(connection, firmer)
        return ids
