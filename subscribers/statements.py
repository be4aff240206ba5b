"""The one place where the two databases' dialects differ for this package."""

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, TypeVar
from typing import cast as take_as

from sqlalchemy import (
    ColumnClause,
    ColumnElement,
    FromClause,
    Row,
    Select,
    Table,
    TableValuedAlias,
    Text,
    bindparam,
    cast,
    exists,
    func,
    literal,
    literal_column,
    or_,
    select,
    true,
    type_coerce,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

Value = TypeVar("Value", bound=str)


def insert(connection: AsyncConnection, table: Table) -> postgresql.Insert:
    """INSERT that knows ON CONFLICT, in the connection's dialect (both spell it alike)."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return take_as("postgresql.Insert", sqlite.insert(table))


async def looked_up(
    connection: AsyncConnection, found: Select[*tuple[Any, ...]], by: ColumnElement[str], values: Collection[str]
) -> Sequence[Row[Any]]:
    """The rows of `found` whose `by`, a column that an index finds, has one of these values, however many.

    They travel as one parameter (IN would make one of each), and not in the statement, where they would stay in memory
    until Python looks for cycles. PostgreSQL is made to look up each by itself: for some thousands it would read the
    whole table, each time, which took four times as long where that had 400,000 rows.
    """
    packed = bindparam("packed", type_=Text)
    if connection.dialect.name == "postgresql":
        wanted = func.unnest(cast(packed, postgresql.ARRAY(Text))).table_valued("value", name="wanted").render_derived()
        # OFFSET keeps it a query of its own, which runs for one value at a time
        each = found.where(by == wanted.c.value).offset(literal_column("0")).lateral("found")
        statement = select(each).select_from(wanted.join(each, true()))
        return (await connection.execute(statement, {"packed": _array(values)})).all()
    listed = func.json_each(packed).table_valued("value")
    statement = found.where(by.in_(select(listed.c.value)))
    return (await connection.execute(statement, {"packed": json.dumps(list(values))})).all()


def _array(values: Collection[str]) -> str:
    """PostgreSQL's text of an array: psycopg writes one in Python, element by element, and takes five times as long."""
    plain = "\0".join(values)  # a zero is in no value: PostgreSQL could not keep it
    if _QUOTED.search(plain):
        plain = _QUOTED.sub(r"\\\g<0>", plain)
    return '{"' + plain.replace("\0", '","') + '"}' if values else "{}"


_QUOTED = re.compile(r'["\\]')


def listed(connection: AsyncConnection, rows: Sequence[Mapping[str, Any]], *columns: ColumnClause[Any]) -> FromClause:
    """A table of these rows, to update others from; they travel as one parameter, and each has all the columns.

    A column holds a number or a text.
    """
    if connection.dialect.name == "postgresql":
        recordset = func.json_to_recordset(cast(literal(json.dumps(rows), Text), postgresql.JSON))
        return recordset.table_valued(*columns).render_derived(name="told", with_types=True)
    row = func.json_each(json.dumps(rows)).table_valued("value")
    return select(*(row.c.value.op("->>")(one.name).label(one.name) for one in columns)).subquery("told")


async def tally(
    connection: AsyncConnection, column: ColumnClause[Any], values: Iterable[Value], *where: ColumnElement[bool]
) -> dict[Value, int]:
    """How many rows have each of these values in a column; a value that none has is left out.

    All are counted in one pass. To group a million rows, SQLite sorts them in memory: twice the time, and 50 MB.
    """
    wanted = list(values)
    counts = select(*(func.count().filter(column == value) for value in wanted)).where(*where)
    found = (await connection.execute(counts)).one()
    return {value: count for value, count in zip(wanted, found, strict=True) if count}


def json_text(connection: AsyncConnection, column: ColumnElement[Any], key: str) -> ColumnElement[str | None]:
    """The text under a key of a JSON object; NULL where there is none. The key is a plain word."""
    if connection.dialect.name == "postgresql":
        found: ColumnElement[str | None] = type_coerce(column, postgresql.JSONB)[key].astext
        return found
    return cast(func.json_extract(type_coerce(column, Text), f'$."{key}"'), Text)


def json_holds(connection: AsyncConnection, column: ColumnElement[Any], key: str, value: str) -> ColumnElement[bool]:
    """Whether the list under a key of a JSON object holds a text, or the text under it is that one."""
    if connection.dialect.name == "postgresql":
        whole = type_coerce(column, postgresql.JSONB)
        return or_(whole.contains({key: [value]}), whole.contains({key: value}))
    held = func.json_each(type_coerce(column, Text), f'$."{key}"').table_valued("value")
    return exists().select_from(held).where(held.c.value == value)


def json_keys(connection: AsyncConnection, column: ColumnElement[Any]) -> TableValuedAlias:
    """The keys of a row's JSON object, as a table with the one column `key`, to join the row with."""
    if connection.dialect.name == "postgresql":
        return func.jsonb_object_keys(type_coerce(column, postgresql.JSONB)).table_valued("key").render_derived()
    return func.json_each(type_coerce(column, Text)).table_valued("key")
