"""What `newsletter subscribers import` does and says."""

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.cli import edge
from newsletter.constellation import store
from newsletter.database import Database
from newsletter.delivery import transactional, unanswered
from newsletter.settings import Settings
from subscribers import importing
from subscribers.importing import Fault, Field, Report


def mapping(pairs: list[str]) -> dict[str, str]:
    """Read `--map COLUMN=FIELD` options; a wrong one is a usage error."""
    columns = {}
    for pair in pairs:
        column, equals, field = pair.rpartition("=")
        if not equals or not column or not field:
            raise typer.BadParameter(f'{pair}: write COLUMN=FIELD, as in --map "Mail=email"', param_hint="--map")
        columns[column] = field
    return columns


_OTHERWISE_MEANT = {Fault.STATUS: Field.STATUS, Fault.EVENTS: Field.EVENTS}
"""Faults that the rows of a column have which is called as ours is, and is about something else."""


@dataclass(frozen=True, slots=True)
class ByMail:
    """Asks pending people by mail whether they want ours: each once, ever."""

    now: datetime

    async def never_asked(self, connection: AsyncConnection, subscriber_ids: Sequence[int]) -> list[int]:
        """Those who were not asked before."""
        return await transactional.never_asked(connection, subscriber_ids)

    async def unanswered(self, connection: AsyncConnection, hashes: Collection[str]) -> set[str]:
        """Those of these addresses that an import had asked before, of people who are forgotten since."""
        return await unanswered.among(connection, hashes)

    async def ask(self, connection: AsyncConnection, subscriber_ids: Sequence[int]) -> None:
        """Have them asked; the engine sends these mails after all that people asked for themselves."""
        await transactional.ask(connection, subscriber_ids, now=self.now)


async def run(
    settings: Settings, file: Path, columns: dict[str, str], rejects: Path, *, ask: bool, dry_run: bool
) -> Report:
    """Import a file into the database in force, under a bar where somebody watches.

    An audit row says from its beginning on who began it, and at its end what it came to: also of one that is killed.
    """
    async with edge.opened_by_key(settings, for_import=True) as database:
        async with database.read() as connection:
            events = {stored.event.slug for stored in await store.events(connection)}
            language, zone = await store.language(connection), ZoneInfo(await store.timezone(connection))
        with importing.writing_rejects(rejects) as rejected, _bar(importing.in_words(file.name)) as progressed:
            now = edge.now()
            began = None if dry_run else await _begun(database, importing.in_words(file.name))
            report = await importing.run(
                file,
                database=database,
                hash_key=settings.secrets.hash_key.get_secret_value(),
                now=now,
                mapping=columns,
                events=events or None,
                language=language,
                days_in=zone,
                asking=ByMail(now) if ask else None,
                dry_run=dry_run,
                rejected=rejected,
                progressed=progressed,
            )
        if began is not None:
            async with database.begin() as connection:
                await edge.complete(connection, began, **_plain_counts(report))
    return report


async def _begun(database: Database, name: str) -> int:
    async with database.begin() as connection:
        return await edge.audit(connection, "subscribers.imported", name, finished=False)


@contextmanager
def _bar(title: str) -> Iterator[Callable[[int, int], None] | None]:
    """A bar with rate and remaining time on a terminal, nothing elsewhere."""
    if not edge.is_terminal():
        yield None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from newsletter.cli.progress import Rate

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(title, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _plain_counts(report: Report) -> dict[str, Any]:
    counts = report.counts
    return {
        "rows": counts.rows,
        "active": counts.active,
        "pending": counts.pending,
        "asked": report.asked,
        "unanswered": report.unanswered,
        "promoted": counts.promoted,
        "known": counts.known,
        "duplicates": counts.duplicates,
        "kept_out": dict(counts.kept_out),
        "stopped": dict(counts.stopped),
        "refused": dict(counts.refused),
    }


def plain(report: Report, rejects: Path) -> dict[str, Any]:
    """The report as JSON has it."""
    return {
        "file": report.file,
        "dry_run": report.dry_run,
        "encoding": report.encoding,
        "sample": report.sample,
        "delimiter": report.delimiter,
        "sheet": report.sheet,
        "unread": report.unread,
        "layout": report.layout,
        "columns": report.columns,
        "ignored": report.ignored,
        **_plain_counts(report),
        "remarks": dict(report.remarks),
        "first_rows": dict(report.first),
        "rejects": importing.in_words(rejects) if report.counts.refused else None,
    }


def tell(report: Report, rejects: Path) -> None:
    """Print the report for people."""
    counts = report.counts
    _tell_file(report)
    if not counts.rows:
        edge.say("There are no rows below its header.")
        return
    rows: list[tuple[str, str]] = [
        ("new, consent proven: active", f"{counts.active:,}"),
        ("new, no proof: pending, not mailed", f"{counts.pending:,}"),
        ("pending before, now proven: active", f"{counts.promoted:,}"),
        ("here already, unchanged", f"{counts.known:,}"),
        ("named by an earlier row", f"{counts.duplicates:,}"),
        *((f"kept out: {reason}", f"{count:,}") for reason, count in sorted(counts.kept_out.items())),
        *((f"now suppressed: {reason}", f"{count:,}") for reason, count in sorted(counts.stopped.items())),
        *((f"refused: {fault}", f"{count:,}") for fault, count in sorted(counts.refused.items())),
    ]
    edge.table(["what became of them", "rows"], [row for row in rows if row[1] != "0"], numbers=["rows"])
    if report.asked:
        edge.say(f"Pending, and {'to be ' if report.dry_run else ''}asked once, by mail: {report.asked:,}.")
    if report.unanswered:
        edge.prose(f"Asked by an import before, without an answer, and not asked again: {report.unanswered:,}.")
    if counts.pending and not (report.asked or report.unanswered):
        edge.prose("Nobody pending is written to. With --ask, each is asked once, by mail, whether they want yours.")
    for remark, count in sorted(report.remarks.items()):
        edge.say(f"{_rows(count, report.first[remark])}: {remark}.")
    for fault, field in _OTHERWISE_MEANT.items():
        if counts.refused[fault] and (column := _column(report, field)):
            edge.prose(f'If “{column}” says something else in this file, leave it out: --map "{column}=-".')
    if counts.refused:
        edge.say(f"Every refused row, with its number and the reason, is in {importing.in_words(rejects)}.")
    if report.dry_run:
        edge.say("This was a dry run: nothing was changed.")


def _column(report: Report, field: str) -> str:
    """The column that was read as a field; empty where there is none."""
    return next((column for column, read in report.columns.items() if read == field), "")


def _tell_file(report: Report) -> None:
    """How the file was read."""
    how = f"sheet “{report.sheet}”" if report.sheet else f"{report.delimiter}-separated"
    edge.say(f"{report.file}: {report.encoding}, {how}, layout {report.layout}.")
    if report.sample:
        edge.prose(f"The encoding is a guess, which reads “{report.sample}”. If that is wrong, save it as “CSV UTF-8”.")
    _list("Read", [f"{column} as {field}" for column, field in report.columns.items()])
    if report.ignored:
        _list("Left out", report.ignored)
    if report.unread:
        _list("Only the first sheet is read, and not", [f"“{sheet}”" for sheet in report.unread])


def _rows(count: int, first: int) -> str:
    return f"Row {first}" if count == 1 else f"{count:,} rows, row {first} first"


def _list(what: str, names: Sequence[str]) -> None:
    edge.prose(f"{what}: {', '.join(names)}.")
