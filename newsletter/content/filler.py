"""What makes one person's bytes in a skeleton: of which slots, and how these are written where they stand."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import NamedTuple, TypeAlias

Values: TypeAlias = Mapping[str, str]
"""One person's values under the names of `slots.SLOTS`, each found fit to stand in a mail."""


class Filler(NamedTuple):
    """Makes the bytes of one place, or of all places that need the same ones."""

    slots: tuple[str, ...]
    """Those that it writes."""
    make: Callable[[Values], bytes]


Piece: TypeAlias = bytes | Filler
"""A part of a mail: the same for everyone, or each person's own."""


@cache
def as_it_is(slot: str) -> Filler:
    """Writes a value that needs no escaping where it stands."""
    return Filler((slot,), lambda values: values[slot].encode())
