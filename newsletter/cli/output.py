"""What commands write: an export to stdout or a private file, refused rows beside it, other files, or nothing yet."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from newsletter.errors import NewsletterError
from subscribers import exporting

Target = Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of stdout.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")]
Rejects = Annotated[
    Path | None, typer.Option(help="Where to write refused rows.  [default: FILE with .rejects.csv, right here]")
]


class CannotWrite(NewsletterError):
    """A file or folder cannot be written."""


@contextmanager
def opened(target: Path | None) -> Iterator[TextIO]:
    """The file, or stdout. Raises CannotWrite."""
    if target is None:
        yield sys.stdout
        return
    try:
        file = exporting.private(target)
    except OSError as error:
        raise CannotWrite(f"{target}: {error.strerror or error}") from error
    with file:
        yield file


@contextmanager
def writing() -> Iterator[None]:
    """Work that writes files and makes folders where somebody said. Raises CannotWrite."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            raise  # of no file
        raise CannotWrite(f"{error.filename}: {error.strerror or error}") from error
