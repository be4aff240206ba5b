"""An expression and a plain reading of it agree on random people; what is hostile stays a text."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import ColumnElement, insert, literal, select

from newsletter.database import Database
from subscribers import expressions
from subscribers.expressions import ExpressionError, Vocabulary
from subscribers.tables import choice, rsvp, subscriber

ZONE = ZoneInfo("America/New_York")
EVENTS = {"opening": "event", "closing": "story"}
KINDS = ("kind:event", "kind:story")
ROLES = ("teacher", "coach", "", "o'brien", 'the "head"', "50%", "a_c", "école", "\\")
TAGS = ("vip", "press", "o'brien", "50%")
SCHOOLS = ("north", "south", "")
LOCALES = ("en", "es", "de-AT", "pt-BR", "pt")
ZONES = ("", "America/New_York", "Europe/Berlin")
DOMAINS = ("example.org", "sub.example.org", "xn--grnewald-95a.example")
ANSWERS = ("going", "maybe", "not", "waiting", "")
DAYS = tuple(date(2021, 1, 1) + timedelta(days=number) for number in range(6))
RECEIVED = frozenset({2, 3, 5, 7, 11, 13, 17, 19, 23, 29})


@dataclass(frozen=True)
class Person:
    """What a plain reading looks at."""

    id: int
    domain: str
    locale: str
    timezone: str
    fields: dict[str, Any]
    joined: datetime
    confirmed: datetime | None
    stances: dict[str, str]
    answers: dict[str, str]


Reading = Callable[[Person], bool]


def crowd() -> list[Person]:
    dice = random.Random(7)
    people = []
    for number in range(1, 31):
        fields: dict[str, Any] = {}
        if role := dice.choice(ROLES):
            fields["role"] = role
        if tags := dice.sample(TAGS, dice.randint(0, 2)):
            fields["tags"] = tags
        if school := dice.choice(SCHOOLS):
            fields["school"] = school
        begun = datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=dice.randint(0, 6 * 1440))
        people.append(
            Person(
                number,
                dice.choice(DOMAINS),
                dice.choice(LOCALES),
                dice.choice(ZONES),
                fields,
                begun,
                dice.choice((None, begun + timedelta(days=1))),
                {
                    topic: dice.choice(("follow", "mute" if topic != "*" else "follow"))
                    for topic in dice.sample(["*", *EVENTS], dice.randint(0, 3))
                }
                | dict.fromkeys(dice.sample(KINDS, dice.randint(0, 1)), "mute"),
                {event: dice.choice(ANSWERS[:-1]) for event in dice.sample([*EVENTS], dice.randint(0, 2))},
            )
        )
    return people


CROWD = crowd()


@pytest.fixture
async def crowded(database: Database) -> Database:
    """A database with the crowd in it."""
    async with database.begin() as connection:
        await connection.execute(
            insert(subscriber),
            [
                {
                    "id": one.id,
                    "address": f"p{one.id}@{one.domain}",
                    "normal": f"p{one.id}@{one.domain}",
                    "hash": str(one.id),
                    "locale": one.locale,
                    "timezone": one.timezone,
                    "fields": one.fields,
                    "status": "pending",
                    "joined_at": one.joined,
                    "confirmed_at": one.confirmed,
                }
                for one in CROWD
            ],
        )
        await connection.execute(
            insert(choice),
            [
                {"subscriber_id": one.id, "topic": topic, "stance": stance}
                for one in CROWD
                for topic, stance in one.stances.items()
            ],
        )
        rows = [
            {"subscriber_id": one.id, "topic": topic, "answer": answer, "answered_at": one.joined}
            for one in CROWD
            for topic, answer in one.answers.items()
        ]
        await connection.execute(insert(rsvp), rows)
    return database


def received(campaign: str) -> ColumnElement[bool]:
    """The campaign reached these numbers."""
    return subscriber.c.id.in_(RECEIVED) if campaign == "opening/thanks" else literal(1) == 0


VOCABULARY = Vocabulary(
    timezone=ZONE,
    events=EVENTS,
    campaigns=frozenset({"opening/thanks"}),
    fields=frozenset({"school"}),
    received=received,
)


async def chosen(database: Database, text: str) -> set[int]:
    """Whom an expression chooses."""
    async with database.read() as connection:
        condition = expressions.condition(connection, text, expressions.parse(text), VOCABULARY)
        return set(await connection.scalars(select(subscriber.c.id).where(condition)))


def quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def equals(name: str, read: Callable[[Person], str], values: list[str], how: str) -> tuple[str, Reading]:
    listed = ", ".join(map(quoted, values))
    written = {"=": f"{name} = {quoted(values[0])}", "!=": f"{name} != {quoted(values[0])}"}
    text = written.get(how) or f"{name} {how} ({listed})"
    wanted = set(values[:1] if how in written else values)
    return text, (lambda one: (read(one) in wanted) is (how in ("=", "in")))


def compares(name: str, read: Callable[[Person], datetime | None], day: date, how: str) -> tuple[str, Reading]:
    def holds(one: Person) -> bool:
        moment = read(one)
        if moment is None:
            return how == "!="
        own = moment.astimezone(ZONE).date()
        return {
            "=": own == day, "!=": own != day, "<": own < day, "<=": own <= day, ">": own > day, ">=": own >= day
        }[how]  # fmt: skip

    return f"{name} {how} {day}", holds


def follows(event: str) -> tuple[str, Reading]:
    def holds(one: Person) -> bool:
        by_name = one.stances.get(event)
        return by_name == "follow" or (one.stances.get("*") == "follow" and not silent(one, event))

    return f'follows("{event}")', holds


def silent(one: Person, event: str) -> bool:
    return "mute" in (one.stances.get(event), one.stances.get(f"kind:{EVENTS[event]}"))


def rsvps(event: str, values: list[str], how: str) -> tuple[str, Reading]:
    return equals(f'rsvp("{event}")', lambda one: one.answers.get(event, ""), values, how)


def texts(name: str, read: Callable[[Person], str], values: tuple[str, ...]) -> st.SearchStrategy[tuple[str, Reading]]:
    some = st.lists(st.sampled_from(values), min_size=1, max_size=3)
    return st.builds(equals, st.just(name), st.just(read), some, st.sampled_from(["=", "!=", "in", "not in"]))


def speaks(tags: list[str], how: str) -> tuple[str, Reading]:
    text, _ = equals("language", lambda one: "", tags, how)
    wanted = {tag.lower() for tag in (tags[:1] if how in ("=", "!=") else tags)}
    return text, lambda one: bool({one.locale.lower(), one.locale.partition("-")[0]} & wanted) is (how in ("=", "in"))


def days(name: str, read: Callable[[Person], datetime | None]) -> st.SearchStrategy[tuple[str, Reading]]:
    how = st.sampled_from(["=", "!=", "<", "<=", ">", ">="])
    return st.builds(compares, st.just(name), st.just(read), st.sampled_from(DAYS), how)


LEAVES = st.one_of(
    texts("role", lambda one: one.fields.get("role", ""), ROLES),
    texts("school", lambda one: one.fields.get("school", ""), SCHOOLS),
    st.builds(
        speaks,
        st.lists(st.sampled_from(["en", "es", "de", "DE-at", "pt", "pt-BR", "p"]), min_size=1, max_size=3),
        st.sampled_from(["=", "!=", "in", "not in"]),
    ),
    texts("domain", lambda one: one.domain, DOMAINS),
    texts("timezone", lambda one: one.timezone or str(ZONE), ZONES[1:]),
    days("joined", lambda one: one.joined),
    days("confirmed", lambda one: one.confirmed),
    st.sampled_from(TAGS).map(lambda tag: (f"tags has {quoted(tag)}", lambda one: tag in one.fields.get("tags", []))),
    st.sampled_from(sorted(EVENTS)).map(follows),
    st.sampled_from(sorted(EVENTS)).map(lambda event: (f'mutes("{event}")', lambda one: silent(one, event))),
    st.builds(
        rsvps,
        st.sampled_from(sorted(EVENTS)),
        st.lists(st.sampled_from(ANSWERS), min_size=1, max_size=3),
        st.sampled_from(["=", "!=", "in", "not in"]),
    ),
    st.just(('received("opening/thanks")', lambda one: one.id in RECEIVED)),
)


def joined_by(word: str, parts: list[tuple[str, Reading]]) -> tuple[str, Reading]:
    hold = all if word == "and" else any
    return "(" + f" {word} ".join(text for text, _ in parts) + ")", lambda one: hold(read(one) for _, read in parts)


EXPRESSIONS = st.recursive(
    LEAVES,
    lambda inner: (
        st.builds(joined_by, st.sampled_from(["and", "or"]), st.lists(inner, min_size=1, max_size=3))
        | inner.map(lambda part: (f"not {part[0]}", lambda one: not part[1](one)))
    ),
    max_leaves=6,
)


@hypothesis_settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(asked=EXPRESSIONS)
async def test_an_expression_and_a_plain_reading_of_it_agree_on_everybody(
    crowded: Database, asked: tuple[str, Reading]
) -> None:
    text, reading = asked
    assert await chosen(crowded, text) == {one.id for one in CROWD if reading(one)}


HOSTILE = (
    "'; DROP TABLE subscriber; --",
    '" OR 1=1 --',
    "') OR ('a'='a",
    ":param",
    "%(param)s",
    "?",
    "$1",
    "%",
    "_",
    "\\",
    "\\'",
    "{}",
    "/*",
)


@pytest.mark.parametrize("text", HOSTILE)
async def test_a_hostile_text_is_compared_and_never_part_of_the_statement(crowded: Database, text: str) -> None:
    async with crowded.read() as connection:
        for written in (f"role = {quoted(text)}", f"tags has {quoted(text)}", f"school in ({quoted(text)})"):
            condition = expressions.condition(connection, written, expressions.parse(written), VOCABULARY)
            compiled = condition.compile(dialect=connection.dialect)
            harmless = expressions.condition(
                connection, written, expressions.parse(written.replace(quoted(text), '"x"')), VOCABULARY
            )
            assert str(compiled) == str(harmless.compile(dialect=connection.dialect))
        assert len(set(await connection.scalars(select(subscriber.c.id)))) == len(CROWD)
    expected = {one.id for one in CROWD if one.fields.get("role") == text}
    assert await chosen(crowded, f"role = {quoted(text)}") == expected


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ('rool = "teacher"', 1, "there is no field rool; did you mean role?"),
        ('ROLE = "teacher"', 1, "there is no field ROLE; did you mean role?"),
        ('role = "a"\nand scool = "b"', 16, "there is no field scool; did you mean school?"),
        ('role = "a" and scool = "b"', 16, "there is no field scool; did you mean school?"),
        ('role = "a" or folows("closing")', 15, "there is no function folows; did you mean follows?"),
        ('follows("closng")', 9, "there is no event closng; did you mean closing?"),
        ('received("opening/thank")', 10, "there is no campaign opening/thank; did you mean opening/thanks?"),
        ('opened("opening/thanks")', 1, "nothing here tracks who opens a mail"),
        ('rsvp("closing") = "yes"', 19, "there is no answer “yes”; known: going, maybe, not, waiting"),
        ('rsvp("closing") in ("going", "mayb")', 30, "there is no answer “mayb”; did you mean maybe?"),
        ('rsvp("closing")', 1, 'rsvp wants an answer, as in rsvp("closing") = "going"'),
        ('rsvp("closng") = "going"', 6, "there is no event closng; did you mean closing?"),
        ('follows("closing") = "yes"', 22, "follows(…) holds of somebody or does not"),
        ("follows()", 1, 'follows wants the name of an event, as in follows("…")'),
        ('tags = "vip"', 1, 'tags holds several texts; ask tags has "vip"'),
        ('role has "vip"', 1, "role holds one value, not several"),
        ("role > 2021-01-01", 1, "role is no moment"),
        ('joined = "yesterday"', 10, "joined is a moment; compare it with a day"),
        ('domain = "not a domain"', 10, "“not a domain” is no domain"),
    ],
)
async def test_a_name_there_is_not_is_pointed_at_with_the_nearest_right_one(
    database: Database, text: str, column: int, reason: str
) -> None:
    with pytest.raises(ExpressionError) as wrong:
        await chosen(database, text)
    assert (wrong.value.column, wrong.value.reason[: len(reason)]) == (column, reason)
