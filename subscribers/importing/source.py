"""A CSV file as people save it: its encoding and delimiter are found out, its rows come one by one.

A workbook is handed on to whoever reads those.
"""

import codecs
import csv
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import TextIO

from subscribers.importing import workbook
from subscribers.importing.errors import ImportFailed
from subscribers.importing.record import Row, Source, check_header, column_name

LONGEST_CELL = 131_072
"""Characters; the csv module's own limit. More is a quotation mark that was never closed."""

_DELIMITERS = ",;\t|"
_CHUNK = 1 << 20
_LONGEST_HEADER = 200
"""Lines, below the first, that a header may have: where columns are called as a form asked, each has some."""
_STRAY = "subscribers.stray-windows-1252"
_ZIP = b"PK\x03\x04"

_FORMATS = {
    b"\xd0\xcf\x11\xe0": "an old Excel workbook, or one with a password; open it and save it as .xlsx without one",
    b"%PDF": "a PDF, not a CSV file",
    b"\x1f\x8b": "a gzip archive, not a CSV file; unpack it first",
    b'{"': "JSON, not a CSV file; our own export writes one without --json",
    b"[{": "JSON, not a CSV file",
    b"SQLite format 3": "a SQLite database, not a CSV file",
}
_WORKBOOKS = {".xlsx", ".xlsm"}
_GUESSED = {"cp1252", "latin-1"}
"""Any bytes can be read by them, those of another alphabet too."""

_LETTER, _SIGN = r"[^\W\d_]", r"[^\x00-\x7f]"
_WORD = re.compile(f"(?:{_LETTER}{{1,20}}{_SIGN}|{_SIGN}{_LETTER}){_LETTER}{{0,20}}")
"""A word with a sign that is not ASCII's: what is a letter elsewhere may be read as none."""

_BOMS = {
    codecs.BOM_UTF8: ("utf-8-sig", "UTF-8 with a byte order mark"),
    codecs.BOM_UTF16_LE: ("utf-16", "UTF-16"),
    codecs.BOM_UTF16_BE: ("utf-16", "UTF-16"),
}


def look(path: Path) -> Source:
    """Find out how to read a file. Raises ImportFailed for what is no CSV file or workbook with a header."""
    try:
        start, lines, is_utf8, has_zeros = _scan(path)
    except OSError as error:
        raise ImportFailed(f"{path}: {error.strerror or error}") from error
    if not start.strip(b"\0 \t\r\n"):
        raise ImportFailed(f"{path}: the file is empty")
    if start.startswith(_ZIP):
        return workbook.look(path)
    for magic, what in _FORMATS.items():
        if start.startswith(magic):
            raise ImportFailed(f"{path}: this is {what}")
    if path.suffix.lower() in _WORKBOOKS:
        raise ImportFailed(f"{path}: this is no Excel workbook, whatever its name; save it as one again, or as .csv")
    encoding, errors, name = _encoding(path, start, is_utf8=is_utf8)
    with _text(path, encoding, errors) as file:
        delimiter, header, row = _header(path, file)
    sample = _sample(start, encoding, errors) if encoding in _GUESSED else ""
    return Source(path, encoding, errors, name, delimiter, header, row, lines, has_zeros, sample=sample)


def rows(source: Source) -> Iterator[Row]:
    """The records below the header, empty ones left out. Raises ImportFailed where the file stops being CSV."""
    if source.sheet:
        yield from workbook.rows(source)
        return
    with _text(source.path, source.encoding, source.errors) as file:
        reader = csv.reader(file, delimiter=source.delimiter)
        line = 0
        try:
            for number, cells in enumerate(reader, 1):
                before, line = line, reader.line_num
                if source.has_zeros:
                    cells = [cell.replace("\0", "") for cell in cells]
                if number > source.header_row and any(cells):
                    yield Row(number, cells, line > before + 1)
        except csv.Error as error:
            raise ImportFailed(
                f"{source.path}:{line + 1}: a quotation mark opens about here and is never closed ({error});"
                " nothing is read from there on, so mend this and import the file again"
            ) from error


@contextmanager
def _text(path: Path, encoding: str, errors: str) -> Iterator[TextIO]:
    with path.open(encoding=encoding, errors=errors, newline="") as file:
        yield file


def _scan(path: Path) -> tuple[bytes, int, bool, bool]:
    """The first bytes, the number of line ends, whether it is UTF-8 to its end, and whether any byte is zero."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    start, lines, is_utf8, has_zeros = b"", 0, True, False
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            start = start or chunk
            has_zeros = has_zeros or b"\0" in chunk
            lines += chunk.count(b"\n") or chunk.count(b"\r")
            if is_utf8:
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError:
                    is_utf8 = False
    if is_utf8:
        try:
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            is_utf8 = False
    return start, lines, is_utf8, has_zeros


def _encoding(path: Path, start: bytes, *, is_utf8: bool) -> tuple[str, str, str]:
    """Codec, error handler, and the name to tell people."""
    for mark, (codec, name) in _BOMS.items():
        if start.startswith(mark):
            return codec, "replace" if codec == "utf-16" else _STRAY, name
    even, odd = start[:4096:2].count(0), start[1:4096:2].count(0)
    if odd > 8 * even and odd > len(start[:4096]) // 5:  # Latin letters, whose upper byte is zero
        return "utf-16-le", "replace", "UTF-16"
    if even > 8 * odd and even > len(start[:4096]) // 5:
        return "utf-16-be", "replace", "UTF-16"
    if even + odd > 8:
        raise ImportFailed(f"{path}: this is a binary file, not a CSV file")
    if is_utf8:
        return "utf-8", "strict", "UTF-8"
    kept = start.decode("utf-8", "ignore")
    proper = sum(1 for sign in kept if sign > "\x7f")
    stray = len(start) - len(kept.encode())
    if proper > stray:
        return "utf-8", _STRAY, "UTF-8 with stray Windows-1252 letters"
    if any(0x80 <= byte < 0xA0 for byte in start):
        return "cp1252", _STRAY, "Windows-1252"
    return "latin-1", "strict", "Latin-1 (Windows-1252)"


def _sample(start: bytes, encoding: str, errors: str) -> str:
    """A word as it is read, by which people see whether the encoding is right."""
    found = _WORD.search(start.decode(encoding, errors))
    return found[0] if found else ""


def _decode_stray(error: UnicodeError) -> tuple[str, int]:
    """Read bytes that are not UTF-8 as Windows-1252, and what that does not know as Latin-1."""
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    try:
        text = wrong.decode("cp1252")
    except UnicodeDecodeError:
        text = wrong.decode("latin-1")
    return text, error.end


codecs.register_error(_STRAY, _decode_stray)


def _header(path: Path, file: TextIO) -> tuple[str, tuple[str, ...], int]:
    """The delimiter, the names of the columns, and the number of the row they stand in."""
    number = 0
    told = ""
    while line := file.readline(LONGEST_CELL):
        number += 1
        if line.strip()[:4].lower() == "sep=" and len(line.strip()) == 5:
            told = line.strip()[4]  # Excel's own way of telling the delimiter
        elif line.strip(' \t\r\n,;|"'):
            break
    lines = [line, *islice(iter(lambda: file.readline(LONGEST_CELL), ""), _LONGEST_HEADER)]
    best = max(told or _DELIMITERS, key=lambda delimiter: len(_cells(lines, delimiter)))
    header = tuple(map(column_name, _cells(lines, best)))
    if len(header) == 1 and "@" in header[0]:
        return best, ("email",), number - 1  # a roster, such as `mailman members` prints: one address a line, no header
    check_header(path, number, header)
    return best, header, number


def _cells(lines: list[str], delimiter: str) -> list[str]:
    """The first record, of as many lines as it has."""
    try:
        return next(csv.reader(lines, delimiter=delimiter), [])
    except csv.Error:
        return []
