"""The lines of an iCalendar object: values escaped, long lines folded (RFC 5545, sections 3.1 and 3.3.11)."""

import re
from collections.abc import Iterable

_LONGEST = 75
"""Octets of a line, its line break aside."""

_INVISIBLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


def text(value: str) -> str:
    """A TEXT value."""
    plain = _INVISIBLE.sub("", value.replace("\r\n", "\n"))
    return plain.replace("\\", "\\\\").replace(";", r"\;").replace(",", r"\,").replace("\n", r"\n")


def parameter(value: str) -> str:
    """A parameter's value in quotation marks, which therefore cannot hold any itself (section 3.2)."""
    return '"' + _INVISIBLE.sub("", value.replace("\n", " ")).replace('"', "'") + '"'


def joined(lines: Iterable[str]) -> bytes:
    """The lines as bytes, folded where they are too long; a character is never cut."""
    return b"".join(_folded(line.encode()) for line in lines)


def _folded(line: bytes) -> bytes:
    rows = []
    room = _LONGEST
    while len(line) > room:
        cut = room
        while line[cut] & 0b1100_0000 == 0b1000_0000:  # the middle of a character
            cut -= 1
        rows.append(line[:cut])
        line = line[cut:]
        room = _LONGEST - 1  # the space that the next row begins with
    return b"\r\n ".join([*rows, line]) + b"\r\n"
