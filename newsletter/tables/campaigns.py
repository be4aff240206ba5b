"""Campaigns before and beside their sending: what they say, to whom, and why one is held."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    Named,
    Table,
    Text,
    TypedColumns,
)

from subscribers.columns import Instant, Json, one_of
from subscribers.tables import metadata


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
    one_of("status", "draft", "scheduled", "sending", "paused", "cancelled", "finished"),
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
    one_of("media_type", "image/jpeg", "image/png", "image/gif"),
    sqlite_strict=True,
    sqlite_with_rowid=False,
)
