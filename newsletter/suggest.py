"""The nearest right name, for errors about a wrong one."""

import difflib
from collections.abc import Iterable


def nearest(wrong: str, names: Iterable[str]) -> str | None:
    """The name most like `wrong`, or None when none is near."""
    return next(iter(difflib.get_close_matches(wrong, list(names), n=1, cutoff=0.6)), None)


def hint(wrong: str, names: Iterable[str]) -> str:
    """`; did you mean X?`, or the names there are, to end an error message with."""
    known = sorted(names)
    best = nearest(wrong, known)
    return f"; did you mean {best}?" if best else f"; known: {', '.join(known)}"
