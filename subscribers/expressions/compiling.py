"""From the tree to a condition on `subscriber`: every text a parameter, and every answer yes or no, never unknown."""

import difflib
from collections.abc import Iterable
from datetime import date, datetime, time, timedelta
from typing import NoReturn, cast

from sqlalchemy import ColumnElement, and_, case, exists, false, func, not_, or_
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import addresses, audience, statements
from subscribers.addresses import AddressError
from subscribers.expressions.errors import ExpressionError
from subscribers.expressions.tree import (
    ANSWERS,
    FUNCTIONS,
    LISTS,
    MOMENTS,
    TEXTS,
    Call,
    Compares,
    Either,
    Equals,
    Every,
    Has,
    Node,
    Not,
    Word,
)
from subscribers.expressions.vocabulary import Vocabulary
from subscribers.tables import choice, subscriber

Condition = ColumnElement[bool]

_UNTRACKED = frozenset({"opened", "opens", "clicked", "clicks"})
_MOMENT: dict[str, ColumnElement[datetime | None]] = {
    "joined": cast("ColumnElement[datetime | None]", subscriber.c.joined_at),
    "confirmed": subscriber.c.confirmed_at,
}


def condition(connection: AsyncConnection, text: str, node: Node, vocabulary: Vocabulary) -> Condition:
    """The condition that an expression is, on this kind of database. Raises ExpressionError for a name there is not.

    It says nothing of who may be written to: join it with `audience.mailable`.
    """
    return _Compiler(connection, text, vocabulary).condition(node)


class _Compiler:
    def __init__(self, connection: AsyncConnection, text: str, vocabulary: Vocabulary) -> None:
        self._connection = connection
        self._text = text
        self._vocabulary = vocabulary

    def condition(self, node: Node) -> Condition:
        match node:
            case Every(parts):
                return and_(*map(self.condition, parts))
            case Either(parts):
                return or_(*map(self.condition, parts))
            case Not(part):
                return not_(self.condition(part))
            case Equals():
                return self._equals(node)
            case Has():
                return self._has(node)
            case Compares():
                return self._compares(node)
            case Call():
                return self._call(node)

    def _equals(self, node: Equals) -> Condition:
        name = node.field.text
        if name in LISTS:
            self._fail(node.field, f"{name} holds several texts; ask {name} has {_quoted(node.values[0].text)}")
        if name in MOMENTS:
            self._fail(node.values[0], f"{name} is a moment; compare it with a day, as in {name} >= 2021-02-01")
        match name:
            case "domain":
                domains = [self._domain(value) for value in node.values]
                return or_(*(subscriber.c.normal.endswith(f"@{domain}", autoescape=True) for domain in domains))
            case "language":
                return or_(*(_speaks(value.text.lower()) for value in node.values))
            case "timezone":
                zone = case((subscriber.c.timezone == "", str(self._vocabulary.timezone)), else_=subscriber.c.timezone)
                return zone.in_([value.text for value in node.values])
        self._known_field(node.field)
        found = statements.json_text(self._connection, subscriber.c.fields, name)
        return func.coalesce(found, "").in_([value.text for value in node.values])

    def _has(self, node: Has) -> Condition:
        name = node.field.text
        if name in (*TEXTS, *MOMENTS):
            self._fail(node.field, f"{name} holds one value, not several; only {' and '.join(LISTS)} can “have” one")
        if name not in LISTS:
            self._known_field(node.field)
        return statements.json_holds(self._connection, subscriber.c.fields, name, node.value.text)

    def _compares(self, node: Compares) -> Condition:
        name = node.field.text
        if name not in MOMENTS:
            if name not in (*TEXTS, *LISTS):
                self._known_field(node.field)
            moments = " and ".join(MOMENTS)
            self._fail(node.field, f"{name} is no moment, to be compared with a day; {moments} are")
        column = _MOMENT[name]
        begins, ends = self._bounds(node.day)
        asked = {
            "=": and_(column >= begins, column < ends),
            "<": column < begins,
            "<=": column < ends,
            ">": column >= ends,
            ">=": column >= begins,
        }
        return func.coalesce(asked[node.operator], false())

    def _call(self, node: Call) -> Condition:
        name = node.function.text
        if name in _UNTRACKED:
            self._fail(node.function, "nothing here tracks who opens a mail or clicks in it; ask received() instead")
        if name not in FUNCTIONS:
            self._fail(node.function, f"there is no function {name}{_hint(name, FUNCTIONS)}")
        if node.answers and name != "rsvp":
            self._fail(node.answers[0], f"{name}(…) holds of somebody or does not; it is not compared with a text")
        if node.argument is None:
            what = "a campaign" if name == "received" else "an event"
            self._fail(node.function, f'{name} wants the name of {what}, as in {name}("…")')
        if name == "received":
            self._known(node.argument, self._vocabulary.campaigns, "campaign")
            return self._vocabulary.received(node.argument.text)
        if name == "rsvp":
            return self._answered(node, node.argument)
        self._known(node.argument, {*self._vocabulary.events, audience.EVERYTHING}, "event")
        kind = self._vocabulary.events.get(node.argument.text, "")
        if name == "follows":
            return audience.following(node.argument.text, kind)
        return (
            exists()
            .where(
                choice.c.subscriber_id == subscriber.c.id,
                choice.c.topic.in_([node.argument.text, *([audience.kind_topic(kind)] if kind else [])]),
                choice.c.stance == "mute",
            )
            .correlate(subscriber)
        )

    def _answered(self, node: Call, event: Word) -> Condition:
        self._known(event, self._vocabulary.events, "event")
        if not node.answers:
            self._fail(node.function, f'rsvp wants an answer, as in rsvp({_quoted(event.text)}) = "going"')
        for answer in node.answers:
            if answer.text not in ANSWERS:
                self._fail(answer, f"there is no answer “{answer.text}”{_hint(answer.text, ANSWERS[:-1])}")
        return audience.answered(event.text, [answer.text for answer in node.answers])

    def _bounds(self, day: date) -> tuple[datetime, datetime]:
        """When a day begins and ends in the constellation's zone."""
        zone = self._vocabulary.timezone
        return datetime.combine(day, time(), zone), datetime.combine(day + timedelta(days=1), time(), zone)

    def _domain(self, value: Word) -> str:
        try:
            return addresses.parse(f"a@{value.text.removeprefix('@')}").given.removeprefix("a@")
        except AddressError:
            self._fail(value, f"“{value.text}” is no domain; write the part after the @, such as example.org")

    def _known_field(self, field: Word) -> None:
        if field.text not in {*TEXTS, *self._vocabulary.fields}:
            every = {*TEXTS, *LISTS, *MOMENTS, *self._vocabulary.fields}
            self._fail(field, f"there is no field {field.text}{_hint(field.text, every)}")

    def _known(self, name: Word, names: Iterable[str], what: str) -> None:
        known = set(names)
        if name.text not in known:
            self._fail(name, f"there is no {what} {name.text}{_hint(name.text, known - {audience.EVERYTHING})}")

    def _fail(self, word: Word, reason: str) -> NoReturn:
        raise ExpressionError(self._text, word.column, reason)


def _speaks(tag: str) -> Condition:
    """They are spoken to in this language, wherever: `de` is `de-AT` too, as browsers name what they want (RFC 4647,
    section 3.3.1)."""
    locale = func.lower(subscriber.c.locale)
    return or_(locale == tag, locale.startswith(f"{tag}-", autoescape=True))


def _hint(wrong: str, names: Iterable[str]) -> str:
    known = sorted(names)
    same = [name for name in known if name.casefold() == wrong.casefold()]
    near = same or difflib.get_close_matches(wrong, known, n=1)
    if near:
        return f"; did you mean {near[0]}?"
    return f"; known: {', '.join(known)}" if known else ""


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
