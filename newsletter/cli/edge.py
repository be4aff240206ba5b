"""What every command does at its edge: read the settings, open the database, run, and print for people or scripts."""

import asyncio
import dataclasses
import gc
import getpass
import json
import re
import shutil
import sys
import textwrap
from collections.abc import AsyncIterator, Coroutine, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

import typer

from newsletter.clock import wall_clock

if TYPE_CHECKING:  # `newsletter --help` must not pay for these
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text
    from sqlalchemy.ext.asyncio import AsyncConnection

    from newsletter.database import Database
    from newsletter.settings import Settings

Result = TypeVar("Result")

_ALLOCATIONS = 50_000
"""Until Python looks for cycles again. Rows and mails form none, and looking after each 700 values took a quarter of an
import's time."""

_TURN_SECONDS = 0.001
"""For how long a thread keeps Python's interpreter from one that waits for it. The event loop lets go of it at every
statement of SQLite, and would wait five milliseconds to have it back from a thread that makes mails: for each."""

_COMMANDING = re.compile(
    r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]|\r(?!\n)"  # what a terminal obeys
    r"|[\u202a-\u202e\u2066-\u2069]"  # what turns the order of letters round
)


settings_file: ContextVar[Path] = ContextVar("settings_file", default=Path("newsletter.toml"))
"""The settings file of the command that runs now; the root command sets it from --settings."""


def settings(*, begins_templates: bool = False) -> "Settings":
    """The settings in force; the log is quiet from here on, for a command speaks for itself. Raises SettingsError."""
    from newsletter import logs
    from newsletter import settings as reading

    logs.configure(logs.QUIET)
    return reading.read(settings_file.get(), begins_templates=begins_templates)


def sender(settings: "Settings") -> str:
    """The command whose processes send by themselves."""
    return "`newsletter worker`" if settings.engine.kind == "procrastinate" else "`newsletter serve`"


def now() -> datetime:
    """The moment a command acts at."""
    return wall_clock()


def actor() -> str:
    """Who is at the terminal, for the audit table."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container may run under a number that has no name
        return "staff"


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's coroutine to its end; Ctrl-C cancels it, so that it can clean up.

    On uvloop, which makes a sender about a tenth faster.
    """
    from uvloop import new_event_loop

    gc.freeze()  # what has been imported stays: collections need not look at it again and again
    gc.set_threshold(_ALLOCATIONS, 20, 20)
    sys.setswitchinterval(_TURN_SECONDS)
    try:
        with asyncio.Runner(loop_factory=new_event_loop) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        raise SystemExit(130) from None


@asynccontextmanager
async def opened(url: str, *, pool: int = 8, for_import: bool = False) -> "AsyncIterator[Database]":
    """The database, refused with one clear line when it is not at this program's schema, or goes away meanwhile."""
    from newsletter import database as databases

    await databases.require_current(url)
    database = databases.connect(url, pool=pool, for_import=for_import)
    try:
        yield database
    except databases.UNUSABLE as error:
        raise databases.DatabaseError(databases.fault(url, error)) from error
    finally:
        await database.close()


@asynccontextmanager
async def opened_by_key(settings: "Settings", *, pool: int = 8, for_import: bool = False) -> "AsyncIterator[Database]":
    """`opened`, for whatever knows people by the hash of their address. Raises SettingsError for another key's."""
    from newsletter.cli import hash_key

    async with opened(settings.database, pool=pool, for_import=for_import) as database:
        async with database.read() as connection:
            await hash_key.require_same(connection, settings)
        yield database


async def audit(connection: "AsyncConnection", action: str, subject: str, **detail: Any) -> int:
    """Write down who did what to what, in the transaction that does it; the number of the row."""
    from sqlalchemy import insert

    from newsletter.tables import audit as table

    row = {"at": now(), "actor": actor(), "action": action, "subject": subject, "detail": plain(detail)}
    return (await connection.execute(insert(table).values(**row).returning(table.c.id))).scalar_one()


async def complete(connection: "AsyncConnection", number: int, **detail: Any) -> None:
    """Write down what came of it, in a row that was there since it began."""
    from sqlalchemy import update

    from newsletter.tables import audit as table

    await connection.execute(update(table).where(table.c.id == number).values(detail=plain(detail)))


def moment(at: datetime | None) -> str:
    """A moment in UTC for a table: `2021-02-03 20:00`, or nothing."""
    return "" if at is None else f"{at.astimezone(UTC):%Y-%m-%d %H:%M}"


def counted(number: int, noun: str) -> str:
    """So many of something: `1 mail`, `2,000 mails`."""
    return f"{number:,} {noun}" if number == 1 else f"{number:,} {noun}s"


def legible(text: str) -> str:
    """Text of somebody else's for a terminal, without what would command it."""
    return _COMMANDING.sub("\N{REPLACEMENT CHARACTER}", text)


def people(count: int) -> str:
    """`1 person`, `1,200 people`."""
    return "1 person" if count == 1 else f"{count:,} people"


def say(line: str = "") -> None:
    """One line on stdout."""
    typer.echo(legible(line))


def prose(line: str) -> None:
    """A line on stdout that goes on below where the terminal ends (at 80 columns where there is none), a little in."""
    begins = line[: len(line) - len(line.lstrip())]
    typer.echo(legible("\n".join(_between_words(line, begins + "  "))))


def _between_words(line: str, indent: str) -> list[str]:
    """A line cut where the terminal ends; all that follows stands a little in."""
    return textwrap.wrap(line, columns(), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)


def warn(line: str) -> None:
    """A line on stderr, for what a person should see and a pipe should not; on a terminal, as `fail` has it."""
    typer.echo(legible("\n".join(_on_stderr(line.splitlines()))), err=True)


def fail(message: str) -> NoReturn:
    """End by a message on stderr. On a terminal, a long line goes on below, between words; elsewhere it stays one."""
    lines = _on_stderr([f"newsletter: {line}" for line in message.splitlines()])
    sys.stderr.write("".join(f"{line}\n" for line in lines))
    sys.exit(1)


def _on_stderr(lines: list[str]) -> list[str]:
    is_one = len(lines) == 1  # several may point at something in each other
    return _between_words(lines[0], "  ") if is_one and sys.stderr.isatty() else lines


def is_terminal() -> bool:
    """Whether a person watches stdout; progress bars are for them only."""
    return sys.stdout.isatty()


def asks() -> bool:
    """Whether a person can answer a question."""
    return sys.stdin.isatty()


def confirm(question: str) -> bool:
    """Ask on a terminal; without one nobody can answer, so the answer is yes only by an explicit option."""
    return asks() and typer.confirm(question)


def emit_json(value: Any) -> None:
    """One JSON document on stdout: dataclasses as objects, datetimes as ISO 8601."""
    typer.echo(json.dumps(plain(value), ensure_ascii=False, indent=2))


def emit_json_lines(values: Iterable[Any]) -> None:
    """One JSON document a line, as they come."""
    for value in values:
        typer.echo(json.dumps(plain(value), ensure_ascii=False))


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    match value:
        case Enum():
            return value.value
        case datetime():
            return value.isoformat()
        case Path():
            return str(value)
        case Mapping():
            return {str(plain(key)): plain(item) for key, item in value.items()}
        case str() | int() | float() | bool() | None:
            return value
        case Iterable():
            return [plain(item) for item in value]
        case _ if dataclasses.is_dataclass(value):
            return {field.name: plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
        case _:
            return str(value)


def clear() -> None:
    """Begin again at the top of an empty terminal."""
    from rich.console import Console

    Console().clear()


def columns() -> int:
    """How wide the terminal is; 80 where there is none."""
    return shutil.get_terminal_size().columns if is_terminal() else 80


def draw(lines: "Iterable[Text]") -> None:
    """Print lines in their colours, where there is a terminal that has some."""
    from rich.console import Console

    console = Console(highlight=False, width=columns())
    for line in lines:
        console.print(line, no_wrap=True, crop=True)


def grid(
    columns: Sequence[str],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Sequence[str] = (),
    whole: Sequence[str] = (),
    close: bool = False,
) -> "Table":
    """A table as ours look, or with its columns `close` together.

    Columns in `numbers` align right; in those in `whole`, no cell goes on in a second line.
    """
    from rich import box
    from rich.table import Table
    from rich.text import Text

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), collapse_padding=close)
    for column in columns:
        side: Literal["left", "right"] = "right" if column in numbers else "left"
        made.add_column(column, justify=side, overflow="fold", no_wrap=column in whole)
    for row in rows:
        made.add_row(*[Text("" if cell is None else legible(str(cell))) for cell in row])
    return made


def table(
    columns: Sequence[str], rows: Iterable[Sequence[object]], *, numbers: Sequence[str] = (), whole: Sequence[str] = ()
) -> None:
    """Print a `grid` that fits the terminal (80 columns when there is none)."""
    show(grid(columns, rows, numbers=numbers, whole=whole))


def show(made: "RenderableType") -> None:
    """Print what rich renders so that it fits the terminal, or 80 columns where there is none."""
    from rich.console import Console

    Console(highlight=False, width=None if is_terminal() else 80).print(made)
