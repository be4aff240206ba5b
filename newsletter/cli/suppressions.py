"""`newsletter suppressions`: the addresses never to be written to, as a list that goes in and out."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import edge, grouping, output, people_import, suppression_sync
from subscribers import importing, suppression, suppression_lists
from subscribers.suppression import Reason
from subscribers.suppression_lists import Report

app = grouping.group()

app.command("sync")(suppression_sync.sync)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def suppressions() -> None:
    """Sync, import, export the addresses never to be mailed."""


@app.command()
def count(as_json: AsJson = False) -> None:
    """Count the suppressed addresses, by reason.

    Example: newsletter suppressions count
    """
    settings = edge.settings()

    async def work() -> dict[Reason, int]:
        async with edge.opened(settings.database) as database, database.read() as connection:
            return await suppression.totals(connection)

    totals = edge.run(work())
    if as_json:
        edge.emit_json(totals)
    else:
        edge.table(
            ["reason", "addresses"],
            [(reason, f"{totals.get(reason, 0):,}") for reason in Reason],
            numbers=["addresses"],
        )


@app.command()
def export(
    target: output.Target = None,
    addresses: Annotated[
        bool, typer.Option("--addresses", help="Add the addresses of those who are still subscribers.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line instead of CSV.")] = False,
) -> None:
    """Print every suppression as CSV, by keyed hash: nobody can read an address out of it.

    Example: newsletter suppressions export -o gone.csv
    """
    settings = edge.settings()
    key = settings.secrets.hash_key.get_secret_value()
    form = suppression_lists.json_lines if as_json else suppression_lists.comma_separated

    async def work() -> int:
        number = 0
        async with edge.opened_by_key(settings) as database, database.read() as connection:
            with output.opened(target) as file:
                write = form(file, with_addresses=addresses)
                async for row in suppression_lists.everything(connection, key=key):
                    write(row)
                    number += 1
        return number

    edge.warn(f"{edge.counted(edge.run(work()), 'suppression')}.")


@app.command("import")
def import_file(
    file: Annotated[Path, typer.Argument(help="A CSV file or Excel workbook with a column called hash or email.")],
    mapping: Annotated[
        list[str] | None,
        typer.Option(
            "--map",
            metavar="COLUMN=FIELD",
            help="What a column holds: hash, email, reason, at, detail; - is nothing. Repeatable.",
        ),
    ] = None,
    dry_run: output.DryRun = False,
    rejects: output.Rejects = None,
    as_json: AsJson = False,
) -> None:
    """Suppress whom a file names, by hash or by address; a second time changes nothing.

    Columns reason, at and detail are read too. Without a reason, it is your decision. Where a provider's columns hold
    words of its own, say so: --map "reason=detail" --map "created=-".

    Example: newsletter suppressions import gone.csv --dry-run
    """
    settings = edge.settings()
    target = output.rejects(file, rejects)
    columns = people_import.mapping(mapping or [])

    async def work() -> Report:
        async with edge.opened_by_key(settings) as database:
            with importing.writing_rejects(target) as rejected:
                report = await suppression_lists.take(
                    file,
                    begin=database.read if dry_run else database.begin,
                    hash_key=settings.secrets.hash_key.get_secret_value(),
                    now=edge.now(),
                    dry_run=dry_run,
                    mapping=columns,
                    rejected=rejected,
                )
            if not dry_run:
                async with database.begin() as connection:
                    counts = {"suppressed": report.suppressed.total(), "refused": report.refused.total()}
                    await edge.audit(connection, "suppressions.imported", importing.in_words(file.name), **counts)
        return report

    report = edge.run(work())
    if as_json:
        edge.emit_json({**edge.plain(report), "rejects": importing.in_words(target) if report.refused else None})
    else:
        _tell(report, target)
    if report.took_nothing:
        raise typer.Exit(1)  # as an import of people of which every row is refused


def _tell(report: Report, rejects: Path) -> None:
    rows = [
        *((f"now suppressed: {reason}", number) for reason, number in sorted(report.suppressed.items())),
        ("suppressed before", report.known),
        ("confirmed here since: left alone", report.returned),
        *((f"refused: {fault}", number) for fault, number in sorted(report.refused.items())),
    ]
    shown = [(what, f"{number:,}") for what, number in rows if number]
    edge.table(["what became of them", "rows"], shown, numbers=["rows"])
    if report.refused:
        edge.say(f"Every refused row, with its number and the reason, is in {importing.in_words(rejects)}.")
    if report.dry_run:
        edge.say("This was a dry run: nothing was changed.")
