"""A workbook's sheet, row by row, in constant memory.

openpyxl reads what a cell means. It would also keep every text of the workbook, and an empty element of each row that
it has read; and it reads a sheet that does not say how long it is twice.
"""

import json
from array import array
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import lru_cache
from tempfile import TemporaryFile
from typing import IO, Any

from openpyxl.reader.excel import ExcelReader
from openpyxl.utils import range_boundaries
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import WorkSheetParser
from openpyxl.xml.constants import SHARED_STRINGS, SHEET_MAIN_NS
from openpyxl.xml.functions import iterparse

_ITEM, _TEXT, _RUN = (f"{{{SHEET_MAIN_NS}}}{name}" for name in ("si", "t", "r"))
_DIMENSION, _DATA, _ROW = (f"{{{SHEET_MAIN_NS}}}{name}" for name in ("dimension", "sheetData", "row"))

_TOGETHER = 256
"""Texts that are written and read at a time: a sheet names them much in the order in which they stand in the table."""

_KEPT = 128
"""How many times as many stay in memory."""


class Texts:
    """The one table of a workbook's texts (ECMA-376 part 1, section 18.4.9), in a file of our own, by number."""

    def __init__(self) -> None:
        self._file = TemporaryFile()  # noqa: SIM115 - `close` closes it
        self._places = array("Q", [0])
        self._last: list[str] = []
        self._block = lru_cache(_KEPT)(self._read)

    def close(self) -> None:
        """Let go of the file."""
        self._file.close()

    def append(self, text: str) -> None:
        """Add the next one."""
        self._last.append(text)
        if len(self._last) == _TOGETHER:
            self._file.write(json.dumps(self._last).encode())
            self._places.append(self._file.tell())
            self._last = []

    def __getitem__(self, number: int) -> str:
        """The text of that number, from 0. Raises ValueError for one that there is not."""
        block, place = divmod(number, _TOGETHER)
        texts = self._last if block == len(self._places) - 1 else self._block(block)
        if not 0 <= place < len(texts):
            raise ValueError(f"it names a text {number} that it does not have")
        return texts[place]

    def _read(self, block: int) -> list[str]:
        if not 0 <= block < len(self._places) - 1:
            return []
        self._file.seek(self._places[block])
        texts: list[str] = json.loads(self._file.read(self._places[block + 1] - self._places[block]))
        return texts


class _Sheet(ReadOnlyWorksheet):
    """Of which no more is read, to know how long it says it is, than stands before its rows."""

    def _get_size(self) -> None:
        with self._get_source() as source:  # type: ignore[attr-defined] # its types leave out what is not public
            for _, element in iterparse(source, ("start",)):
                if element.tag == _DIMENSION:
                    self._max_row = range_boundaries(element.get("ref", ""))[3]
                if element.tag in (_DIMENSION, _DATA):
                    return


class _Reader(ExcelReader):
    """Reads all but the rows, and the texts into a file."""

    def __init__(self, file: IO[bytes]) -> None:
        super().__init__(file, read_only=True, data_only=True)
        self.texts = Texts()
        self.shared_strings = self.texts  # type: ignore[assignment] # a list, of which a number is asked and no more

    def read_worksheets(self) -> None:
        for found, part in self.parser.find_sheets():
            if part.target in self.valid_files and "chartsheet" not in part.Type:
                sheet = _Sheet(self.wb, found.name, part.target, self.shared_strings)
                self.wb._sheets.append(sheet)  # type: ignore[attr-defined] # likewise

    def read_strings(self) -> None:
        part = self.package.find(SHARED_STRINGS)  # type: ignore[no-untyped-call] # it has no types
        if part is None:
            return
        with self.archive.open(part.PartName[1:]) as source:
            table: Any = None
            for event, element in iterparse(source, ("start", "end")):
                if table is None:
                    table = element
                elif event == "end" and element.tag == _ITEM:
                    runs = [element, *element.findall(_RUN)]  # not how a text is read aloud, which stands beside it
                    self.texts.append("".join(run.findtext(_TEXT) or "" for run in runs).replace("x005F_", ""))
                    table.clear()


@contextmanager
def opened(file: IO[bytes]) -> Iterator[Any]:
    """The workbook, of which no row has been read."""
    reader = _Reader(file)
    with closing(reader.texts):
        reader.read()
        yield reader.wb


def rows(book: Any, sheet: Any) -> Iterator[tuple[int, list[object]]]:
    """Each row that is there: its number, from 1, and its values, from the first column on."""
    with book._archive.open(sheet._worksheet_path) as source:
        parser = WorkSheetParser(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=book.epoch,
            date_formats=book._date_formats,
            timedelta_formats=book._timedelta_formats,
        )
        table: Any = None
        for event, element in iterparse(source, ("start", "end")):
            if element.tag == _DATA:
                if event == "end":
                    return
                table = element
            elif event == "end" and element.tag == _ROW:
                parser.row_counter, parser.col_counter = int(element.get("r", parser.row_counter + 1)), 0
                yield parser.row_counter, _values(parser, element)
                table.clear()


def _values(parser: WorkSheetParser, row: Any) -> list[object]:
    found: list[object] = []
    for cell in map(parser.parse_cell, row):
        column = cell["column"]
        found.extend([None] * (column - len(found)))
        found[column - 1] = cell["value"]
    return found
