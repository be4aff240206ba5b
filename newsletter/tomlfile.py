"""A TOML file whose values know the line they stand on, so that an error can say where."""

import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from newsletter.errors import NewsletterError

Key = tuple[str | int, ...]
"""A path into the document: names for tables, numbers for the entries of an array of tables."""

_HEADER = re.compile(r"^\s*(\[\[?)\s*([^\[\]]+?)\s*\]\]?\s*(#.*)?$")
_ASSIGNMENT = re.compile(
    r"""^\s*((?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+)(?:\s*\.\s*(?:"[^"]*"|'[^']*'|[A-Za-z0-9_-]+))*)\s*="""
)
_PART = re.compile(r""""([^"]*)"|'([^']*)'|([A-Za-z0-9_-]+)""")


class UnreadableFile(NewsletterError):
    """The file is missing, is not UTF-8, or is not TOML."""


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
    try:
        source = path.read_bytes().decode("utf-8-sig")
    except FileNotFoundError as error:
        raise UnreadableFile(f"{path}: there is no such file") from error
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise UnreadableFile(f"{path}:{line}: not UTF-8; save the file as UTF-8 and try again") from error
    except OSError as error:
        raise UnreadableFile(f"{path}: {error.strerror}") from error
    try:
        data = tomllib.loads(source)
    except tomllib.TOMLDecodeError as error:
        reason = re.sub(r" \(at .*\)$", "", str(error))
        at = re.search(r"at line (\d+)", str(error))
        line = int(at[1]) if at else source.count("\n") + 1
        raise UnreadableFile(f"{path}:{line}: not valid TOML: {reason[:1].lower()}{reason[1:]}") from error
    return TomlFile(path, data, _locate(source.splitlines()))


def _locate(source: Sequence[str]) -> dict[Key, int]:
    """Find the line of each table and key of a source that tomllib has already accepted."""
    lines: dict[Key, int] = {}
    counts: dict[Key, int] = {}
    table: Key = ()
    skip_until: str | None = None
    depth = 0
    for number, text in enumerate(source, 1):
        if skip_until is not None:
            skip_until = None if skip_until in text else skip_until
            continue
        if depth > 0:
            depth += _nesting(text)
            continue
        if header := _HEADER.match(text):
            table = _enter(_parts(header[2]), counts, is_array=header[1] == "[[")
            lines.setdefault(table, number)
        elif assignment := _ASSIGNMENT.match(text):
            key = table + _parts(assignment[1])
            for length in range(len(table) + 1, len(key) + 1):
                lines.setdefault(key[:length], number)
            value = text[assignment.end() :]
            skip_until = _open_string(value)
            depth = 0 if skip_until else max(0, _nesting(value))
    return lines


def _parts(dotted: str) -> Key:
    return tuple(double or single or bare for double, single, bare in _PART.findall(dotted))


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


def _open_string(value: str) -> str | None:
    """The quotes of a multi-line string that this line opens and does not close."""
    for quotes in ('"""', "'''"):
        if value.lstrip().startswith(quotes) and value.count(quotes) == 1:
            return quotes
    return None


def _nesting(text: str) -> int:
    """How many brackets this line opens and does not close, strings and comments aside."""
    bare = re.sub(r'"(?:\\.|[^"\\])*"|\'[^\']*\'|#.*', "", text)
    return sum(map(bare.count, "[{")) - sum(map(bare.count, "]}"))
