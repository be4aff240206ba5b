"""The grammar, and what to say where a text does not follow it."""

import re
from collections.abc import Iterable
from datetime import date
from functools import cache
from typing import cast

from lark import Lark, Token, Transformer, v_args
from lark.exceptions import UnexpectedCharacters, UnexpectedInput, UnexpectedToken, VisitError

from subscribers.expressions.errors import ExpressionError
from subscribers.expressions.tree import Call, Compares, Either, Equals, Every, Has, Node, Not, Word, leaves

LONGEST = 2000
"""Characters of an expression."""

DEEPEST = 20
"""How many times `not`, `and` and `or` may stand inside each other: databases have a limit too."""

_GRAMMAR = r"""
?start: either
?either: every (_OR every)*
?every: negation (_AND negation)*
?negation: _NOT negation -> negated
    | "(" either ")"
    | leaf
?leaf: NAME _EQUAL TEXT -> equals
    | NAME _UNEQUAL TEXT -> differs
    | NAME _IN "(" TEXT ("," TEXT)* ")" -> equals
    | NAME _NOT _IN "(" TEXT ("," TEXT)* ")" -> differs
    | NAME _HAS TEXT -> has
    | NAME (_EQUAL | COMPARISON) DAY -> compares
    | NAME _UNEQUAL DAY -> another_day
    | NAME "(" TEXT? ")" -> call
    | NAME "(" TEXT ")" _EQUAL TEXT -> answers
    | NAME "(" TEXT ")" _UNEQUAL TEXT -> other_answers
    | NAME "(" TEXT ")" _IN "(" TEXT ("," TEXT)* ")" -> answers
    | NAME "(" TEXT ")" _NOT _IN "(" TEXT ("," TEXT)* ")" -> other_answers

_AND.2: /and\b/i
_OR.2: /or\b/i
_NOT.2: /not\b/i
_IN.2: /in\b/i
_HAS.2: /has\b/i
_UNEQUAL: "!=" | "<>"
_EQUAL: "==" | "="
COMPARISON: "<=" | ">=" | "<" | ">"
DAY: /\d{4}-\d{1,2}-\d{1,2}/
TEXT: /"(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*'|“[^”]*”|„[^“”]*[“”]|«[^»]*»/
NAME: /(?!(?:and|or|not|in|has)\b)[^\W\d]\w*/i
%ignore /\s+/
"""


_QUOTES = ('"', "'", "“", "„", "«")


class _Wrong(Exception):
    def __init__(self, column: int, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        self.reason = reason


@v_args(inline=True)
class _Builder(Transformer[Token, Node]):
    """Builds the tree from the bottom up, while the text is read."""

    def either(self, *parts: Node) -> Node:
        return Either(parts)

    def every(self, *parts: Node) -> Node:
        return Every(parts)

    def negated(self, part: Node) -> Node:
        return part.part if isinstance(part, Not) else Not(part)

    def equals(self, field: Token, *values: Token) -> Node:
        return Equals(_name(field), tuple(map(_text, values)))

    def differs(self, field: Token, *values: Token) -> Node:
        return Not(self.equals(field, *values))

    def has(self, field: Token, value: Token) -> Node:
        return Has(_name(field), _text(value))

    def compares(self, field: Token, *rest: Token) -> Node:
        return Compares(_name(field), str(rest[0]) if len(rest) == 2 else "=", _day(rest[-1]))

    def another_day(self, field: Token, day: Token) -> Node:
        return Not(self.compares(field, day))

    def call(self, function: Token, argument: Token | None = None) -> Node:
        return Call(_name(function), None if argument is None else _text(argument))

    def answers(self, function: Token, argument: Token, *values: Token) -> Node:
        return Call(_name(function), _text(argument), tuple(map(_text, values)))

    def other_answers(self, function: Token, argument: Token, *values: Token) -> Node:
        return Not(self.answers(function, argument, *values))


def parse(text: str) -> Node:
    """Read an expression. Raises ExpressionError."""
    if len(text) > LONGEST:
        raise ExpressionError(
            text, LONGEST, f"an expression has at most {LONGEST:,} characters, and this {len(text):,}"
        )
    if not text.strip():
        raise ExpressionError(text, 1, 'the expression is empty; write one such as role = "teacher"')
    try:
        node: Node = _parser().parse(text)  # type: ignore[assignment] # what the builder built
    except UnexpectedInput as error:
        raise _explained(text, error) from error
    except VisitError as error:
        if isinstance(error.orig_exc, _Wrong):
            raise ExpressionError(text, error.orig_exc.column, error.orig_exc.reason) from error
        raise
    except _Wrong as error:
        raise ExpressionError(text, error.column, error.reason) from error
    if (deep := _too_deep(node, DEEPEST)) is not None:
        raise ExpressionError(text, deep, f"from here on, more than {DEEPEST} conditions stand inside each other")
    return node


@cache
def _parser() -> Lark:
    return Lark(_GRAMMAR, parser="lalr", transformer=_Builder())


def _column(token: Token) -> int:
    """Where it begins, counted from 1 through all lines: what is shown of an expression is one line."""
    return (token.start_pos or 0) + 1


def _name(token: Token) -> Word:
    return Word(str(token), _column(token))


def _text(token: Token) -> Word:
    column, written = _column(token), str(token)[1:-1]
    if str(token)[0] in "\"'":
        written = re.sub(r"\\(.)", r"\1", written, flags=re.DOTALL)
    if not written.isprintable():
        raise _Wrong(column, "a text holds no tabs, line breaks or other invisible characters")
    return Word(written, column)


def _day(token: Token) -> date:
    year, month, day = map(int, str(token).split("-"))
    if not 1900 <= year < 3000:
        raise _Wrong(_column(token), f"{token} is no day of our time")
    try:
        return date(year, month, day)
    except ValueError as error:
        raise _Wrong(_column(token), f"{token} is no day of the calendar") from error


def _too_deep(node: Node, left: int) -> int | None:
    """The column where it is nested too deeply, if it is."""
    if not isinstance(node, Every | Either | Not):
        return None
    if not left:
        leaf = next(leaves(node))
        return (leaf.function if isinstance(leaf, Call) else leaf.field).column
    parts = (node.part,) if isinstance(node, Not) else node.parts
    return next((deep for part in parts if (deep := _too_deep(part, left - 1)) is not None), None)


_OR_THE_END = "“and”, “or” or the end"
_WANTED = (
    ({"_AND", "_OR"}, _OR_THE_END),
    ({"DAY", "TEXT"}, "a text in quotation marks or a day such as 2021-02-01"),
    ({"TEXT"}, "a text in quotation marks"),
    ({"DAY"}, "a day such as 2021-02-01"),
    ({"_EQUAL", "_IN"}, "a comparison such as = or !=, or “in”, “has” or a parenthesis"),
    ({"NAME"}, "the name of a field or a function"),
    ({"_IN"}, "“in”"),
    ({"LPAR"}, "an opening parenthesis"),
    ({"RPAR", "COMMA"}, "a comma or a closing parenthesis"),
    ({"RPAR"}, "a closing parenthesis"),
    ({"$END"}, _OR_THE_END),
)
"""What can be expected at a place: the first line whose tokens can all follow."""


_COMPARISON = re.compile(r"(<=|>=|<|>)\s*$")


def _explained(text: str, error: UnexpectedInput) -> ExpressionError:
    column, met, wanted = len(text.rstrip()) + 1, "", set[str]()
    match error:
        case UnexpectedToken():
            wanted = error.accepts or error.expected
            if error.token.type != "$END":
                column, met = _column(error.token), str(error.token)
        case UnexpectedCharacters():
            column, met, wanted = cast("int", error.pos_in_stream) + 1, error.char, error.allowed
    expected = _expected(wanted)
    if not met:
        return ExpressionError(text, column, f"the expression ends where {expected} should follow")
    if met in _QUOTES:
        return ExpressionError(text, column, "a quotation mark opens here and is not closed")
    if "TEXT" in wanted and re.match(r"\w", met):
        return ExpressionError(text, column, f"a text stands in quotation marks: “{met}”")
    if met[0] in _QUOTES and (before := _COMPARISON.search(text[: column - 1])):
        reason = f"“{before[1]}” compares with a day such as 2021-02-01; with a text, =, != and “in” do"
        return ExpressionError(text, before.start(1) + 1, reason)
    shown = met if met[0] in _QUOTES else f"“{met}”"
    return ExpressionError(text, column, f"{shown} stands where {expected} should")


def _expected(terminals: Iterable[str]) -> str:
    following = set(terminals)
    return next((words for sign, words in _WANTED if sign <= following), "something else")
