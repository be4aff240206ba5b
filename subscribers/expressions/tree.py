"""An expression once it has been read: values that know at which column they stand."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Word:
    """A name or a text that somebody wrote, and the column where it begins, counted from 1."""

    text: str
    column: int


@dataclass(frozen=True, slots=True)
class Every:
    """All of the parts hold (`and`)."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of the parts holds (`or`)."""

    parts: tuple["Node", ...]


@dataclass(frozen=True, slots=True)
class Not:
    """The part does not hold."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Equals:
    """A field is one of these texts (`=`, `in`)."""

    field: Word
    values: tuple[Word, ...]


@dataclass(frozen=True, slots=True)
class Has:
    """A field that holds several texts holds this one."""

    field: Word
    value: Word


@dataclass(frozen=True, slots=True)
class Compares:
    """A field that is a moment stands to a day as `operator` says: `=`, `<`, `<=`, `>` or `>=`."""

    field: Word
    operator: str
    day: date


@dataclass(frozen=True, slots=True)
class Call:
    """A function of one text holds of the person, or what it gives is one of `answers`, where some are named."""

    function: Word
    argument: Word | None
    answers: tuple[Word, ...] = ()


Leaf = Equals | Has | Compares | Call
Node = Every | Either | Not | Leaf

TEXTS = ("domain", "language", "role", "timezone")
LISTS = ("tags",)
MOMENTS = ("confirmed", "joined")
FUNCTIONS = ("follows", "mutes", "received", "rsvp")
ANSWERS = ("going", "maybe", "not", "waiting", "")


def leaves(node: Node) -> Iterator[Leaf]:
    """What the expression asks, from left to right."""
    match node:
        case Every(parts) | Either(parts):
            for part in parts:
                yield from leaves(part)
        case Not(part):
            yield from leaves(part)
        case _:
            yield node


def texts(node: Node, field: str) -> list[Word]:
    """What a field is compared with, from left to right."""
    named = (leaf.values for leaf in leaves(node) if isinstance(leaf, Equals) and leaf.field.text == field)
    return [value for values in named for value in values]


def own_fields(node: Node) -> set[str]:
    """The fields it names beyond those that everybody has: such as an import or the form may have brought."""
    named = {leaf.field.text for leaf in leaves(node) if not isinstance(leaf, Call)}
    return named - {*TEXTS, *LISTS, *MOMENTS}
