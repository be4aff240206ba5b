"""A campaign before it is sent: what it says, how large it is, and as a mail to oneself."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import digests, hours, lifecycle, told, visibility
from newsletter.campaigns.store import Campaign
from newsletter.constellation import planning
from newsletter.constellation import store as constellations
from newsletter.constellation.store import Status
from newsletter.content.facts import Facts
from newsletter.content.skeleton import Skeleton
from newsletter.delivery import ledger
from newsletter.delivery.composer import Mailing, Stationery
from newsletter.delivery.offer import Item
from newsletter.delivery.relays import Relays
from newsletter.settings import Settings
from subscribers import addresses
from subscribers.links import NOBODY


@dataclass(frozen=True, slots=True)
class Sample:
    """A reader who does not exist, whose links open nobody's door."""

    address: str = "zoe@example.org"
    first_name: str = "Zoë"
    last_name: str = "Example"
    locale: str = "en"
    timezone: str = ""
    confirmed: bool = True
    subscriber_id: int = NOBODY
    items: int = -1


@dataclass(frozen=True, slots=True)
class Overview:
    """A campaign in a few words; `people` are those in its ledger, or who would be if it started now.

    `hour` is that of each reader's own clock at which its mails go out, or would by the plan; empty, they go to all at
    once. `timezone` is the constellation's. One whose event `has_left` the constellation states what it did last, and
    cannot start.
    """

    slug: str
    kind: str
    status: str
    topic: str | None
    expression: str
    subject: str
    size: int
    people: int
    archive_url: str
    hour: str
    timezone: str
    has_left: bool
    created_at: datetime
    scheduled_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True)
class Preview:
    """One reader's mail: decoded for people, and as the bytes that would go out."""

    subject: str
    html: str
    text: str
    raw: bytes


async def overview(
    connection: AsyncConnection, settings: Settings, paper: Stationery, of: Campaign, now: datetime
) -> Overview:
    """Compile the mail for a sample reader and count its audience."""
    stated = await lifecycle.facts(connection, settings, of, also_left=True)
    skeleton, values = _filled(_mailing(paper, of, stated, now), Sample())
    if of.started_at:
        people = sum((await ledger.counts(connection, of.id)).values())
    elif of.kind == planning.DIGEST:
        people = await told.count(connection, (await digests.shares(connection, of, now))[0])
    else:
        people = await told.count(connection, await lifecycle.readers(connection, of, now))
    return Overview(
        slug=of.slug,
        kind=of.kind,
        status=of.status,
        topic=of.topic,
        expression=of.expression,
        subject=skeleton.subject(values),
        size=skeleton.size(values),
        people=people,
        archive_url=f"{settings.public_url}{visibility.path(of.slug)}" if of.is_in_archive else "",
        hour=await hours.told(connection, of, stated.event),
        timezone=stated.constellation.timezone,
        has_left=of.topic is not None and (await constellations.find(connection, of.topic)).status is Status.REMOVED,
        created_at=of.created_at,
        scheduled_at=of.scheduled_at,
        started_at=of.started_at,
        finished_at=of.finished_at,
    )


async def preview(
    connection: AsyncConnection, settings: Settings, paper: Stationery, of: Campaign, now: datetime
) -> Preview:
    """The mail as a sample reader gets it."""
    stated = await lifecycle.facts(connection, settings, of)
    skeleton, values = _filled(_mailing(paper, of, stated, now), Sample())
    raw = paper.signer.sign(skeleton.fill(values), now)
    return Preview(skeleton.subject(values), skeleton.html(values), skeleton.text(values), raw)


def _filled(mailing: Mailing, reader: Sample) -> tuple[Skeleton, dict[str, str]]:
    return mailing.skeleton(reader), dict(mailing.values(reader))


def _mailing(paper: Stationery, of: Campaign, stated: Facts, now: datetime) -> Mailing:
    return Mailing(paper, of.id, of.slug, of.kind, stated, of.started_at or now)


def write(seen: Preview, folder: Path, name: str) -> list[Path]:
    """Write NAME.html, NAME.txt and NAME.eml into a folder, which is made; answer the files."""
    folder.mkdir(parents=True, exist_ok=True)
    contents = {"html": seen.html.encode(), "txt": seen.text.encode(), "eml": seen.raw}
    files = []
    for ending, content in contents.items():
        file = folder / f"{name}.{ending}"
        file.write_bytes(content)
        files.append(file)
    return files


async def test_items(
    connection: AsyncConnection,
    settings: Settings,
    paper: Stationery,
    of: Campaign,
    receivers: Sequence[str],
    now: datetime,
) -> list[Item]:
    """The mail to each receiver, its subject marked [Test]. Raises AddressError."""
    mailing = _mailing(paper, of, await lifecycle.facts(connection, settings, of), now)
    items = []
    for number, receiver in enumerate(receivers):
        item = mailing.item(Sample(address=addresses.parse(receiver).given))
        marked = item.body.replace(b"\r\nSubject: ", b"\r\nSubject: [Test] ", 1)
        items.append(Item(number, item.mail_from, item.rcpt_to, paper.signer.sign(marked, now)))
    return items


async def send_test(relays: Relays, items: Sequence[Item]) -> list[tuple[str, str]]:
    """Offer test mails to the relay; answer each receiver with the relay's reply. Raises RelayUnreachable."""
    sender = items[0].mail_from.decode() if items else ""
    async with relays.session(sender) as session:
        outcomes = dict(await session.send(items))
        lost = session.lost
    replies = []
    for item in items:
        outcome = outcomes.get(item.key)
        reply = getattr(outcome, "reply", None) or getattr(outcome, "reason", None) or lost
        replies.append((item.rcpt_to.decode(), reply))
    return replies
