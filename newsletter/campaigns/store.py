"""Campaigns as rows: found by slug, listed, drafted."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import visibility
from newsletter.constellation import store as constellations
from newsletter.content.facts import Facts
from newsletter.content.letters import Letter
from newsletter.delivery import purpose
from newsletter.errors import NewsletterError
from newsletter.suggest import hint
from newsletter.tables import campaign, event
from subscribers.audience import About

NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,79}")
"""What stands in addresses of the archive and is typed in commands."""


class CampaignError(NewsletterError):
    """A campaign does not exist, or cannot do what was asked of it now."""


@dataclass(frozen=True, slots=True)
class Campaign:
    """One mailing. `topic` is the slug of its event, whose followers are its audience (None: everyone); `about` says
    what they must want besides, and `expression` narrows them further, unless it is empty. `letters` are the words of a
    draft that was written in Markdown, and `source` is that file. Everybody may read one that `is_public`, once it is
    sent. The mails of one that goes `by_hours` wait for each reader's own clock. `forgiven` are rules that staff said
    may be broken when it starts."""

    id: int
    slug: str
    kind: str
    status: str
    topic: str | None
    about: About
    event_id: int | None
    expression: str
    facts: Facts | None
    letters: tuple[Letter, ...]
    source: str
    forgiven: frozenset[str]
    is_public: bool
    by_hours: bool
    created_at: datetime
    scheduled_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None

    @property
    def is_the_plans(self) -> bool:
        """Whether it has the name, and so the place, of a mail of the plan: that one is not sent besides."""
        return self.topic is not None and self.slug == f"{self.topic}/{self.kind}"

    @property
    def is_the_plans_anew(self) -> bool:
        """Whether it goes to those who had not got another when its event changed, where the plan sends that."""
        return self.topic is not None and self.about.can_wait and not self.is_the_plans

    @property
    def is_in_archive(self) -> bool:
        """Whether all may read it, once it is sent: what was cancelled nobody does, whatever staff choose."""
        return self.is_public and self.status != "cancelled"


def _select() -> Select[Any]:
    return select(
        campaign.c.id,
        campaign.c.slug,
        campaign.c.kind,
        campaign.c.status,
        event.c.slug.label("topic"),
        event.c.kind.label("event_kind"),
        event.c.document.label("event_document"),
        campaign.c.event_id,
        campaign.c.expression,
        visibility.public().label("is_public"),
        campaign.c.document,
        campaign.c.created_at,
        campaign.c.scheduled_at,
        campaign.c.started_at,
        campaign.c.finished_at,
    ).outerjoin(event, event.c.id == campaign.c.event_id)


def _read(row: Row[Any]) -> Campaign:
    facts = row.document.get("facts")
    return Campaign(
        id=row.id,
        slug=row.slug,
        kind=row.kind,
        status=row.status,
        topic=row.topic,
        about=purpose.about(
            row.slug,
            row.topic,
            row.event_kind or "",
            row.kind,
            row.document,
            asks=bool((row.event_document or {}).get("rsvp")),
        ),
        event_id=row.event_id,
        expression=row.expression,
        facts=None if facts is None else Facts.from_document(facts),
        letters=tuple(Letter.from_document(letter) for letter in row.document.get("letters", [])),
        source=row.document.get("source", ""),
        forgiven=frozenset(row.document.get("forgiven", [])),
        is_public=bool(row.is_public),
        by_hours=bool(row.document.get("by_hours")),
        created_at=row.created_at,
        scheduled_at=row.scheduled_at,
        started_at=row.started_at,
        finished_at=row.finished_at,
    )


async def find(connection: AsyncConnection, slug: str) -> Campaign:
    """The campaign of that slug. Raises CampaignError with the nearest right one."""
    row = (await connection.execute(_select().where(campaign.c.slug == slug))).first()
    if row is None:
        slugs = list(await connection.scalars(select(campaign.c.slug)))
        raise CampaignError(
            f"there is no campaign {slug}{hint(slug, slugs) if slugs else '; `newsletter campaign draft` makes one'}"
        )
    return _read(row)


async def listed(connection: AsyncConnection) -> list[Campaign]:
    """Every campaign, oldest first."""
    return [_read(row) for row in await connection.execute(_select().order_by(campaign.c.id))]


async def due(connection: AsyncConnection, now: datetime) -> list[Campaign]:
    """The scheduled campaigns whose time has come."""
    statement = _select().where(campaign.c.status == "scheduled", campaign.c.scheduled_at <= now)
    return [_read(row) for row in await connection.execute(statement.order_by(campaign.c.scheduled_at))]


async def draft(
    connection: AsyncConnection,
    event_slug: str,
    kind: str,
    *,
    now: datetime,
    note: str = "",
    suffix: str = "",
    expression: str = "",
) -> Campaign:
    """Write a draft about an event: `EVENT/KIND`, or `EVENT/KIND-SUFFIX` for a second one of its kind.

    `expression` says who of its followers is meant, and has been checked (see newsletter.campaigns.audiences).

    Raises CampaignError when there is one of that name, or the suffix is no name; NoSuchEvent when there is no such
    event.
    """
    stored = await constellations.find(connection, event_slug)
    if suffix and not NAME.fullmatch(suffix):
        raise CampaignError(f"{suffix!r} is no name for a campaign; name it by a-z, 0-9 and hyphens with --as")
    slug = f"{event_slug}/{kind}" + (f"-{suffix}" if suffix else "")
    taken = await connection.scalar(select(campaign.c.status).where(campaign.c.slug == slug))
    if taken is not None:
        raise CampaignError(f"there is a campaign {slug} already ({taken}); name another with --as")
    await connection.execute(
        insert(campaign).values(
            slug=slug, event_id=stored.id, kind=kind, created_at=now, note=note, expression=expression
        )
    )
    return await find(connection, slug)


async def drafted(connection: AsyncConnection, event_slug: str, kind: str, *, now: datetime) -> Campaign:
    """The campaign `EVENT/KIND`, whatever its state; a new draft when staff have not made one."""
    row = (await connection.execute(_select().where(campaign.c.slug == f"{event_slug}/{kind}"))).first()
    return await draft(connection, event_slug, kind, now=now) if row is None else _read(row)
