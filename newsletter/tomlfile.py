"""A TOML file whose values know the line they stand on, so that an error can say where; and a new one in its place."""

import os
import re
import tempfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsletter.errors import NewsletterError

Key = tuple[str | int, ...]
"""A path into the document: names for tables, numbers for the entries of an array of tables."""

_STRING = r'"""(?:\\.|[^\\])*?"""(?!")|\'\'\'.*?\'\'\'(?!\')|"(?:\\.|[^"\\])*"|\'[^\']*\''
_BLANK = re.compile(r"(?:\s|#[^\n]*)*")
_NAME = re.compile(r"""\s*("(?:\\.|[^"\\])*"|'[^']*'|[A-Za-z0-9_-]+)[ \t]*(\.?)""")
_VALUE_PART = re.compile(rf"(?P<opaque>{_STRING}|#[^\n]*)|(?P<open>[\[{{])|(?P<close>[\]}}])|(?P<end>\n)", re.DOTALL)


class UnreadableFile(NewsletterError):
    """The file is missing, is not UTF-8, or is not TOML; `line` is where, when that is known."""

    def __init__(self, path: Path, line: int | None, reason: str) -> None:
        super().__init__(f"{path}: {reason}" if line is None else f"{path}:{line}: {reason}")
        self.path = path
        self.line = line
        self.reason = reason


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A parsed file and the line of each of its keys."""

    path: Path
    data: dict[str, Any]
    lines: dict[Key, int] = field(repr=False)

    def line(self, *key: str | int) -> int:
        """The line (from 1) of a key, or of the nearest table around it when the key is not in the file."""
        for length in range(len(key), 0, -1):
            if (found := self.lines.get(key[:length])) is not None:
                return found
        return 1

    def where(self, *key: str | int) -> str:
        """`FILE:LINE` of a key, as error messages begin."""
        return f"{self.path}:{self.line(*key)}"


def read(path: Path) -> TomlFile:
    """Read a TOML 1.0 file. Raises UnreadableFile, which names the line of a syntax error."""
    source = _decoded(path)
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        reason = re.sub(r" \(at .*\)$", "", str(error))
        at = re.search(r"\(at line (\d+), column \d+\)$", str(error))
        line = int(at[1]) if at else source.count("\n") + 1
        raise UnreadableFile(path, line, f"not valid TOML: {reason[:1].lower()}{reason[1:]}") from error
    except RecursionError as error:
        raise UnreadableFile(path, None, "not a file of ours: its brackets are nested too deeply") from error
    except ValueError as error:  # a number of thousands of digits, which Python refuses to convert
        raise UnreadableFile(path, None, f"not a file of ours: {str(error).split(';')[0]}") from error
    return TomlFile(path, data, _locate(source))


def replace(path: Path, text: str) -> None:
    """Put a text in the place of a file in one step, with the mode and the owner it had. Raises OSError."""
    before = path.stat()
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # 0600 from its first moment
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), before.st_mode & 0o7777)
            if (before.st_uid, before.st_gid) != (os.geteuid(), os.getegid()):
                os.fchown(file.fileno(), before.st_uid, before.st_gid)  # root's hands must not take it from the service
            os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise


def _decoded(path: Path) -> str:
    try:
        raw = path.read_bytes()
    except FileNotFoundError as error:
        raise UnreadableFile(path, None, "there is no such file") from error
    except OSError as error:
        raise UnreadableFile(path, None, error.strerror or str(error)) from error
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        raise UnreadableFile(path, line, "not UTF-8; save the file as UTF-8 and try again") from error


def _locate(source: str) -> dict[Key, int]:
    """Find the line of each table and key of a source that tomllib has already accepted."""
    lines: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    for number, brackets, names in _statements(source):
        if brackets:
            table = _enter(names, counts, is_array=brackets == "[[")
            key, known = table, 0
        else:
            key, known = table + names, len(table)
        for length in range(known + 1, len(key) + 1):
            lines.setdefault(key[:length], number)
    return lines


def _statements(source: str) -> Iterator[tuple[int, str, Key]]:
    """Each header (`[` or `[[`) and assignment (`""`) of a source: its line, which it is, and its dotted name."""
    number, counted, position = 1, 0, 0
    while (position := _after(_BLANK, source, position)) < len(source):
        number, counted = number + source.count("\n", counted, position), position
        brackets = "[[" if source.startswith("[[", position) else "[" if source[position] == "[" else ""
        names, position = _dotted(source, position + len(brackets))
        yield number, brackets, names
        position = _end_of_value(source, position + max(1, len(brackets)))


def _after(pattern: re.Pattern[str], source: str, position: int) -> int:
    found = pattern.match(source, position)
    return position if found is None else found.end()


def _dotted(source: str, position: int) -> tuple[Key, int]:
    """The parts of a dotted name, and where it ends."""
    names: list[str] = []
    while (found := _NAME.match(source, position)) is not None:
        names.append(_unquoted(found[1]))
        position = found.end()
        if not found[2]:
            break
    return tuple(names), position


def _unquoted(name: str) -> str:
    return str(tomllib.loads(f"name = {name}")["name"]) if name[0] in "\"'" else name


def _end_of_value(source: str, position: int) -> int:
    """Where the line ends that a value (or a header) ends on: brackets and strings may span many."""
    depth = 0
    while (found := _VALUE_PART.search(source, position)) is not None:
        position = found.end()
        depth += (found.lastgroup == "open") - (found.lastgroup == "close")
        if found.lastgroup == "end" and depth == 0:
            return position
    return len(source)


def _enter(names: Key, counts: dict[Key, int], *, is_array: bool) -> Key:
    """The path of a table header: each array of tables on the way stands at its latest entry."""
    path: Key = ()
    for position, name in enumerate(names):
        path = (*path, name)
        if is_array and position == len(names) - 1:
            counts[path] = counts.get(path, -1) + 1
        if path in counts:
            path = (*path, counts[path])
    return path
