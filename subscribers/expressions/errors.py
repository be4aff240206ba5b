"""What is wrong with an expression, and where."""

import unicodedata

from subscribers.errors import SubscribersError

_WIDTH = 60


class ExpressionError(SubscribersError):
    """An expression says nothing that can be asked; the text shows it with a caret under `column`, counted from 1."""

    def __init__(self, text: str, column: int, reason: str) -> None:
        first = max(0, min(column - 1 - _WIDTH // 2, len(text) - _WIDTH))
        shown = "".join(sign if sign.isprintable() else " " for sign in text[first : first + _WIDTH])
        before = sum(map(_width, shown[: column - 1 - first]))
        super().__init__(f"{shown}\n{' ' * before}^\ncolumn {column}: {reason}")
        self.expression = text
        self.column = column
        self.reason = reason


def _width(sign: str) -> int:
    """How many columns of a terminal a sign takes (UAX #11): an ideograph two, an accent on the letter before none."""
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in "WF" else 1
