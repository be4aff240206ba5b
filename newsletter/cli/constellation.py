"""`newsletter constellation`: the file that describes the series."""

import textwrap
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path
from typing import Annotated

import typer

from newsletter.cli import changes, edge, grouping
from newsletter.constellation import file as files
from newsletter.constellation.model import Constellation

app = grouping.group()

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
        edge.prose(f"{file}: {_summary(found)}")
        for note in _places(found):
            edge.say(note)


@app.command()
def load(
    file: File,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    note: Annotated[str, typer.Option(help="What to say besides to those who are told of a change.")] = "",
    no_notices: Annotated[bool, typer.Option("--no-notices", help="Tell nobody of what changes.")] = False,
    force: changes.Force = "",
    as_json: AsJson = False,
) -> None:
    """Bring the database to what a constellation file says; shows the difference first, and asks on a terminal.

    What was sent stays sent; every mail that was not is planned afresh. Who had been told of an event that moves,
    changes its place or is called off is written to at once, and nobody else. What they are sent is checked first, as
    by `campaign check`, and an error stops it. The same file again changes nothing.

    Example: newsletter constellation load constellation.toml --dry-run
    """
    found = _read(file, as_json=as_json)
    options = changes.Options(dry_run=dry_run, yes=yes, as_json=as_json, tell=not no_notices, note=note, force=force)
    done = changes.carry_out(found, options)
    if done is not None and done.loaded.difference and not as_json:
        edge.prose(f"Loaded {found.slug}: {_summary(found)}")


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


def _summary(found: Constellation) -> str:
    if not found.events:
        return f"{found.name}, no events yet."
    mails = sum(len(event.mails) for event in found.events if not event.cancelled)
    last = max(found.events, key=lambda event: event.ends.astimezone(UTC))
    many = f"{edge.counted(len(found.events), 'event')}, {found.events[0].starts:%Y-%m-%d} to {last.last_day}"
    return f"{found.name}: {many}, {edge.counted(mails, 'mail')}."


def _places(found: Constellation) -> Iterator[str]:
    """What becomes of each capacity, since a number alone keeps nobody out."""
    for event in found.events:
        if event.rsvp and not event.cancelled:
            room = f"{edge.counted(event.capacity, 'place')}, then a waiting list" if event.capacity else "no limit"
            yield f"{event.slug}: asks who comes; {room}."
    only_told = [event.slug for event in found.events if event.capacity and not event.rsvp]
    if only_told:
        told = f"capacity is told and not kept, where there is no rsvp = true: {', '.join(only_told)}."
        yield from textwrap.wrap(told, 80)
