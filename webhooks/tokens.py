"""Finds our delivery token wherever a report may carry it; whether it is genuine is for the holder of the keys to say.

A token is 30 to 40 characters of lowercase base32 (a–z, 2–7). It stands in `bounce+TOKEN@…` (the envelope sender),
`<TOKEN@…>` (the Message-ID), CFBL-Feedback-ID and List-Unsubscribe. On the way back its case may change, and the
address around it may be rewritten (SRS, BATV, `user=domain@gateway`): only the run of characters itself counts.
"""

import re
from collections.abc import Iterable, Iterator

_TOKEN = re.compile(r"(?<![a-z0-9])[a-z2-7]{30,40}(?![a-z0-9])", re.IGNORECASE)

MOST = 20
"""Tokens taken from one report: more than a report can honestly carry, and a bound on what is then verified."""


def find(*texts: str) -> tuple[str, ...]:
    """The tokens in these texts, lowercase, in the order in which they stand, each once."""
    return tuple(_first(MOST, _all(texts)))


def first(*texts: str) -> str | None:
    """The first token in these texts."""
    return next(_all(texts), None)


def _all(texts: Iterable[str]) -> Iterator[str]:
    for text in texts:
        for match in _TOKEN.finditer(text):
            yield match[0].lower()


def _first(count: int, found: Iterator[str]) -> Iterator[str]:
    seen: dict[str, None] = {}
    for token in found:
        if token not in seen:
            seen[token] = None
            yield token
        if len(seen) == count:
            return
