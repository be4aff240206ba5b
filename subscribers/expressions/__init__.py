"""A small language that says who: `role = "teacher" and follows("closing") and joined > 2021-02-01`.

`parse` reads it into a tree, `condition` turns the tree into a condition on `subscriber`. What it may speak of is a
`Vocabulary`; whatever a person wrote reaches the database as a parameter, never as SQL.
"""

from subscribers.expressions.compiling import condition
from subscribers.expressions.errors import ExpressionError
from subscribers.expressions.syntax import parse
from subscribers.expressions.tree import Node, own_fields, texts
from subscribers.expressions.vocabulary import Vocabulary

__all__ = ["ExpressionError", "Node", "Vocabulary", "condition", "own_fields", "parse", "texts"]
