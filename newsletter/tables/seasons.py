"""The constellation as its file last described it: itself, its events, and the plan of their mails."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    CheckConstraint,
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

from subscribers.columns import Instant, Json, one_of
from subscribers.tables import metadata


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
    one_of("kind", "event", "experience", "story"),
    one_of("status", "scheduled", "cancelled", "removed"),
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
    one_of("state", "planned", "started", "skipped"),
    Index(None, "due_at", sqlite_where=text("state = 'planned'"), postgresql_where=text("state = 'planned'")),
    sqlite_strict=True,
)
