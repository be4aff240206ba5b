"""What pages are asked: how often, by whose work, and what is still to be carried out."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    Named,
    Table,
    Text,
    TypedColumns,
)

from subscribers.columns import BigInt, Instant, Json, one_of
from subscribers.tables import metadata


class RequestCountColumns(TypedColumns):
    """How often was asked to join in an hour: by all, from a client's network, or for a mailbox (by its hash)."""

    subject: Named[str] = Column(Text, primary_key=True)
    begins_at: Named[datetime] = Column(Instant, primary_key=True)
    number: Named[int] = Column(Integer)


request_count = Table(
    "request_count",
    metadata,
    RequestCountColumns,
    Index(None, "begins_at"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


class SpentChallengeColumns(TypedColumns):
    """A challenge that somebody joined with, and that nobody may join with again."""

    nonce: Named[str] = Column(Text, primary_key=True)
    at: Named[datetime] = Column(Instant)


spent_challenge = Table(
    "spent_challenge",
    metadata,
    SpentChallengeColumns,
    Index(None, "at"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


class ArrivalColumns(TypedColumns):
    """A request by a form that was answered and is yet to be carried out; gone when it is."""

    id: Named[int] = Column(BigInt, primary_key=True, autoincrement=True)
    at: Named[datetime] = Column(Instant)
    wants: Named[str] = Column(Text)
    document: Named[dict[str, Any]] = Column(Json)


arrival = Table("arrival", metadata, ArrivalColumns, one_of("wants", "join", "link"), sqlite_strict=True)
