"""A small language for tables of phrases: separated by `|`, lower case, each from the start of a word, with gaps."""

import re
from collections.abc import Iterable
from typing import NamedTuple

GAP = ".{0,80}?"
"""What `…` stands for."""
WORD = r"\S{1,80}"
"""What `~` stands for."""


class Phrase(NamedTuple):
    """A pattern, and the longest plain text in it: looking for that first is some fifty times faster."""

    plain: str
    pattern: re.Pattern[str]


def table(phrases: str) -> tuple[Phrase, ...]:
    """The phrases of a table."""
    return tuple(_phrase(phrase) for phrase in " ".join(phrases.split()).split(" | "))


def fits(phrases: tuple[Phrase, ...], text: str) -> bool:
    """Whether any of them stands in this text, whatever its case and spacing."""
    normal = " ".join(text.lower().replace("’", "'").split())
    return stand_in(phrases, normal)


def stand_in(phrases: Iterable[Phrase], text: str) -> bool:
    """Whether any of the phrases is in this text, which is lower case with single spaces."""
    return any(plain in text and pattern.search(text) for plain, pattern in phrases)


def _phrase(phrase: str) -> Phrase:
    """Scripts without spaces may stand anywhere; words of all others start where a word starts."""
    parts = [part.strip() for part in re.split("([…~])", phrase)]
    pattern = "".join(_PATTERNS.get(part) or _start(part) + re.escape(part) for part in parts)
    return Phrase(max(parts, key=len), re.compile(pattern))


_PATTERNS = {"…": GAP, "~": rf" {WORD} "}


def _start(part: str) -> str:
    return r"(?<![\w-])" if part[0].isascii() and part[0].isalnum() else ""
