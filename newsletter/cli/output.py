"""What commands write: an export to stdout or a private file, refused rows beside it, other files, or nothing yet."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from newsletter.errors import NewsletterError
from subscribers import exporting

Target = Annotated[Path | None, typer.Option("--output", "-o", help="A file instead of stdout, which - is too.")]
DryRun = Annotated[bool, typer.Option("--dry-run", help="Say what would happen; change nothing.")]
Rejects = Annotated[
    Path | None, typer.Option(help="Where to write refused rows.  [default: FILE with .rejects.csv, right here]")
]


class CannotWrite(NewsletterError):
    """A file or folder cannot be written."""


def rejects(file: Path, wanted: Path | None) -> Path:
    """Where the refused rows of a file go. Raises CannotWrite where that is the file itself, or cannot be."""
    target = wanted or Path(f"{file.stem}.rejects.csv")
    if target.exists() and file.exists() and target.samefile(file):
        raise CannotWrite(f"--rejects {target}: this is the file that is read; name another for the refused rows")
    if target.is_dir() or not target.parent.is_dir():
        what = "this is a folder" if target.is_dir() else f"there is no folder {target.parent}"
        raise CannotWrite(f"--rejects {target}: {what}")
    return target


@contextmanager
def opened(target: Path | None) -> Iterator[TextIO]:
    """The file, or stdout. Raises CannotWrite."""
    if target is None or str(target) == "-":
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
