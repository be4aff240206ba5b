"""One campaign's mail as one reader gets it, made afresh from the files as they are now."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import media, store, writing
from newsletter.campaigns.preflight import gathering, running
from newsletter.campaigns.preflight.findings import Finding, merged
from newsletter.campaigns.preflight.gathering import Readers
from newsletter.campaigns.preflight.mail import Mail
from newsletter.campaigns.store import Campaign
from newsletter.constellation import store as constellations
from newsletter.content.letters import Picture
from newsletter.delivery.composer import Stationery
from newsletter.errors import NewsletterError
from newsletter.settings import Settings
from subscribers import addresses, consent, directory
from subscribers.errors import SubscribersError

_DARK = "(prefers-color-scheme: dark)"


@dataclass(frozen=True, slots=True)
class Choice:
    """Who looks: the reader of that number in the list, or a person by their address, if one is named."""

    number: int = 0
    person: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What there is to show. `mail` is None where `faults` say why; `pictures` are those that no database has yet.

    `readers` are who they are, in words, and how many. `is_newer` says that the Markdown file has changed since the
    draft was written.
    """

    campaign: Campaign
    readers: tuple[tuple[str, int], ...]
    mail: Mail | None
    findings: tuple[Finding, ...]
    faults: tuple[str, ...]
    pictures: Mapping[str, Picture]
    is_newer: bool


async def look(
    connection: AsyncConnection, settings: Settings, paper: Stationery, slug: str, choice: Choice, now: datetime
) -> Seen:
    """The mail for the reader that is chosen. What is wrong with a file or a choice is in the answer, a line each."""
    drafted = await store.find(connection, slug)
    try:
        campaign, pictures = await _as_written(connection, settings, drafted)
        gathered = await running.gather(connection, settings, paper, campaign, now)
    except (NewsletterError, SubscribersError) as fault:
        return Seen(drafted, (), None, (), tuple(str(fault).splitlines()), {}, is_newer=False)
    stated, who = gathered.facts, gathered.readers or (gathering.SOMEBODY,)
    shown = tuple((gathering.label(one, stated), one.people) for one in who)
    is_newer = campaign.letters != drafted.letters
    try:
        reader = await _reader(connection, who, choice)
        (mail,) = gathering.mails(paper, campaign, stated, [reader], now)
    except (NewsletterError, SubscribersError) as fault:
        return Seen(drafted, shown, None, (), tuple(str(fault).splitlines()), pictures, is_newer=is_newer)
    found = merged(((reader.label, finding) for check in running.CHECKS for finding in check(mail)), 1)
    return Seen(drafted, shown, mail, tuple(found), (), pictures, is_newer=is_newer)


async def picture(connection: AsyncConnection, seen: Seen, name: str) -> tuple[str, bytes] | None:
    """The type and the content of a picture that a mail links to, though its draft may not have it yet."""
    fresh = seen.pictures.get(name)
    return (fresh.media_type, fresh.content) if fresh else await media.find(connection, name)


def html(mail: Mail, *, public_url: str, dark: bool) -> str:
    """The mail's HTML for a frame: by day or by night, whatever the browser's own setting; its pictures from here."""
    shown = mail.html.replace(_DARK, "all" if dark else "not all").replace(f"{public_url}/media/", "/media/")
    embedded = {
        part["Content-ID"].strip("<>"): part
        for part in mail.message.walk()
        if part.get_content_maintype() == "image" and part["Content-ID"]
    }

    def inlined(match: re.Match[str]) -> str:
        part = embedded.get(match[1])
        if part is None:
            return match[0]
        content = "".join(str(part.get_payload()).split())
        return f'src="data:{part.get_content_type()};base64,{content}"'

    return re.sub(r'src="cid:([^"]+)"', inlined, shown)


async def _as_written(
    connection: AsyncConnection, settings: Settings, drafted: Campaign
) -> tuple[Campaign, dict[str, Picture]]:
    """The campaign with the words that its Markdown file has now, as long as it has not started."""
    if drafted.started_at is not None or not _is_there(drafted.source):
        return drafted, {}
    constellation = await constellations.current(connection)
    manuscript = await asyncio.to_thread(writing.read, Path(drafted.source), constellation, settings.public_url)
    return replace(drafted, letters=manuscript.letters), {one.name: one for one in manuscript.hosted}


def _is_there(source: str) -> bool:
    return bool(source) and Path(source).is_file()


async def _reader(connection: AsyncConnection, readers: Sequence[Readers], choice: Choice) -> Readers:
    if not choice.person:
        return readers[min(max(choice.number, 0), len(readers) - 1)]
    entry = await directory.find(connection, addresses.parse(choice.person))
    evidence = await consent.evidence(connection, entry.id)
    return Readers(
        locale=entry.locale,
        timezone=entry.timezone,
        is_named=bool(entry.first_name.strip()),
        people=1,
        first_name=entry.first_name,
        last_name=entry.last_name,
        address=entry.address,
        confirmed=any(step.action is consent.Action.CONFIRMED for step in evidence),
    )
