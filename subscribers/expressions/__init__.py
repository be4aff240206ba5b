"""A small language that says who: `role = "teacher" and follows("closing") and joined > 2021-02-01`.

`parse` reads it into a tree, `condition` turns the tree into a condition on `subscriber`. What it may speak of is a
`Vocabulary`; whatever a person wrote reaches the database as a parameter, never as SQL.
"""

from subscribers.expressions.compiling import condition
from subscribers.expressions.errors import ExpressionError
from subscribers.expressions.tree import Node, own_fields, texts
from subscribers.expressions.vocabulary import Vocabulary


def parse(text: str) -> Node:
    """Read an expression. Raises ExpressionError."""
    from subscribers.expressions import syntax  # its grammar costs what it costs only those who write to some

    return syntax.parse(text)


__all__ = ["ExpressionError", "Node", "Vocabulary", "condition", "own_fields", "parse", "texts"]
