"""Where in a template something stands: Jinja tells lines only, and editors jump to columns too."""

import re
from collections.abc import Iterator
from pathlib import Path

CONSTRUCT = re.compile(r"\{#.*?#\}|\{%.*?%\}|\{\{.*?\}\}", re.DOTALL)
"""Each piece of Jinja in a source."""


def column(source: str, line: int, needle: str = "", *, nth: int = 1) -> int:
    """The column, from 1, of a name as it is used on a line (the `nth` time there), else of the line's first Jinja."""
    found = [*_uses(source, line, needle)] or [*_uses(source, line, needle, after=".")] if needle else []
    if found:
        return found[(nth - 1) % len(found)]
    starts = (match.start() for match in CONSTRUCT.finditer(source) if line_of(source, match.start()) == line)
    first = next(starts, None)
    return 1 if first is None else column_of(source, first)


def place(file: str, line: int, needle: str = "", *, nth: int = 1) -> str:
    """`LINE:COLUMN` of a name in a file, as far as the file can be read."""
    try:
        source = Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError):
        return f"{line}:1"
    return f"{line}:{column(source, line, needle, nth=nth)}"


def line_of(source: str, position: int) -> int:
    """The line, from 1, of a position."""
    return source.count("\n", 0, position) + 1


def column_of(source: str, position: int) -> int:
    """The column, from 1, of a position."""
    return position - source.rfind("\n", 0, position)


def _uses(source: str, line: int, needle: str, *, after: str = "") -> Iterator[int]:
    before = rf"(?<={re.escape(after)})" if after else r"(?<![\w.\"'])"
    name = re.compile(rf"{before}{re.escape(needle)}(?!\w)")
    for construct in CONSTRUCT.finditer(source):
        for use in name.finditer(source, construct.start(), construct.end()):
            if line_of(source, use.start()) == line:
                yield column_of(source, use.start())
