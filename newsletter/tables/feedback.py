"""What came back: reports, mail that people must read, and when the lists of providers are read."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Column,
    Index,
    Integer,
    LargeBinary,
    Named,
    Table,
    Text,
    TypedColumns,
    UniqueConstraint,
    text,
)

from subscribers.columns import BigInt, Instant, Json
from subscribers.tables import metadata


class InboxColumns(TypedColumns):
    """What a provider or a mailbox reported, stored before it is acknowledged, applied afterwards.

    Once it is applied, `heard` is what it says of a delivery, if that was proven, in the words of `delivery.feedback`;
    `subscriber_id`, `campaign_id` (none for a mail of no campaign) and the receiver's `domain` say of which. What was
    not proven has a `subscriber_id` too, if it names a mail to somebody: when that person is deleted, a trigger empties
    the event's address and words, and the replies in the ledger.
    """

    id: Named[int] = Column(BigInt, primary_key=True, autoincrement=True)
    provider: Named[str] = Column(Text)
    event_id: Named[str] = Column(Text)
    received_at: Named[datetime] = Column(Instant)
    event: Named[dict[str, Any]] = Column(Json)
    applied_at: Named[datetime | None] = Column(Instant)
    outcome: Named[str | None] = Column(Text)
    heard: Named[str | None] = Column(Text)
    subscriber_id: Named[int | None] = Column(BigInt)
    campaign_id: Named[int | None] = Column(Integer)
    domain: Named[str | None] = Column(Text)


inbox = Table(
    "inbox",
    metadata,
    InboxColumns,
    UniqueConstraint("provider", "event_id"),
    Index(None, "subscriber_id"),
    Index(None, "campaign_id"),
    Index(None, "domain"),
    Index(
        None,
        "applied_at",
        sqlite_where=text("heard IN ('hard', 'block')"),
        postgresql_where=text("heard IN ('hard', 'block')"),
    ),
    Index(None, "id", sqlite_where=text("applied_at IS NULL"), postgresql_where=text("applied_at IS NULL")),
    sqlite_strict=True,
)


class ListReadingColumns(TypedColumns):
    """A provider whose suppression list is read by its API, and when that is due again."""

    provider: Named[str] = Column(Text, primary_key=True)
    next_at: Named[datetime] = Column(Instant)


list_reading = Table("list_reading", metadata, ListReadingColumns, sqlite_strict=True, sqlite_with_rowid=False)


class KeptMailColumns(TypedColumns):
    """A returned mail that nobody but a person can judge, as it arrived, up to a size; gone when it is judged."""

    id: Named[int] = Column(BigInt, primary_key=True, autoincrement=True)
    digest: Named[str] = Column(Text, unique=True)
    received_at: Named[datetime] = Column(Instant)
    kind: Named[str] = Column(Text)
    sender: Named[str] = Column(Text)
    subject: Named[str] = Column(Text)
    raw: Named[bytes] = Column(LargeBinary)


kept_mail = Table("kept_mail", metadata, KeptMailColumns, sqlite_strict=True)
