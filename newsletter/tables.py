"""The tables of events, campaigns, deliveries and feedback; they join the one MetaData of `subscribers.tables`."""

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

__all__ = [
    "audience",
    "audit",
    "bucket",
    "campaign",
    "constellation",
    "delivery",
    "domain_pause",
    "endpoint",
    "endpoint_event",
    "event",
    "inbox",
    "kept_mail",
    "medium",
    "metadata",
    "outgoing",
    "plan",
    "relay_day",
    "request_count",
    "shard",
    "slowed",
    "transactional",
    "worker",
]


class ConstellationColumns(TypedColumns):
    """The one constellation this database serves, as its file described it when it was last loaded."""

    id: Named[int] = Column(Integer, primary_key=True, autoincrement=False)
    slug: Named[str] = Column(Text)
    document: Named[dict[str, Any]] = Column(Json)
    loaded_at: Named[datetime] = Column(Instant)


constellation = Table(
    "constellation", metadata, ConstellationColumns, CheckConstraint("id = 1", name="only_one"), sqlite_strict=True
)


class EventColumns(TypedColumns):
    """An event, an experience or a story; `starts_at` of a story is when it is published."""

    id: Named[int] = Column(Integer, primary_key=True, autoincrement=True)
    slug: Named[str] = Column(Text, unique=True)
    kind: Named[str] = Column(Text)
    title: Named[str] = Column(Text)
    timezone: Named[str] = Column(Text)
    starts_at: Named[datetime] = Column(Instant)
    ends_at: Named[datetime] = Column(Instant)
    status: Named[str] = Column(Text, server_default="scheduled")
    sequence: Named[int] = Column(Integer, server_default="0")
    document: Named[dict[str, Any]] = Column(Json)


event = Table(
    "event",
    metadata,
    EventColumns,
    CheckConstraint("kind IN ('event', 'experience', 'story')", name="kind"),
    CheckConstraint("status IN ('scheduled', 'cancelled', 'removed')", name="status"),
    CheckConstraint("ends_at >= starts_at", name="ends_after_start"),
    sqlite_strict=True,
)


class PlanColumns(TypedColumns):
    """When each mail of an event is due. A row that is no longer `planned` is never fired again.

    `opens_at` is there for a mail by readers' own clocks: `due_at` is then by the constellation's, and nobody is due it
    before this.
    """

    event_id: Named[int] = Column(
        Integer, ForeignKey("event.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    kind: Named[str] = Column(Text, primary_key=True)
    due_at: Named[datetime] = Column(Instant)
    opens_at: Named[datetime | None] = Column(Instant)
    state: Named[str] = Column(Text, server_default="planned")
    campaign_id: Named[int | None] = Column(Integer, ForeignKey("campaign.id"))


plan = Table(
    "plan",
    metadata,
    PlanColumns,
    CheckConstraint("state IN ('planned', 'started', 'skipped')", name="state"),
    Index(None, "due_at", sqlite_where=text("state = 'planned'"), postgresql_where=text("state = 'planned'")),
    sqlite_strict=True,
)


class CampaignColumns(TypedColumns):
    """One mailing to an audience. `document` holds the facts its mails state, frozen when it starts.

    `expression` says who of the event's followers is meant (see subscribers.expressions); empty, it is all of them.
    `archived` is whether staff let everybody read it (1) or nobody (0); else newsletter.campaigns.visibility says.
    """

    id: Named[int] = Column(Integer, primary_key=True, autoincrement=True)
    slug: Named[str] = Column(Text, unique=True)
    event_id: Named[int | None] = Column(Integer, ForeignKey("event.id"))
    kind: Named[str] = Column(Text)
    status: Named[str] = Column(Text, server_default="draft")
    document: Named[dict[str, Any]] = Column(Json, server_default="{}")
    note: Named[str] = Column(Text, server_default="")
    expression: Named[str] = Column(Text, server_default="")
    archived: Named[int | None] = Column(Integer)
    created_at: Named[datetime] = Column(Instant)
    scheduled_at: Named[datetime | None] = Column(Instant)
    started_at: Named[datetime | None] = Column(Instant)
    finished_at: Named[datetime | None] = Column(Instant)


campaign = Table(
    "campaign",
    metadata,
    CampaignColumns,
    CheckConstraint("status IN ('draft', 'scheduled', 'sending', 'paused', 'cancelled', 'finished')", name="status"),
    CheckConstraint("status <> 'sending' OR started_at IS NOT NULL", name="sending_has_started"),
    CheckConstraint("archived IN (0, 1)", name="archived"),
    sqlite_strict=True,
)


class HeldColumns(TypedColumns):
    """A campaign that was due and did not start: the check before found errors, which are in `document`.

    It is looked at again until `until`. Staff are told once (`told_at`), not before `tell_at`.
    """

    campaign_id: Named[int] = Column(
        Integer, ForeignKey("campaign.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
    )
    due_at: Named[datetime] = Column(Instant)
    until: Named[datetime] = Column(Instant)
    held_at: Named[datetime] = Column(Instant)
    looked_at: Named[datetime] = Column(Instant)
    document: Named[dict[str, Any]] = Column(Json)
    tell_at: Named[datetime] = Column(Instant)
    told_at: Named[datetime | None] = Column(Instant)


held = Table("held", metadata, HeldColumns, sqlite_strict=True, sqlite_with_rowid=False)


class AudienceColumns(TypedColumns):
    """An expression that staff keep under a name, for campaigns to come."""

    name: Named[str] = Column(Text, primary_key=True)
    expression: Named[str] = Column(Text)
    saved_at: Named[datetime] = Column(Instant)


audience = Table("audience", metadata, AudienceColumns, sqlite_strict=True, sqlite_with_rowid=False)


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
    CheckConstraint("state IN ('open', 'done')", name="state"),
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
    CheckConstraint(
        "state IN ('queued', 'sending', 'sent', 'deferred', 'refused', 'expired', 'suppressed', 'uncertain',"
        " 'cancelled')",
        name="state",
    ),
    CheckConstraint("feedback IN ('delivered', 'soft', 'block', 'hard', 'unsubscribe', 'complaint')", name="feedback"),
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
    one that is told. `topic` is the slug of the event that it is about, if it is about one.
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
    topic: Named[str | None] = Column(Text)


transactional = Table(
    "transactional",
    metadata,
    TransactionalColumns,
    CheckConstraint(
        "kind IN ('confirm', 'remind', 'ask', 'welcome', 'link', 'goodbye', 'move', 'moved', 'place', 'probe')",
        name="kind",
    ),
    CheckConstraint(
        "state IN ('queued', 'sending', 'sent', 'deferred', 'refused', 'expired', 'suppressed')", name="state"
    ),
    Index(None, "subscriber_id", "kind", "created_at"),
    Index(None, "kind", "due_at", sqlite_where=WAITING, postgresql_where=WAITING),
    sqlite_strict=True,
    sqlite_autoincrement=True,
)


class InboxColumns(TypedColumns):
    """What a provider or a mailbox reported, stored before it is acknowledged, applied afterwards.

    Once it is applied, `heard` is what it says of a delivery, if that was proven, in the words of `delivery.feedback`;
    `subscriber_id`, `campaign_id` (none for a mail of no campaign) and the receiver's `domain` say of which.
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
    CheckConstraint("cause IN ('block', 'hard')", name="cause"),
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
    CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name="state"),
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


class MediumColumns(TypedColumns):
    """A picture that mails link to; its name is the hash of its content, so what is behind a link never changes."""

    name: Named[str] = Column(Text, primary_key=True)
    media_type: Named[str] = Column(Text)
    content: Named[bytes] = Column(LargeBinary)
    added_at: Named[datetime] = Column(Instant)


medium = Table(
    "medium",
    metadata,
    MediumColumns,
    CheckConstraint("media_type IN ('image/jpeg', 'image/png', 'image/gif')", name="media_type"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)


class AuditColumns(TypedColumns):
    """Who among staff did what, to what."""

    id: Named[int] = Column(BigInt, primary_key=True, autoincrement=True)
    at: Named[datetime] = Column(Instant)
    actor: Named[str] = Column(Text)
    action: Named[str] = Column(Text)
    subject: Named[str] = Column(Text)
    detail: Named[dict[str, Any]] = Column(Json, server_default="{}")


audit = Table("audit", metadata, AuditColumns, sqlite_strict=True)


class RequestCountColumns(TypedColumns):
    """How often was asked to join in an hour: by all, from a client's network, or for an address (by its hash)."""

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


arrival = Table(
    "arrival", metadata, ArrivalColumns, CheckConstraint("wants IN ('join', 'link')", name="wants"), sqlite_strict=True
)
