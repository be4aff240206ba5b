"""What was sent, for everybody to read: rendered once, from the facts of its day, and for nobody in particular."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

import structlog
from sqlalchemy import Row, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import visibility
from newsletter.content import public
from newsletter.content.errors import ContentError
from newsletter.content.facts import Facts
from newsletter.content.public import Copy
from newsletter.tables import campaign, event

log = structlog.get_logger(__name__)

Made = TypeVar("Made", Copy, str)

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
        self._said: dict[int, str] = {}

    async def issues(self, connection: AsyncConnection) -> list[Issue]:
        """Every campaign that all may read, the latest first."""
        rows = await connection.execute(
            select(campaign.c.id, campaign.c.slug, event.c.title, campaign.c.started_at)
            .outerjoin(event, event.c.id == campaign.c.event_id)
            .where(visibility.published())
            .order_by(campaign.c.started_at.desc(), campaign.c.id.desc())
        )
        found = rows.all()
        subjects = await self._read_subjects(connection, [row.id for row in found])
        return [
            Issue(row.id, row.slug, row.title or "", row.started_at, subjects[row.id])
            for row in found
            if row.id in subjects
        ]

    async def copy(self, connection: AsyncConnection, slug: str) -> Copy | None:
        """The mail of that name; None where there is none that all may read."""
        wanted = select(campaign.c.id, campaign.c.kind, campaign.c.document)
        row = (await connection.execute(wanted.where(visibility.published(), campaign.c.slug == slug))).one_or_none()
        if row is None:
            return None
        if row.id in self._copies:
            return self._copies[row.id]
        # MJML takes its time, and other visitors do not wait for it.
        copy, is_right = await asyncio.to_thread(self._made, public.render, row)
        if copy is not None and is_right:
            self._copies[row.id] = copy
            if len(self._copies) > _KEPT:
                self._copies.popitem(last=False)
        return copy

    async def was_stopped(self, connection: AsyncConnection, slug: str) -> bool:
        """Whether mails lead here that are out, of a campaign that was cancelled on its way."""
        wanted = select(campaign.c.id).where(visibility.stopped(), campaign.c.slug == slug)
        return await connection.scalar(wanted) is not None

    async def _read_subjects(self, connection: AsyncConnection, wanted: list[int]) -> dict[int, str]:
        """The subject of each that has one."""
        subjects = {number: self._subjects[number] for number in wanted if number in self._subjects}
        unknown = [number for number in wanted if number not in subjects]
        if unknown:
            statement = select(campaign.c.id, campaign.c.kind, campaign.c.document).where(campaign.c.id.in_(unknown))
            for row in await connection.execute(statement):
                subject, is_right = self._made(public.subject, row)
                if subject is not None:
                    subjects[row.id] = subject
                    if is_right:
                        self._subjects[row.id] = subject
        return subjects

    def _made(self, make: Callable[..., Made], row: Row[Any]) -> tuple[Made | None, bool]:
        """What is made of a campaign, and whether it is by the template that is right for it.

        One with a mistake in it costs the others nothing: ours stands in until it is put right, if there is one.
        """
        facts = Facts.from_document(row.document["facts"])
        try:
            return make(row.kind, facts, templates=self._templates), True
        except ContentError as error:
            fault = str(error)
        try:
            made, said = make(row.kind, facts, templates=None), "mail in the archive is shown by our template"
        except ContentError:
            made, said = None, "mail is left out of the archive"
        if self._said.get(row.id) != fault:
            self._said[row.id] = fault
            log.error(said, campaign=row.id, reason=" ".join(fault.split())[:500])
        return made, False
