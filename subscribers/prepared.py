"""Statements that are run for every page, or window of mails: prepared once, and run on SQLite without SQLAlchemy.

SQLAlchemy takes ten times as long over a small statement as SQLite does, for the most part by beginning a greenlet for
it, whose stack comes from the operating system and goes back there. What is asked once for each request is therefore
written as ever, and wrapped:

    _HOLDER = Prepared(select(subscriber.c.address).where(subscriber.c.id == bindparam("number")))
    ...
    rows = await _HOLDER.rows(connection, {"number": 7})

It belongs to the same transaction as what SQLAlchemy is asked before and after. On PostgreSQL, SQLAlchemy runs it.
"""

from abc import abstractmethod
from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any

from sqlalchemy import Select, TextClause
from sqlalchemy.dialects import sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.types import TypeEngine

Statement = Select[*tuple[Any, ...]] | UpdateBase | TextClause

Values = Mapping[str, Any]
"""A value for each parameter of a statement, by its name."""


class Direct(AsyncConnection):
    """A connection to SQLite that can be asked without SQLAlchemy, in the same transaction."""

    __slots__ = ()

    @abstractmethod
    async def run(self, sql: str, parameters: Sequence[Any]) -> tuple[Sequence[Sequence[Any]], int]:
        """All rows of a statement, and how many it changed. Raises what SQLAlchemy raises."""


class Prepared:
    """A statement whose parameters all have names. One that inserts names the columns that it fills."""

    def __init__(self, statement: Statement) -> None:
        self._statement = statement

    async def rows(self, connection: AsyncConnection, values: Values) -> Sequence[Any]:
        """The rows that it finds; each has its values by their columns' names."""
        if isinstance(connection, Direct):
            rows, _ = await connection.run(self._sqlite.sql, self._sqlite.parameters(values))
            return self._sqlite.named(rows)
        return (await connection.execute(self._statement, values)).all()

    async def change(self, connection: AsyncConnection, values: Values) -> int:
        """Run it; how many rows it updated or deleted, which of an insert is not told."""
        if isinstance(connection, Direct):
            _, changed = await connection.run(self._sqlite.sql, self._sqlite.parameters(values))
            return changed
        return (await connection.execute(self._statement, values)).rowcount

    async def change_each(self, connection: AsyncConnection, values: Sequence[Values]) -> None:
        """Change, once for each of some few values; PostgreSQL is asked once for them all."""
        if isinstance(connection, Direct):
            for one in values:
                await self.change(connection, one)
        elif values:
            await connection.execute(self._statement, values)

    @cached_property
    def _sqlite(self) -> "_ForSQLite":
        return _ForSQLite(self._statement)


class _ForSQLite:
    """A statement in SQLite's words, and what its types do to values on their way in and out."""

    def __init__(self, statement: Statement) -> None:
        compiled = statement.compile(dialect=_DIALECT)
        assert isinstance(compiled, SQLCompiler)  # noqa: S101 - what a statement is compiled by
        binds = compiled.binds
        # A list behind an IN is spread over parameters of its own, whose values are known.
        spread = compiled.construct_expanded_state({one.key: None for one in binds.values() if one.required})
        self.sql = spread.statement
        self._given: list[tuple[str | None, Callable[[Any], Any], Any]] = [
            (binds[name].key if binds[name].required else None, _way_in(binds[name].type), binds[name].value)
            if name in binds
            else (None, spread.processors.get(name, _as_it_is), spread.parameters[name])
            for name in spread.positiontup or ()
        ]
        columns = [] if isinstance(statement, TextClause) else list(statement.exported_columns)
        row: Any = namedtuple("Row", [column.key for column in columns])  # type: ignore[misc] # named by the statement
        self._row: Callable[[Sequence[Any]], Any] = row._make
        self._ways_out = [(place, way) for place, way in enumerate(map(_way_out, columns)) if way is not None]

    def parameters(self, values: Values) -> list[Any]:
        """The values in the order in which SQLite is given them. Raises KeyError for one that is missing."""
        return [way(fixed if name is None else values[name]) for name, way, fixed in self._given]

    def named(self, rows: Sequence[Sequence[Any]]) -> list[Any]:
        """The rows with names, and values as the columns' types have them."""
        if not self._ways_out:
            return [self._row(row) for row in rows]
        return [self._row(self._read(row)) for row in rows]

    def _read(self, row: Sequence[Any]) -> Sequence[Any]:
        read = list(row)
        for place, way in self._ways_out:
            read[place] = way(read[place])
        return read


_DIALECT = sqlite.dialect()


def _way_in(kind: TypeEngine[Any]) -> Callable[[Any], Any]:
    return kind.dialect_impl(_DIALECT).bind_processor(_DIALECT) or _as_it_is


def _way_out(column: Any) -> Callable[[Any], Any] | None:
    way: Callable[[Any], Any] | None = column.type.dialect_impl(_DIALECT).result_processor(_DIALECT, None)
    return way


def _as_it_is(value: Any) -> Any:
    return value
