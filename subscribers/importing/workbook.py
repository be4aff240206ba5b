"""An Excel workbook (.xlsx, .xlsm): its first sheet's rows, one by one.

How one is opened, and what is said of one that is none; `sheet` reads it.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date, datetime, time
from itertools import islice
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from subscribers.importing.errors import ImportFailed
from subscribers.importing.record import Row, Source, check_header, column_name

_BOOK = "xl/workbook.xml"
_GLANCE = 100
"""Rows that are looked at to see whether a sheet holds anything."""

_BROKEN = (zipfile.BadZipFile, zlib.error, ParseError, EOFError, KeyError, ValueError, TypeError, AttributeError)
"""What openpyxl lets through of a workbook that is damaged."""


def look(path: Path) -> Source:
    """Find the first sheet and its header. Raises ImportFailed for an archive that is no workbook, or a broken one."""
    with _opened(path) as book:
        sheet = book.worksheets[0]
        lines = int(sheet.max_row or 0)
        for number, cells in _numbered(path, book, sheet):
            if any(cells):
                header = tuple(map(column_name, cells))
                check_header(path, number, header)
                unread = tuple(other.title for other in book.worksheets[1:] if _holds_something(path, book, other))
                return Source(path, "", "", "Excel workbook", "", header, number, lines, False, sheet.title, unread)
    raise ImportFailed(f"{path}: the file is empty: its first sheet has no rows")


def _holds_something(path: Path, book: Any, sheet: Any) -> bool:
    try:
        return any(any(cells) for _, cells in islice(_numbered(path, book, sheet), _GLANCE))
    except ImportFailed:  # what is wrong with a sheet that is not read matters to nobody
        return True


def rows(source: Source) -> Iterator[Row]:
    """The rows below the header, empty ones left out. Raises ImportFailed where the workbook is broken."""
    with _opened(source.path) as book:
        for number, cells in _numbered(source.path, book, book[source.sheet]):
            if number > source.header_row and any(cells):
                yield Row(number, cells, is_long=False)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    from subscribers.importing import sheet  # here: openpyxl takes longer to import than a small file to read

    with path.open("rb") as file, ExitStack() as stack:
        try:
            with zipfile.ZipFile(file) as archive:
                if _BOOK not in archive.namelist():
                    raise ImportFailed(
                        f"{path}: this is an archive and no Excel workbook (.xlsx); save the sheet as “CSV UTF-8”"
                    )
            with warnings.catch_warnings(action="ignore"):  # about styles and the like, which nobody reads here
                book = stack.enter_context(sheet.opened(file))
        except _BROKEN as error:
            raise _broken(path, error) from error
        if not book.worksheets:
            raise ImportFailed(f"{path}: this workbook has no sheet with cells")
        yield book


def _numbered(path: Path, book: Any, sheet: Any) -> Iterator[tuple[int, list[str]]]:
    from subscribers.importing.sheet import rows

    found = rows(book, sheet)
    while True:
        try:
            number, values = next(found)
        except StopIteration:
            return
        except _BROKEN as error:
            raise _broken(path, error) from error
        yield number, [_text(value) for value in values]


def _text(value: object) -> str:
    """A cell as its text in a CSV file would be."""
    match value:
        case None:
            return ""
        case str():
            return value.replace("\0", "").strip()
        case bool():
            return "true" if value else "false"
        case float() if value.is_integer():
            return str(int(value))
        case datetime() if value.time() == time():
            return value.date().isoformat()  # a workbook knows no days, only their midnights
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)


def _broken(path: Path, error: Exception) -> ImportFailed:
    return ImportFailed(f"{path}: this workbook is damaged ({error}); open it in Excel and save it again")
