"""Mails on their way: the ledger, who works on it, mails to one person, and the limits that all senders keep."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    REAL,
    CheckConstraint,
    Column,
    Double,
    ForeignKey,
    Index,
    Integer,
    Named,
    Table,
    Text,
    TypedColumns,
    text,
)

from subscribers.columns import BigInt, Instant, Json, one_of
from subscribers.tables import metadata


class ShardColumns(TypedColumns):
    """A run of a campaign's deliveries that one worker owns at a time.

    `epoch` rises at each takeover; every write of an owner names its epoch, so a worker that was believed
    dead can settle nothing. `due_at` is when the shard next has work.
    """

    campaign_id: Named[int] = Column(
        Integer, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    first_id: Named[int] = Column(BigInt)
    last_id: Named[int] = Column(BigInt)
    state: Named[str] = Column(Text, server_default="open")
    epoch: Named[int] = Column(Integer, server_default="0")
    owner: Named[str] = Column(Text, server_default="")
    due_at: Named[datetime] = Column(Instant)


shard = Table(
    "shard",
    metadata,
    ShardColumns,
    one_of("state", "open", "done"),
    Index(None, "due_at", sqlite_where=text("state = 'open'"), postgresql_where=text("state = 'open'")),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


class DeliveryColumns(TypedColumns):
    """The ledger: one row for each person of a campaign's audience. Only newsletter.delivery.ledger writes it.

    No foreign key to `subscriber`: the count of a campaign stays true when one of its people is erased. `digest_items`
    says, a bit for each, which items of a digest are in this person's (see subscribers.audience.wanted_items).
    """

    campaign_id: Named[int] = Column(
        Integer, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    subscriber_id: Named[int] = Column(BigInt, primary_key=True, autoincrement=False)
    state: Named[str] = Column(Text, server_default="queued")
    attempts: Named[int] = Column(Integer, server_default="0")
    at: Named[datetime | None] = Column(Instant)
    due_at: Named[datetime | None] = Column(Instant)
    reply: Named[str | None] = Column(Text)
    feedback: Named[str | None] = Column(Text)
    digest_items: Named[int | None] = Column(BigInt)


delivery = Table(
    "delivery",
    metadata,
    DeliveryColumns,
    one_of(
        "state", "queued", "sending", "sent", "deferred", "refused", "expired", "suppressed", "uncertain", "cancelled"
    ),
    one_of("feedback", "delivered", "soft", "block", "hard", "unsubscribe", "complaint"),
    postgresql_with={"fillfactor": 30},  # a row is written thrice: all three find room on its page, without the index
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


WAITING = text("state IN ('queued', 'sending', 'deferred')")
"""What of `transactional` is not settled, in the words of its index: only so does SQLite see that the index will do."""


class WorkerColumns(TypedColumns):
    """A process that runs the engine, as it last said of itself: for people to look at, nothing is decided by it.

    `pulse` is what it does (see newsletter.engine.presence).
    """

    name: Named[str] = Column(Text, primary_key=True)
    engine: Named[str] = Column(Text)
    started_at: Named[datetime] = Column(Instant)
    seen_at: Named[datetime] = Column(Instant)
    pulse: Named[dict[str, Any]] = Column(Json)


worker = Table("worker", metadata, WorkerColumns, sqlite_strict=True, sqlite_with_rowid=False)


class TransactionalColumns(TypedColumns):
    """A mail to one person because of what that person just did: confirm, welcome, link, goodbye, …

    `to_address` is where it goes if that is not the subscriber's address: to a new one that is to say yes, or to an old
    one that is told; `to_hash` is its keyed hash. `topic` is the slug of the event that it is about, if any.
    """

    id: Named[int] = Column(BigInt, primary_key=True, autoincrement=True)
    subscriber_id: Named[int] = Column(BigInt, ForeignKey("subscriber.id", ondelete="CASCADE"))
    kind: Named[str] = Column(Text)
    created_at: Named[datetime] = Column(Instant)
    state: Named[str] = Column(Text, server_default="queued")
    attempts: Named[int] = Column(Integer, server_default="0")
    due_at: Named[datetime] = Column(Instant)
    at: Named[datetime | None] = Column(Instant)
    reply: Named[str | None] = Column(Text)
    to_address: Named[str | None] = Column(Text)
    to_hash: Named[str | None] = Column(Text)
    topic: Named[str | None] = Column(Text)


transactional = Table(
    "transactional",
    metadata,
    TransactionalColumns,
    one_of("kind", "confirm", "remind", "ask", "welcome", "link", "goodbye", "move", "moved", "place", "probe"),
    one_of("state", "queued", "sending", "sent", "deferred", "refused", "expired", "suppressed"),
    Index(None, "subscriber_id", "kind", "created_at"),
    Index(None, "kind", "due_at", sqlite_where=WAITING, postgresql_where=WAITING),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)


class AskedColumns(TypedColumns):
    """A mailbox, by its keyed hash, that was asked whether it wants our mail: each time takes a place for a day.

    It names no subscriber: the day is not over for a mailbox because whoever had it asked was erased.
    """

    hash: Named[str] = Column(Text, primary_key=True)
    place: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    at: Named[datetime] = Column(Instant)


asked = Table("asked", metadata, AskedColumns, Index(None, "at"), sqlite_strict=True, sqlite_with_rowid=False)


class UnansweredColumns(TypedColumns):
    """A mailbox, by its keyed hash, that an import had asked, and whose person is forgotten: it is not asked again."""

    hash: Named[str] = Column(Text, primary_key=True)
    at: Named[datetime] = Column(Instant)


unanswered = Table("unanswered", metadata, UnansweredColumns, sqlite_strict=True, sqlite_with_rowid=False)


class DomainPauseColumns(TypedColumns):
    """A recipients' domain that is left alone for a while; `cause` is what too many of its reports said."""

    domain: Named[str] = Column(Text, primary_key=True)
    cause: Named[str] = Column(Text)
    since: Named[datetime] = Column(Instant)
    until: Named[datetime] = Column(Instant)
    reports: Named[int] = Column(Integer)


domain_pause = Table(
    "domain_pause",
    metadata,
    DomainPauseColumns,
    one_of("cause", "block", "hard"),
    CheckConstraint("until >= since", name="ends_after_start"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


class BucketColumns(TypedColumns):
    """A limit of so many mails a second, of a relay or a family of receivers: up to when its mails are spoken for."""

    name: Named[str] = Column(Text, primary_key=True)
    spoken_until: Named[datetime] = Column(Instant)


bucket = Table("bucket", metadata, BucketColumns, sqlite_strict=True, sqlite_with_rowid=False)


class RelayDayColumns(TypedColumns):
    """How many mails a relay that warms up was given on a day (UTC, `2021-02-03`)."""

    relay: Named[str] = Column(Text, primary_key=True)
    day: Named[str] = Column(Text, primary_key=True)
    mails: Named[int] = Column(Integer)


relay_day = Table("relay_day", metadata, RelayDayColumns, sqlite_strict=True, sqlite_with_rowid=False)


class SlowedColumns(TypedColumns):
    """A family of receivers that asked for fewer mails: its pace since then, before it recovers, and its words."""

    to: Named[str] = Column(Text, primary_key=True)
    per_second: Named[float] = Column(Double().with_variant(REAL(), "sqlite"))
    at: Named[datetime] = Column(Instant)
    reply: Named[str] = Column(Text)


slowed = Table("slowed", metadata, SlowedColumns, sqlite_strict=True, sqlite_with_rowid=False)


class TurnColumns(TypedColumns):
    """A shard that has people who wait for their turn at a family of receivers, and until when, the last of them."""

    to: Named[str] = Column(Text, primary_key=True)
    campaign_id: Named[int] = Column(
        Integer, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    number: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    until: Named[datetime] = Column(Instant)


turn = Table("turn", metadata, TurnColumns, sqlite_strict=True, sqlite_with_rowid=False)


class RefusingRelayColumns(TypedColumns):
    """A relay that refuses all that it is offered: since when, when it last did, and when it took mail again.

    `place` is where it is, `reply` what it said last, without addresses. Staff are told once (`told_at`).
    """

    id: Named[int] = Column(Integer, primary_key=True, autoincrement=True)
    relay: Named[str] = Column(Text, unique=True)
    place: Named[str] = Column(Text)
    reply: Named[str] = Column(Text)
    since: Named[datetime] = Column(Instant)
    seen_at: Named[datetime] = Column(Instant)
    over_at: Named[datetime | None] = Column(Instant)
    tell_at: Named[datetime] = Column(Instant)
    told_at: Named[datetime | None] = Column(Instant)


refusing_relay = Table("refusing_relay", metadata, RefusingRelayColumns, sqlite_strict=True, sqlite_autoincrement=True)


class UnmadeMailColumns(TypedColumns):
    """A kind of mail that could not be made while it was sent: since when, and when it last was so.

    `reason` is the fault as it was last found. Staff are told once (`told_at`).
    """

    id: Named[int] = Column(Integer, primary_key=True, autoincrement=True)
    kind: Named[str] = Column(Text, unique=True)
    reason: Named[str] = Column(Text)
    since: Named[datetime] = Column(Instant)
    seen_at: Named[datetime] = Column(Instant)
    tell_at: Named[datetime] = Column(Instant)
    told_at: Named[datetime | None] = Column(Instant)


unmade_mail = Table("unmade_mail", metadata, UnmadeMailColumns, sqlite_strict=True, sqlite_autoincrement=True)
