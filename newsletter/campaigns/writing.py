"""A campaign from a Markdown file: a story, or a mail of its own, with its translations and pictures."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import audiences, media, store
from newsletter.campaigns.audiences import AudienceError
from newsletter.campaigns.store import Campaign, CampaignError
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation, EventKind, MailKind
from newsletter.content import markdown
from newsletter.content.errors import shown
from newsletter.content.front_matter import Spot
from newsletter.content.letters import Letter, Picture
from newsletter.content.markdown import Written
from newsletter.content.renderer import LETTER
from newsletter.tables import campaign
from subscribers.expressions import ExpressionError


@dataclass(frozen=True, slots=True)
class Manuscript:
    """A file as it was read: the letter in each of its languages, of which event and to whom it is and the `spots` of
    these, and the pictures they link to."""

    file: Path
    letters: tuple[Letter, ...]
    event: str
    audience: str
    spots: Mapping[str, Spot]
    hosted: tuple[Picture, ...]


def read(file: Path, constellation: Constellation, public_url: str) -> Manuscript:
    """Read a Markdown file and those beside it in other languages. Raises ContentError, a line for each fault."""
    media_url = f"{public_url}/media"
    language = re.split("[-_]", constellation.language)[0].lower()
    first = markdown.read(file, language=language, media_url=media_url)
    others = [
        replace(said, letter=replace(said.letter, language=tag))
        for tag, path in markdown.translations(file).items()
        for said in [markdown.read(path, language=tag, media_url=media_url)]
    ]
    every: list[Written] = [first, *others]
    pictures = {picture.name: picture for said in every for picture in said.hosted}
    letters = tuple(said.letter for said in every)
    return Manuscript(file, letters, first.event, first.audience, first.spots, tuple(pictures.values()))


async def draft(
    connection: AsyncConnection, manuscript: Manuscript, *, now: datetime, name: str = "", to: str | None = None
) -> Campaign:
    """Write a draft, or its words anew where it is one already; its pictures are kept.

    It is called after its file, or `name`; that of a story in the constellation is `EVENT/story`, which the plan sends.
    Raises CampaignError, with its place for what the file says, and for `to` AudienceError or ExpressionError.
    """
    slug, kind, event_id = await _about(connection, manuscript, name)
    expression = await (_audience(connection, manuscript) if to is None else audiences.resolve(connection, to))
    document = {
        "letters": [letter.to_document() for letter in manuscript.letters],
        "source": str(manuscript.file.resolve()),
    }
    known = (await connection.execute(select(campaign.c.status).where(campaign.c.slug == slug))).scalar()
    values = {"event_id": event_id, "kind": kind, "document": document, "expression": expression}
    if known is None:
        await connection.execute(insert(campaign).values(slug=slug, created_at=now, **values))
    elif known in ("draft", "scheduled"):
        await connection.execute(update(campaign).where(campaign.c.slug == slug).values(**values))
    else:
        raise CampaignError(f"there is a campaign {slug} already ({known}); name another with --as")
    await media.keep(connection, manuscript.hosted, now)
    return await store.find(connection, slug)


async def _audience(connection: AsyncConnection, manuscript: Manuscript) -> str:
    """The expression that the file means. Raises CampaignError, with its place there."""
    wanted = manuscript.audience
    try:
        return await audiences.resolve(connection, wanted) if wanted else ""
    except ExpressionError as error:
        # What is wrong with a saved one stands in no file.
        position = error.column - 1 if error.expression == wanted else 0
        raise CampaignError(f"{_place(manuscript, 'audience', wanted, position)}: audience: {error.reason}") from error
    except AudienceError as error:
        raise CampaignError(f"{_place(manuscript, 'audience')}: audience: {error}") from error


def _place(manuscript: Manuscript, name: str, value: str = "", position: int = 0) -> str:
    line, column = manuscript.spots[name].of(value, position)
    return f"{shown(str(manuscript.file))}:{line}:{column}"


async def _about(connection: AsyncConnection, manuscript: Manuscript, name: str) -> tuple[str, str, int | None]:
    own = name or manuscript.file.stem.lower().replace("_", "-").replace(" ", "-")
    if not store.NAME.fullmatch(own):
        raise CampaignError(f"{own!r} is no name for a campaign; name it by a-z, 0-9 and hyphens with --as")
    if not manuscript.event:
        return own, LETTER, None
    try:
        stored = await constellations.find(connection, manuscript.event)
    except constellations.NoSuchEvent as error:
        raise CampaignError(f"{_place(manuscript, 'event')}: event: {error}") from error
    if stored.event.kind is EventKind.STORY and not name:
        return f"{manuscript.event}/{MailKind.STORY}", MailKind.STORY, stored.id
    return f"{manuscript.event}/{own}", LETTER, stored.id
