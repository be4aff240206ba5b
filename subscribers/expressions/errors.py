"""What is wrong with an expression, and where."""

from subscribers.errors import SubscribersError

_WIDTH = 60


class ExpressionError(SubscribersError):
    """An expression says nothing that can be asked; the text shows it with a caret under `column`, counted from 1."""

    def __init__(self, text: str, column: int, reason: str) -> None:
        first = max(0, min(column - 1 - _WIDTH // 2, len(text) - _WIDTH))
        shown = "".join(sign if sign.isprintable() else " " for sign in text[first : first + _WIDTH])
        super().__init__(f"{shown}\n{' ' * (column - 1 - first)}^\ncolumn {column}: {reason}")
        self.expression = text
        self.column = column
        self.reason = reason
