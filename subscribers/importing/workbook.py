"""An Excel workbook (.xlsx, .xlsm): its first sheet's rows, one by one.

The rows are streamed. What Excel keeps apart from them, the one table of all texts, is read whole: it cannot be longer
than a sheet, whose rows end at 1,048,576.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, datetime, time
from pathlib import Path
from typing import Any
from xml.etree.ElementTree import ParseError

from subscribers.importing.errors import ImportFailed
from subscribers.importing.record import Row, Source, check_header

_BOOK = "xl/workbook.xml"
_BROKEN = (zipfile.BadZipFile, zlib.error, ParseError, EOFError, KeyError, ValueError, TypeError, AttributeError)
"""What openpyxl lets through of a workbook that is damaged."""


def look(path: Path) -> Source:
    """Find the first sheet and its header. Raises ImportFailed for an archive that is no workbook, or a broken one."""
    with _opened(path) as book:
        sheet = book.worksheets[0]
        lines = int(sheet.max_row or 0)
        sheet.reset_dimensions()  # which some programs state wrongly: the sheet itself says where it ends
        for number, cells in _numbered(path, sheet):
            if any(cells):
                header = tuple(" ".join(cell.split()) for cell in cells)
                check_header(path, number, header)
                return Source(path, "", "", "Excel workbook", "", header, number, lines, False, sheet.title)
    raise ImportFailed(f"{path}: the file is empty: its first sheet has no rows")


def rows(source: Source) -> Iterator[Row]:
    """The rows below the header, empty ones left out. Raises ImportFailed where the workbook is broken."""
    with _opened(source.path) as book:
        sheet = book[source.sheet]
        sheet.reset_dimensions()
        for number, cells in _numbered(source.path, sheet):
            if number > source.header_row and any(cells):
                yield Row(number, cells, is_long=False)


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    import openpyxl  # here: it takes longer to import than a small file to read

    with path.open("rb") as file:
        try:
            with zipfile.ZipFile(file) as archive:
                if _BOOK not in archive.namelist():
                    raise ImportFailed(
                        f"{path}: this is an archive and no Excel workbook (.xlsx); save the sheet as “CSV UTF-8”"
                    )
            with warnings.catch_warnings(action="ignore"):  # about styles and the like, which nobody reads here
                book = openpyxl.load_workbook(file, read_only=True, data_only=True)
        except _BROKEN as error:
            raise _broken(path, error) from error
        if not book.worksheets:
            raise ImportFailed(f"{path}: this workbook has no sheet with cells")
        yield book


def _numbered(path: Path, sheet: Any) -> Iterator[tuple[int, list[str]]]:
    found = sheet.iter_rows(values_only=True)
    number = 0
    while True:
        try:
            values = next(found)
        except StopIteration:
            return
        except _BROKEN as error:
            raise _broken(path, error) from error
        number += 1
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
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return str(value)


def _broken(path: Path, error: Exception) -> ImportFailed:
    return ImportFailed(f"{path}: this workbook is damaged ({error}); open it in Excel and save it again")
