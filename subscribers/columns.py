"""What the columns of every table share: types with the same values on SQLite (STRICT) and on PostgreSQL."""

import json
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, CheckConstraint, Dialect, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB, TIMESTAMP
from sqlalchemy.types import TypeDecorator, TypeEngine

BigInt = BigInteger().with_variant(Integer, "sqlite")
"""A 64-bit number; on SQLite INTEGER, which is what a rowid must be declared as."""


class Instant(TypeDecorator[datetime]):
    """A moment in UTC. Naive datetimes are refused, so that no local time slips in unnoticed."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """TIMESTAMPTZ on PostgreSQL; on SQLite ISO 8601 text of one width, which sorts as time does."""
        kind: TypeEngine[Any] = TIMESTAMP(timezone=True) if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> Any:
        """Refuse a naive datetime with ValueError; write SQLite's text with microseconds, always."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"a naive datetime ({value!r}) is no moment: give it a time zone")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.strftime("%Y-%m-%dT%H:%M:%S.%fZ")

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        """Give back an aware datetime in UTC."""
        if value is None:
            return None
        if dialect.name == "postgresql":
            return value.astimezone(UTC)  # type: ignore[no-any-return] # the driver's datetime
        return datetime.fromisoformat(value)


class Json(TypeDecorator[dict[str, Any]]):
    """A JSON object: JSONB on PostgreSQL, text on SQLite."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        """JSONB where there is one."""
        kind: TypeEngine[Any] = JSONB() if dialect.name == "postgresql" else Text()
        return dialect.type_descriptor(kind)

    def process_bind_param(self, value: dict[str, Any] | None, dialect: Dialect) -> Any:
        """Compact JSON on SQLite; PostgreSQL's driver writes its own."""
        if value is None or dialect.name == "postgresql":
            return value
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    def process_result_value(self, value: dict[str, Any] | str | None, dialect: Dialect) -> dict[str, Any] | None:
        """Give back the object."""
        if isinstance(value, str):
            read: dict[str, Any] = json.loads(value)
            return read
        return value  # PostgreSQL's driver has read it already


def one_of(column: str, *values: str) -> CheckConstraint:
    """That a column has one of a few values, or NULL where it may.

    Written as alternatives: of the list behind an IN, SQLite would make a table anew for each row that is written,
    which takes four times as long as the row.
    """
    return CheckConstraint(" OR ".join(f"{column} = '{value}'" for value in values), name=column)
