"""The one MetaData, and the tables of who may be written to; each table is one concept, its rules in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, MetaData, Named, Table, Text, TypedColumns, text

from subscribers.columns import BigInt, Instant, Json, one_of

metadata = MetaData(
    naming_convention={
        "pk": "%(table_name)s_pkey",
        "fk": "%(table_name)s_%(column_0_name)s_fkey",
        "uq": "%(table_name)s_%(column_0_N_name)s_key",
        "ck": "%(table_name)s_%(constraint_name)s_check",
        "ix": "%(table_name)s_%(column_0_N_name)s_index",
    }
)


class SubscriberColumns(TypedColumns):
    """A person's address and what they told us.

    `normal` is the address' normal form, `hash` its keyed hash (see subscribers.suppression): joins with
    suppression without spelling the address. An empty `timezone` means the constellation's.
    """

    id: Named[int] = Column(BigInt, primary_key=True, autoincrement=True)
    address: Named[str] = Column(Text)
    normal: Named[str] = Column(Text, unique=True)
    hash: Named[str] = Column(Text, unique=True)
    first_name: Named[str] = Column(Text, server_default="")
    last_name: Named[str] = Column(Text, server_default="")
    locale: Named[str] = Column(Text, server_default="en")
    timezone: Named[str] = Column(Text, server_default="")
    fields: Named[dict[str, Any]] = Column(Json, server_default="{}")
    status: Named[str] = Column(Text)
    joined_at: Named[datetime] = Column(Instant)
    confirmed_at: Named[datetime | None] = Column(Instant)
    left_at: Named[datetime | None] = Column(Instant)
    paused_until: Named[datetime | None] = Column(Instant)
    rhythm: Named[str] = Column(Text, server_default="each")


subscriber = Table(
    "subscriber",
    metadata,
    SubscriberColumns,
    one_of("status", "pending", "active", "left"),
    CheckConstraint("status <> 'active' OR confirmed_at IS NOT NULL", name="active_is_confirmed"),
    CheckConstraint("status <> 'left' OR left_at IS NOT NULL", name="left_has_time"),
    one_of("rhythm", "each", "weekly", "essentials"),
    Index(None, "joined_at", sqlite_where=text("status = 'pending'"), postgresql_where=text("status = 'pending'")),
    sqlite_strict=True,
    sqlite_autoincrement=True,  # a link to an erased person must never open the next one's door
)


class ChoiceColumns(TypedColumns):
    """What a subscriber follows or has muted: an event's slug, `*` for the whole constellation, `kind:story` for a
    kind."""

    subscriber_id: Named[int] = Column(
        BigInt, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    topic: Named[str] = Column(Text, primary_key=True)
    stance: Named[str] = Column(Text)


choice = Table(
    "choice",
    metadata,
    ChoiceColumns,
    one_of("stance", "follow", "mute"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


class ConsentColumns(TypedColumns):
    """Evidence, append-only (a trigger in the migrations holds it): who agreed to what, when, from where."""

    id: Named[int] = Column(BigInt, primary_key=True, autoincrement=True)
    subscriber_id: Named[int] = Column(BigInt, ForeignKey("subscriber.id", ondelete="CASCADE"))
    at: Named[datetime] = Column(Instant)
    action: Named[str] = Column(Text)
    actor: Named[str] = Column(Text)
    source: Named[str] = Column(Text, server_default="")
    text_version: Named[str] = Column(Text, server_default="")
    text_shown: Named[str] = Column(Text, server_default="")
    ip: Named[str] = Column(Text, server_default="")
    detail: Named[dict[str, Any]] = Column(Json, server_default="{}")


consent = Table(
    "consent",
    metadata,
    ConsentColumns,
    one_of("action", "requested", "imported", "confirmed", "changed", "paused", "left", "suppressed", "released"),
    one_of("actor", "person", "staff", "report", "system"),
    Index(None, "subscriber_id"),
    sqlite_strict=True,
)


class RsvpColumns(TypedColumns):
    """Whether a subscriber comes to an event, by the event's slug. `waiting` would come, and there is no place yet;
    `answered_at` is since when, and decides whose turn it is."""

    subscriber_id: Named[int] = Column(
        BigInt, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    topic: Named[str] = Column(Text, primary_key=True)
    answer: Named[str] = Column(Text)
    answered_at: Named[datetime] = Column(Instant)


rsvp = Table(
    "rsvp",
    metadata,
    RsvpColumns,
    one_of("answer", "going", "maybe", "not", "waiting"),
    Index(None, "topic", "answer", "answered_at"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


class AddressChangeColumns(TypedColumns):
    """Where a subscriber wants their mail to go, until that mailbox has said yes; one at a time, the newest."""

    subscriber_id: Named[int] = Column(
        BigInt, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    address: Named[str] = Column(Text)
    normal: Named[str] = Column(Text)
    hash: Named[str] = Column(Text)
    asked_at: Named[datetime] = Column(Instant)
    ip: Named[str] = Column(Text, server_default="")


address_change = Table("address_change", metadata, AddressChangeColumns, sqlite_strict=True, sqlite_with_rowid=False)


class SuppressionColumns(TypedColumns):
    """Addresses never to be mailed, by keyed hash: it survives the erasure of everything else.

    `own_word` is what the person had said where a decision of staff stands over it: it counts again without that.
    """

    hash: Named[str] = Column(Text, primary_key=True)
    reason: Named[str] = Column(Text)
    at: Named[datetime] = Column(Instant)
    source: Named[str] = Column(Text, server_default="")
    detail: Named[str] = Column(Text, server_default="")
    own_word: Named[str | None] = Column(Text)


suppression = Table(
    "suppression",
    metadata,
    SuppressionColumns,
    one_of("reason", "hard-bounce", "soft-bounce", "complaint", "unsubscribe", "erased", "refused", "staff"),
    one_of("own_word", "complaint", "unsubscribe", "erased"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


class BounceScoreColumns(TypedColumns):
    """The distinct days on which a subscriber's mail bounced softly; at most one point a day."""

    subscriber_id: Named[int] = Column(
        BigInt, ForeignKey("subscriber.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    day: Named[str] = Column(Text, primary_key=True)


bounce_score = Table("bounce_score", metadata, BounceScoreColumns, sqlite_strict=True, sqlite_with_rowid=False)
