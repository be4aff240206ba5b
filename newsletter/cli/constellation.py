"""`newsletter constellation`: the file that describes the series."""

import sys
import textwrap
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import edge, grouping
from newsletter.constellation import file as files
from newsletter.constellation import loading
from newsletter.constellation.difference import Difference, FieldChange, What
from newsletter.constellation.loading import Loaded
from newsletter.constellation.model import Constellation
from newsletter.constellation.schedule import DueMail, Replanned

app = grouping.group()

_WIDTH = 80

File = Annotated[Path, typer.Argument(help="The constellation file, in TOML.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@app.callback()
def constellation() -> None:
    """Check or load the file that describes the series."""


@app.command()
def check(file: File, as_json: AsJson = False) -> None:
    """Read a constellation file and say everything that is wrong with it, with its line; exit status 1 if anything is.

    Example: newsletter constellation check constellation.toml
    """
    found = _read(file, as_json=as_json)
    if as_json:
        edge.emit_json({"file": file, "ok": True, "faults": [], "constellation": found.to_document()})
    else:
        edge.say(f"{file}: {_summary(found)}")


@app.command()
def load(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Bring the database to what a constellation file says; shows the difference first, and asks on a terminal.

    What was sent stays sent; every mail that was not is planned afresh. Loading the same file again changes nothing.

    Example: newsletter constellation load constellation.toml --dry-run
    """
    found = _read(file, as_json=as_json)
    url = edge.settings().database
    seen = edge.run(_load(url, found, keep=False))
    if not as_json:
        _show(seen)
    if dry_run:
        done = seen
    elif seen.difference and not yes and sys.stdin.isatty() and not edge.confirm("Load it?"):
        edge.say("Nothing was changed.")
        raise typer.Exit(1)
    else:
        done = edge.run(_load(url, found, keep=True))
    if as_json:
        edge.emit_json(_plain(done, dry_run=dry_run))
    elif dry_run:
        edge.say("Nothing was changed: this was a dry run.")
    elif done.difference:
        edge.say(f"Loaded {found.slug}: {_summary(found)}")


def _read(file: Path, *, as_json: bool) -> Constellation:
    """The file, or its faults printed as compilers do (an editor jumps to `FILE:LINE:`) and exit status 1."""
    try:
        return files.read(file)
    except files.ConstellationError as error:
        if as_json:
            edge.emit_json({"file": file, "ok": False, "faults": error.faults})
        else:
            edge.warn(str(error))
        raise typer.Exit(1) from error


async def _load(url: str, found: Constellation, *, keep: bool) -> Loaded:
    now = edge.now()
    async with edge.opened(url) as database, database.begin() as connection:
        if keep:
            return await loading.load(connection, found, now, actor=edge.actor())
        return await loading.preview(connection, found, now)


def _summary(found: Constellation) -> str:
    if not found.events:
        return f"{found.name}, no events yet."
    mails = sum(len(event.mails) for event in found.events if not event.cancelled)
    last = max(found.events, key=lambda event: event.ends.astimezone(UTC))
    many = f"{_count(len(found.events), 'event')}, {found.events[0].starts:%Y-%m-%d} to {last.ends:%Y-%m-%d}"
    return f"{found.name}: {many}, {_count(mails, 'mail')}."


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def _show(loaded: Loaded) -> None:
    for line in (*_difference_lines(loaded.difference), *_plan_lines(loaded.plan)):
        edge.say(line)


def _difference_lines(difference: Difference) -> Iterator[str]:
    if difference.is_first:
        yield f"new        {difference.name} ({difference.slug})"
    elif not difference:
        yield "Nothing changes: the database holds this already."
    for field in difference.constellation:
        yield from _field_lines(field, indent="", label="changed    ")
    for change in difference.events:
        title = textwrap.shorten(f"{change.slug}: {change.title}", _WIDTH - 11, placeholder="…")
        yield f"{change.what:<10} {title}"
        for field in change.fields:
            yield from _field_lines(field, indent=" " * 11, label="")
    if {What.ADDED, What.REMOVED} <= {change.what for change in difference.events}:
        yield "note       A slug is for good: who chose a removed event has not chosen an added one."


def _field_lines(field: FieldChange, *, indent: str, label: str) -> Iterator[str]:
    whole = f"{indent}{label}{field.name}: {field.before or 'nothing'} → {field.after or 'nothing'}"
    if len(whole) <= _WIDTH and "\n" not in whole:
        yield whole
        return
    yield f"{indent}{label}{field.name}:"
    room = _WIDTH - len(indent) - 4
    for sign, text in (("-", field.before), ("+", field.after)):
        if text:
            yield from textwrap.wrap(text, room, initial_indent=f"{indent}  {sign} ", subsequent_indent=f"{indent}    ")


def _plan_lines(plan: Replanned) -> Iterator[str]:
    now = edge.now()
    at_once = [mail for mail in plan.planned if mail.due_at <= now]
    parts = {
        "planned": len(plan.planned),
        "skipped, as their time has passed": len(plan.skipped),
        "no more planned": len(plan.withdrawn),
    }
    said = [f"{count} {what}" for what, count in parts.items() if count]
    if said:
        yield f"mails      {'; '.join(said)}"
    for mail in at_once:
        yield f"           due at once: {mail.kind} of {mail.slug}"


def _plain(loaded: Loaded, *, dry_run: bool) -> dict[str, object]:
    plan = {
        name: [_plain_mail(mail) for mail in mails]
        for name, mails in (
            ("planned", loaded.plan.planned),
            ("skipped", loaded.plan.skipped),
            ("withdrawn", loaded.plan.withdrawn),
        )
    }
    return {"loaded": not dry_run, "difference": loaded.difference, "plan": plan}


def _plain_mail(mail: DueMail) -> dict[str, object]:
    return {"event": mail.slug, "kind": mail.kind, "due_at": mail.due_at}
