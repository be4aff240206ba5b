"""Who would get a campaign, by what its mails can decide on, and the mail that each of them would get."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, case, func, literal, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns.preflight.mail import Mail
from newsletter.campaigns.store import Campaign
from newsletter.content import languages, letters
from newsletter.content.facts import Facts
from newsletter.content.renderer import LETTER
from newsletter.content.skeleton import Skeleton
from newsletter.delivery.composer import Mailing, Stationery
from subscribers import consent
from subscribers.tables import subscriber

_ALL = -1


@dataclass(frozen=True, slots=True)
class Readers:
    """People who get the same, as one made-up reader with the longest name and address among them.

    `items` are those of a digest that are theirs, a bit for each.
    """

    locale: str
    timezone: str
    is_named: bool
    people: int
    first_name: str
    last_name: str
    address: str
    subscriber_id: int = 0
    items: int = _ALL
    confirmed: bool = True

    @property
    def label(self) -> str:
        """`de, Europe/Berlin, without a name, of another list`."""
        name = "" if self.is_named else "without a name"
        origin = "" if self.confirmed else "of another list"
        return ", ".join(part for part in (self.locale, self.timezone, name, origin) if part)


async def readers(
    connection: AsyncConnection, whom: ColumnElement[bool], items: ColumnElement[int] | None = None
) -> list[Readers]:
    """Every combination that occurs, the most frequent first; `items` tells which of a digest's are somebody's."""
    is_named = case((func.trim(subscriber.c.first_name) != "", 1), else_=0)
    names = ("first_name", "last_name", "address")
    people = select(
        subscriber.c.locale,
        subscriber.c.timezone,
        is_named.label("is_named"),
        (literal(_ALL) if items is None else items).label("share"),
        case((consent.has_confirmed(), 1), else_=0).label("confirmed"),
        *(func.length(subscriber.c[name]).label(name) for name in names),
    )
    each = people.where(whom).subquery()
    facets = (each.c.locale, each.c.timezone, each.c.is_named, each.c.share, each.c.confirmed)
    counted = func.count().label("people")
    longest = [func.max(each.c[name]).label(name) for name in names]
    rows = await connection.execute(
        select(*facets, counted, *longest).group_by(*facets).order_by(counted.desc(), *facets)
    )
    return [
        Readers(
            locale=row.locale,
            timezone=row.timezone,
            is_named=bool(row.is_named),
            people=row.people,
            first_name=_WIDE * row.first_name,
            last_name=_WIDE * row.last_name,
            address=f"{'w' * max(1, row.address - len(_DOMAIN))}{_DOMAIN}",
            items=row.share,
            confirmed=bool(row.confirmed),
        )
        for row in rows
    ]


_WIDE, _DOMAIN = "Ŵ", "@example.org"
"""A letter of two bytes, as most that are not ASCII, and where made-up people live."""

SOMEBODY = Readers("", "", True, 0, "Zoë", "Example", "zoe@example.org")
"""Who stands for an audience that is empty yet."""


def mails(paper: Stationery, of: Campaign, stated: Facts, who: list[Readers], now: datetime) -> Iterator[Mail]:
    """The mail of each of them, but each that differs once. Raises ContentError."""
    # Its links are nobody's, so any moment will do; that of sending may lie in a time that links cannot name.
    mailing = Mailing(paper, of.id, of.slug, of.kind, stated, of.started_at or of.created_at)
    known: set[Skeleton] = set()
    for reader in who:
        skeleton = mailing.skeleton(reader)
        if skeleton in known:
            continue
        known.add(skeleton)
        values = mailing.values(reader)
        yield Mail(
            reader=label(reader, stated),
            people=reader.people,
            language=language(of.kind, stated, reader, paper),
            kind=of.kind,
            facts=stated,
            now=now,
            raw=skeleton.fill(values),
            own_links=frozenset(value for name, value in values.items() if name.endswith("_url")),
        )


def label(reader: Readers, stated: Facts) -> str:
    """Who they are; of a digest also the events that they read of, where those are not all."""
    theirs = [item.event.slug for place, item in enumerate(stated.items) if reader.items & 1 << place]
    of = f"of {' and '.join(theirs)} only" if len(theirs) < len(stated.items) else ""
    return ", ".join(part for part in (reader.label, of) if part)


def language(kind: str, stated: Facts, reader: Readers, paper: Stationery) -> str:
    """What a reader's mail is written in."""
    series = stated.constellation.language
    letter = letters.for_reader(stated.letters, reader.locale, series)
    if letter is not None:
        return letter.language
    chosen = languages.chosen(kind, reader.locale, series, paper.templates)
    return chosen or languages.base(kind, reader.locale, series, paper.templates)


def wanted_in_vain(kind: str, stated: Facts, who: list[Readers], paper: Stationery) -> Iterator[tuple[str, str, int]]:
    """Each language that readers chose and the mail is not written in: what they get instead, and how many they are."""
    counts: dict[tuple[str, str], int] = {}
    for reader in who:
        wanted = reader.locale.replace("_", "-").partition("-")[0].lower()
        given = language(kind, stated, reader, paper)
        if wanted and wanted != given:
            counts[wanted, given] = counts.get((wanted, given), 0) + reader.people
    for (wanted, given), people in counts.items():
        yield wanted, given, people


def fallbacks(kind: str, stated: Facts, who: list[Readers], paper: Stationery) -> Iterator[str]:
    """What translations that occur take from elsewhere."""
    name = LETTER if stated.letters else kind
    for written in languages.of(name, paper.templates):
        if any(language(kind, stated, reader, paper) == written for reader in who):
            yield from languages.fallbacks(name, written, paper.templates)
