"""Keeping in step with the suppression lists of providers: what is read there comes into the inbox like any report.

Only of those whom we know anything is kept. Nobody is suppressed by an entry that is older than their opt-in, or than
their release by staff: those are counted, for they get no mail as long as the provider holds them.
"""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.database import Database
from newsletter.feedback import inbox, proof, receivers
from newsletter.feedback.proof import Proven
from newsletter.tables import list_reading
from subscribers import statements, suppression
from webhooks import asking
from webhooks import lists as providers
from webhooks.events import Event
from webhooks.lists import SuppressionList

log = structlog.get_logger(__name__)

_BATCH = 500
_AFTER_FAILURE = timedelta(hours=1)


@dataclass(slots=True)
class Tally:
    """What became of a list's entries; each is in exactly one of these.

    `news` come into the inbox, by what they say (hard, soft, block, complaint, unsubscribe). `known` came before, or
    say what was known. `strangers` are nobody's here. `left` say nothing against anybody, by the reason. `unreadable`
    have no address or no date. `cut` is whether there may be more than the provider gives.
    """

    provider: str
    dry_run: bool
    news: Counter[str] = field(default_factory=Counter)
    known: int = 0
    strangers: int = 0
    left: Counter[str] = field(default_factory=Counter)
    unreadable: int = 0
    cut: bool = False


async def read(
    database: Database, listing: SuppressionList, clock: Callable[[], datetime], *, dry_run: bool = False
) -> Tally:
    """Read a provider's whole list, and store what is news. Raises NotConfigured or Unavailable.

    Each batch is a transaction of its own: what was read before a fault stays, and reading anew changes nothing twice.
    """
    tally = Tally(listing.name, dry_run)
    batch: list[Event] = []
    given = 0
    async with asking.opened(listing.access(), clock) as api:
        async for event in listing.entries(api, clock()):
            given += 1
            if event is None:
                tally.unreadable += 1
                continue
            batch.append(event)
            if len(batch) >= _BATCH:
                await _take(database, batch, tally, clock())
                batch = []
    await _take(database, batch, tally, clock())
    tally.cut = given >= providers.AT_MOST.get(listing.name, math.inf)
    return tally


async def _take(database: Database, batch: Sequence[Event], tally: Tally, now: datetime) -> None:
    if not batch:
        return
    events = list({event.id: event for event in batch}.values())
    tally.known += len(batch) - len(events)
    async with database.read() as connection:
        news = await _news(connection, events, tally)
    if news and not tally.dry_run:
        async with database.begin() as connection:
            await inbox.store(connection, news, now)


async def _news(connection: AsyncConnection, events: Sequence[Event], tally: Tally) -> list[Event]:
    """Those that concern somebody here and were not told before, each counted by what follows from it."""
    people = await receivers.named(connection, events)
    before = await inbox.known(connection, events)
    held = await suppression.reasons(connection, {one.hash for one in people.values()})
    news: list[Event] = []
    for event in events:
        receiver = people.get(event.address)
        if receiver is None:
            tally.strangers += 1
            continue
        judged = proof.judge_listed(0, event, receiver)
        if isinstance(judged, str):
            tally.left[judged] += 1
        elif event.id in before or _says_nothing_new(judged, held.get(receiver.hash)):
            tally.known += 1
        else:
            tally.news[judged.heard] += 1
            news.append(event)
    return news


def _says_nothing_new(judged: Proven, held: suppression.Reason | None) -> bool:
    """Whether the address is suppressed already for a reason that is as strong."""
    says = {"hard": suppression.Reason.HARD_BOUNCE, "complaint": suppression.Reason.COMPLAINT}.get(judged.heard)
    return held is not None and says is not None and not suppression.is_stronger(says, held)


async def claim(connection: AsyncConnection, provider: str, now: datetime) -> bool:
    """Whether a list is due to be read; whoever is told so has it for an hour."""
    until = now + _AFTER_FAILURE
    statement = statements.insert(connection, list_reading).values(provider=provider, next_at=until)
    claimed = await connection.execute(
        statement.on_conflict_do_update(
            index_elements=["provider"], set_={"next_at": until}, where=list_reading.c.next_at <= now
        ).returning(list_reading.c.provider)
    )
    return claimed.one_or_none() is not None


async def finished(connection: AsyncConnection, provider: str, next_at: datetime) -> None:
    """A list was read to its end."""
    statement = statements.insert(connection, list_reading).values(provider=provider, next_at=next_at)
    await connection.execute(statement.on_conflict_do_update(index_elements=["provider"], set_={"next_at": next_at}))


async def next_reading(connection: AsyncConnection, provider: str) -> datetime | None:
    """When a list is read again, if it ever was."""
    return await connection.scalar(select(list_reading.c.next_at).where(list_reading.c.provider == provider))
