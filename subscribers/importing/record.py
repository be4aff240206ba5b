"""What a file of people is once it has been looked at, whatever its format: a header, and rows below it."""

import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from subscribers.importing.errors import ImportFailed


class Row(NamedTuple):
    """One record. `number` is what a spreadsheet shows: the header is 1. `is_long` if it takes several lines."""

    number: int
    cells: list[str]
    is_long: bool


@dataclass(frozen=True, slots=True)
class Source:
    """A file that was looked at once: how to read it, and roughly how many rows it has (its line ends).

    A workbook has a `sheet`, and neither encoding nor delimiter; `unread` are its other sheets that hold something.
    Where the encoding is a guess, `sample` is a word as it is read.
    """

    path: Path
    encoding: str
    errors: str
    encoding_name: str
    delimiter: str
    header: tuple[str, ...]
    header_row: int
    lines: int
    has_zeros: bool
    sheet: str = ""
    unread: tuple[str, ...] = ()
    sample: str = ""


def column_name(cell: str) -> str:
    """What a header calls a column, on one line: without what nobody sees, and with letters as keyboards type them.

    A form's question has line breaks, a name from a web page blanks that do not break, and a Mac writes `é` as two
    signs.
    """
    seen = "".join(sign for sign in cell if unicodedata.category(sign) != "Cf")
    return " ".join(unicodedata.normalize("NFC", seen).split())


def in_words(path: Path | str) -> str:
    """A path as databases and terminals take it: a file's name is bytes, and on an old disk they may be no UTF-8."""
    return str(path).encode(errors="replace").decode()


def check_header(path: Path, number: int, header: tuple[str, ...]) -> None:
    """Whether a row can be the header. Raises ImportFailed."""
    if any("@" in cell for cell in header):
        raise ImportFailed(
            f"{path}:{number}: the first row must name the columns, and it holds an address;"
            " write a row such as email,first_name,last_name above it"
        )
    if not all(cell.isprintable() for cell in header):
        raise ImportFailed(f"{path}: this is no CSV file: its first row is not text")
