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
    Table,
    TableValuedAlias,
    Text,
    cast,
    exists,
    func,
    literal,
    or_,
    select,
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


def among(connection: AsyncConnection, column: ColumnElement[str], values: Collection[str]) -> ColumnElement[bool]:
    """The column is one of these values, however many: they travel as one parameter (IN would make one of each)."""
    return among_packed(connection, column, literal(packed(connection, values), Text))


def among_packed(
    connection: AsyncConnection, column: ColumnElement[str], values: ColumnElement[str]
) -> ColumnElement[bool]:
    """The same of values that are given when the statement is run, `packed`, as a parameter of it.

    For thousands of them: what is in a statement stays in memory until Python looks for cycles.
    """
    if connection.dialect.name == "postgresql":
        return column.in_(select(func.unnest(cast(values, postgresql.ARRAY(Text)))))
    listed = func.json_each(values).table_valued("value")
    return column.in_(select(listed.c.value))


def packed(connection: AsyncConnection, values: Collection[str]) -> str:
    """Values as the one parameter that they travel as."""
    return _array(values) if connection.dialect.name == "postgresql" else json.dumps(list(values))


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
