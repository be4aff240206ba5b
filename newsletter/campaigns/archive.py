"""What was sent, for everybody to read: rendered once, from the facts of its day, and for nobody in particular."""

import asyncio
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import visibility
from newsletter.content import public
from newsletter.content.facts import Facts
from newsletter.content.public import Copy
from newsletter.tables import campaign, event

_KEPT = 200


@dataclass(frozen=True, slots=True)
class Issue:
    """A campaign in the archive; `about` is its event's title, or nothing."""

    id: int
    slug: str
    about: str
    sent_at: datetime
    subject: str


class Shelf:
    """The archive as pages show it. A campaign's facts are frozen, so what has been rendered stays right."""

    def __init__(self, templates: Path | None) -> None:
        """`templates` is the staff's folder."""
        self._templates = templates
        self._copies: OrderedDict[int, Copy] = OrderedDict()
        self._subjects: dict[int, str] = {}

    async def issues(self, connection: AsyncConnection) -> list[Issue]:
        """Every campaign that all may read, the latest first."""
        rows = await connection.execute(
            select(campaign.c.id, campaign.c.slug, event.c.title, campaign.c.started_at)
            .outerjoin(event, event.c.id == campaign.c.event_id)
            .where(visibility.published())
            .order_by(campaign.c.started_at.desc(), campaign.c.id.desc())
        )
        found = rows.all()
        await self._read_subjects(connection, [row.id for row in found if row.id not in self._subjects])
        return [Issue(row.id, row.slug, row.title or "", row.started_at, self._subjects[row.id]) for row in found]

    async def copy(self, connection: AsyncConnection, slug: str) -> Copy | None:
        """The mail of that name; None where there is none that all may read."""
        wanted = select(campaign.c.id, campaign.c.kind, campaign.c.document)
        row = (await connection.execute(wanted.where(visibility.published(), campaign.c.slug == slug))).one_or_none()
        if row is None:
            return None
        if row.id not in self._copies:
            facts = Facts.from_document(row.document["facts"])
            # MJML takes its time, and other visitors do not wait for it.
            self._copies[row.id] = await asyncio.to_thread(public.render, row.kind, facts, templates=self._templates)
            if len(self._copies) > _KEPT:
                self._copies.popitem(last=False)
        return self._copies[row.id]

    async def was_stopped(self, connection: AsyncConnection, slug: str) -> bool:
        """Whether mails lead here that are out, of a campaign that was cancelled on its way."""
        wanted = select(campaign.c.id).where(visibility.stopped(), campaign.c.slug == slug)
        return await connection.scalar(wanted) is not None

    async def _read_subjects(self, connection: AsyncConnection, unknown: list[int]) -> None:
        if not unknown:
            return
        wanted = select(campaign.c.id, campaign.c.kind, campaign.c.document).where(campaign.c.id.in_(unknown))
        for row in await connection.execute(wanted):
            facts = Facts.from_document(row.document["facts"])
            self._subjects[row.id] = public.subject(row.kind, facts, templates=self._templates)
