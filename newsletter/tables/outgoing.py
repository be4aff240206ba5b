"""What others are told: to whom, of what, and every message."""

from datetime import datetime

from sqlalchemy import (
    Column,
    ForeignKey,
    Index,
    Integer,
    Named,
    Table,
    Text,
    TypedColumns,
    text,
)

from subscribers.columns import BigInt, Instant, one_of
from subscribers.tables import metadata


class EndpointColumns(TypedColumns):
    """Where others want to be told what happens here, signed with `secret`.

    `failures` counts those in a row, since `failing_since`; nothing is tried before `resting_until`. Once `disabled_at`
    is set, nothing more is kept for it, and staff are told once (`told_at`).
    """

    id: Named[int] = Column(Integer, primary_key=True, autoincrement=True)
    url: Named[str] = Column(Text, unique=True)
    secret: Named[str] = Column(Text)
    added_at: Named[datetime] = Column(Instant)
    failures: Named[int] = Column(Integer, server_default="0")
    failing_since: Named[datetime | None] = Column(Instant)
    resting_until: Named[datetime | None] = Column(Instant)
    disabled_at: Named[datetime | None] = Column(Instant)
    disabled_for: Named[str] = Column(Text, server_default="")
    told_at: Named[datetime | None] = Column(Instant)


endpoint = Table("endpoint", metadata, EndpointColumns, sqlite_strict=True, sqlite_autoincrement=True)


class EndpointEventColumns(TypedColumns):
    """A type of event (newsletter.outgoing.types) that an endpoint wants to hear of."""

    type: Named[str] = Column(Text, primary_key=True)
    endpoint_id: Named[int] = Column(
        Integer, ForeignKey("endpoint.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )


endpoint_event = Table("endpoint_event", metadata, EndpointEventColumns, sqlite_strict=True, sqlite_with_rowid=False)


class OutgoingColumns(TypedColumns):
    """The outbox: one message for one endpoint.

    Triggers (see the migrations) write it in the transaction of what it tells: evidence, a report that was applied, an
    erasure, a step of a campaign. `subject_id` is the number of that row. `body` is what is posted, the same at each
    attempt, made at the first. What is of a person goes with that person.
    """

    id: Named[int] = Column(BigInt, primary_key=True, autoincrement=True)
    endpoint_id: Named[int] = Column(Integer, ForeignKey("endpoint.id", ondelete="CASCADE"))
    type: Named[str] = Column(Text)
    at: Named[datetime] = Column(Instant)
    subscriber_id: Named[int | None] = Column(BigInt, ForeignKey("subscriber.id", ondelete="CASCADE"))
    subject_id: Named[int] = Column(BigInt)
    state: Named[str] = Column(Text, server_default="waiting")
    attempts: Named[int] = Column(Integer, server_default="0")
    due_at: Named[datetime] = Column(Instant)
    first_tried_at: Named[datetime | None] = Column(Instant)
    tried_at: Named[datetime | None] = Column(Instant)
    answer: Named[str] = Column(Text, server_default="")
    body: Named[str | None] = Column(Text)


outgoing = Table(
    "outgoing",
    metadata,
    OutgoingColumns,
    one_of("state", "waiting", "delivered", "failed"),
    Index(None, "subscriber_id"),
    Index(
        None,
        "endpoint_id",
        "due_at",
        sqlite_where=text("state = 'waiting'"),
        postgresql_where=text("state = 'waiting'"),
    ),
    sqlite_strict=True,
    sqlite_autoincrement=True,  # a message's number is its id for whoever hears it: none comes twice
)
