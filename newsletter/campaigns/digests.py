"""The weekly digest: what is due in a week, gathered into one mail for those who chose that.

A digest looks a week ahead and a week back. What tells of something to come – save the date, invitation, reminder,
starting soon – is in the last digest before it is due, so that nobody learns of it too late; what looks back – a story,
thanks – is in the first digest after. Each mail of the plan is so in one digest, also when the digest's day changes. It
is a campaign as any other, `digest/2021-02-01`: one a day at most, drafted when it is due, for it is checked before it
starts. What still waits of the digest before – it was paused, or put off – is merged into the new one. What waits of
one whose events change meanwhile is sent as they then are, by another of that day: `digest/2021-02-01-2`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import ColumnElement, and_, case, exists, func, insert, literal, not_, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import lifecycle, store, told
from newsletter.campaigns.store import Campaign
from newsletter.constellation import planning, schedule
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation, Event, MailKind
from newsletter.constellation.schedule import DueMail, PlanState
from newsletter.content.facts import DigestItem, Facts
from newsletter.delivery import ledger
from newsletter.settings import Settings
from newsletter.tables import campaign, delivery
from newsletter.tables import constellation as constellation_table
from subscribers import audience
from subscribers.audience import Rhythm
from subscribers.tables import subscriber

_WEEK = timedelta(weeks=1)
_MOST_ITEMS = 60
"""What a BIGINT has bits for."""

_Places = list[tuple[int, int]]
"""Where an item stands in digests that wait: the campaign's number, and its bit there."""


@dataclass(frozen=True, slots=True)
class Fired:
    """What became of a digest that was due: how many it goes to, 0 where nothing was due, None if it was too late."""

    slug: str
    people: int | None


@dataclass(frozen=True, slots=True)
class Renewed:
    """A digest that was stopped: how many had not got it, and whether what it tells is sent to them as it is now."""

    slug: str
    people: int
    is_sent_again: bool


async def next_due(connection: AsyncConnection, now: datetime) -> datetime | None:
    """The moment the next digest is due; None where nothing is loaded. One that is overdue is due now."""
    found = await _season(connection)
    if found is None:
        return None
    season, loaded_at = found
    due_at = planning.last_digest(season.digest, ZoneInfo(season.timezone), now)
    is_of_use = now <= due_at + schedule.GRACE or loaded_at <= due_at  # else there was no season yet
    if is_of_use and await _is_open(connection, due_at, season):
        return due_at
    return planning.next_digest(season.digest, ZoneInfo(season.timezone), now)


async def readers(connection: AsyncConnection, now: datetime) -> int:
    """How many have chosen a digest, and may be written to."""
    return await told.count(connection, and_(audience.mailable(now), subscriber.c.rhythm == Rhythm.WEEKLY))


async def prepare(connection: AsyncConnection, settings: Settings, now: datetime) -> Campaign | Fired | None:
    """Draft the digest whose moment has come, or note that there is nothing to tell or that it is too late; None where
    none is due. A draft that has not started is written anew each time: it states what it would if it started now."""
    found = await _season(connection)
    if found is None:
        return None
    season, loaded_at = found
    due_at = planning.last_digest(season.digest, ZoneInfo(season.timezone), now)
    slug = _slug(due_at, season)
    if (late := await _given_up(connection, due_at, now)) is not None:
        return late
    if not await _is_open(connection, due_at, season):
        return None
    if now > until(due_at):
        if loaded_at > due_at:  # there was no season yet
            return None
        await _note(connection, slug, "cancelled", due_at, now)
        return Fired(slug, None)
    items, waiting = await _items(connection, due_at)
    drafted = await _draft(connection, slug)
    if not items:
        if drafted is not None:
            await lifecycle.cancel(connection, drafted, now)
        else:
            await _note(connection, slug, "finished", due_at, now)
        return Fired(slug, 0)
    draft = drafted or await _note(connection, slug, "draft", due_at, now)
    carried = _still_useful(items, waiting, due_at)
    stated = _stated(season, settings, items, carried)
    await connection.execute(
        update(campaign).where(campaign.c.id == draft.id).values(document={"facts": stated.to_document()})
    )
    return await store.find(connection, slug)


def until(due_at: datetime) -> datetime:
    """Until when a digest may go out."""
    return due_at + schedule.GRACE


async def start(connection: AsyncConnection, settings: Settings, draft: Campaign, *, now: datetime) -> int:
    """Start a digest that was prepared, as things stand now; answer how many it goes to.

    Raises ContentError, and nothing has changed, when a template is wrong.
    """
    season = await constellations.current(connection)
    due_at = draft.scheduled_at or now
    items, waiting = await _items(connection, due_at)
    carried = _still_useful(items, waiting, due_at)
    stated = _stated(season, settings, items, carried)
    lifecycle.check(stated, draft, now, settings.bounces.address, settings.templates)
    await lifecycle.begin(connection, draft, {"facts": stated.to_document()}, now, scheduled_at=due_at)
    whom, mask = _shares(items, carried, now)
    people = select(subscriber.c.id, mask.label("digest_items")).where(whom)
    added = await ledger.enrol(connection, draft.id, people, shard_size=settings.delivery.shard, now=now)
    for one in waiting:
        await lifecycle.cancel(connection, one, now)
    if not added:
        await ledger.finish(connection, now, draft.id)
    return added


async def renew(
    connection: AsyncConnection, settings: Settings, changed: Mapping[str, Event | None], now: datetime
) -> list[Renewed]:
    """Stop each digest that is being sent, or paused, and tells of an event that has `changed`; who waits for it gets
    what it tells as it is now, by another, and nothing of an event that is off or has left (None)."""
    season = await constellations.current(connection)
    renewed: list[Renewed] = []
    for one in await _waiting(connection):
        items = () if one.facts is None else one.facts.items
        if not any(item.event.slug in changed for item in items):
            continue
        now_said = [(place, item, changed.get(item.event.slug, item.event)) for place, item in enumerate(items)]
        carried = [
            (replace(item, event=event), [(one.id, 1 << place)])
            for place, item, event in now_said
            if event is not None and not event.cancelled
        ]
        added = await _again(connection, settings, season, one, carried, now) if carried else 0
        renewed.append(Renewed(one.slug, await lifecycle.cancel(connection, one, now), is_sent_again=added > 0))
    return renewed


async def _again(
    connection: AsyncConnection,
    settings: Settings,
    season: Constellation,
    stopped: Campaign,
    carried: list[tuple[DigestItem, _Places]],
    now: datetime,
) -> int:
    """Send on what waits of a digest as another, or have it paused as that was; answer how many that goes to."""
    due_at, number = stopped.scheduled_at or now, 2
    while await _draft(connection, f"{_slug(due_at, season)}-{number}") is not None:
        number += 1
    draft = await _note(connection, f"{_slug(due_at, season)}-{number}", "draft", due_at, now)
    stated = _stated(season, settings, (), carried)
    await lifecycle.begin(connection, draft, {"facts": stated.to_document()}, now, scheduled_at=due_at)
    whom, mask = _shares((), carried, now)
    people = select(subscriber.c.id, mask.label("digest_items")).where(whom)
    added = await ledger.enrol(connection, draft.id, people, shard_size=settings.delivery.shard, now=now)
    if not added:
        await ledger.finish(connection, now, draft.id)
    elif stopped.status == "paused":
        await lifecycle.pause(connection, draft)
    return added


async def shares(
    connection: AsyncConnection, draft: Campaign, now: datetime
) -> tuple[ColumnElement[bool], ColumnElement[int]]:
    """Whom a digest that has not started would go to now, and which of its items are theirs, a bit for each."""
    due_at = draft.scheduled_at or now
    items, waiting = await _items(connection, due_at)
    return _shares(items, _still_useful(items, waiting, due_at), now)


def _shares(
    items: tuple[DigestItem, ...], carried: list[tuple[DigestItem, _Places]], now: datetime
) -> tuple[ColumnElement[bool], ColumnElement[int]]:
    about = planning.about_items(item.event for item in (*items, *(item for item, _ in carried)))
    mask = _mask(items, [places for _, places in carried])
    return and_(audience.mailable(now), audience.wanting(about), mask != 0), mask


async def _given_up(connection: AsyncConnection, due_at: datetime, now: datetime) -> Fired | None:
    """Cancel a digest that was drafted, and held for so long that it is of no use; it was skipped."""
    drafts = [one for one in await store.listed(connection) if one.kind == planning.DIGEST and one.status == "draft"]
    for one in drafts:
        if one.scheduled_at is None or one.scheduled_at < due_at or now > until(one.scheduled_at):
            await lifecycle.cancel(connection, one, now)
            return Fired(one.slug, None)
    return None


async def _season(connection: AsyncConnection) -> tuple[Constellation, datetime] | None:
    loaded_at = await connection.scalar(select(constellation_table.c.loaded_at))
    return None if loaded_at is None else (await constellations.current(connection), loaded_at)


async def _is_open(connection: AsyncConnection, due_at: datetime, season: Constellation) -> bool:
    taken = select(campaign.c.id).where(campaign.c.slug == _slug(due_at, season), campaign.c.status != "draft")
    return await connection.scalar(taken) is None


def _slug(due_at: datetime, season: Constellation) -> str:
    return f"{planning.DIGEST}/{due_at.astimezone(ZoneInfo(season.timezone)):%Y-%m-%d}"


async def _items(connection: AsyncConnection, due_at: datetime) -> tuple[tuple[DigestItem, ...], list[Campaign]]:
    """What this digest tells of, and the digests before it of which something still waits."""
    before = await connection.scalar(
        select(func.max(campaign.c.scheduled_at)).where(
            campaign.c.kind == planning.DIGEST,
            campaign.c.status.not_in(["draft", "cancelled"]),
            campaign.c.scheduled_at < due_at,
        )
    )
    since = max(before, due_at - 2 * _WEEK) if before is not None else due_at - _WEEK
    ahead = since + _WEEK if before is not None else due_at
    planned = [
        mail
        for mail in await schedule.upcoming(connection, every=True)
        if mail.state is not PlanState.SKIPPED and not mail.event.cancelled and _falls(mail, since, ahead, due_at)
    ]
    return _gathered(planned), await _waiting(connection)


async def _waiting(connection: AsyncConnection) -> list[Campaign]:
    """The digests of which something may still wait."""
    return [
        one
        for one in await store.listed(connection)
        if one.kind == planning.DIGEST and one.status in ("sending", "paused") and one.facts is not None
    ]


def _falls(mail: DueMail, since: datetime, ahead: datetime, due_at: datetime) -> bool:
    if mail.kind in planning.AFTERWARDS:
        return since < mail.due_at <= due_at
    return ahead <= mail.due_at < due_at + _WEEK and mail.event.starts > due_at


def _gathered(mails: Iterable[DueMail]) -> tuple[DigestItem, ...]:
    kinds: dict[str, list[DueMail]] = {}
    for mail in mails:
        kinds.setdefault(mail.slug, []).append(mail)
    items = [DigestItem(of[0].event, tuple(mail.kind.value for mail in of)) for of in kinds.values()]
    return tuple(sorted(items, key=_place)[:_MOST_ITEMS])


def _place(item: DigestItem) -> tuple[int, datetime, str]:
    """What is to come goes first, then what there is to read, then thanks; each in its order."""
    order = (MailKind.STORY, MailKind.THANKS)
    section = max((order.index(MailKind(kind)) + 1 for kind in item.kinds if kind in order), default=0)
    return section, item.event.starts, item.event.slug


def _stated(
    season: Constellation,
    settings: Settings,
    items: tuple[DigestItem, ...],
    carried: list[tuple[DigestItem, _Places]],
) -> Facts:
    together = (*items, *(item for item, _ in carried))
    return Facts(constellation=season, public_url=settings.public_url, items=together)


def _still_useful(
    items: tuple[DigestItem, ...], waiting: list[Campaign], due_at: datetime
) -> list[tuple[DigestItem, _Places]]:
    """The items of digests that wait which are of use, and not in this one anyway."""
    known = {item.event.slug for item in items}
    found: dict[str, tuple[DigestItem, _Places]] = {}
    for one in waiting:
        for place, item in enumerate(one.facts.items if one.facts is not None else ()):
            looks_back = bool(planning.AFTERWARDS & {MailKind(kind) for kind in item.kinds})
            if item.event.slug not in known and (looks_back or item.event.starts > due_at):
                found.setdefault(item.event.slug, (item, []))[1].append((one.id, 1 << place))
    return list(found.values())[: _MOST_ITEMS - len(items)]


def _mask(items: tuple[DigestItem, ...], carried: list[_Places]) -> ColumnElement[int]:
    """Which items are in a person's digest, a bit for each.

    Of the new ones, what they follow and have not been told by each mail before; of others, what they wait for.
    """
    bits: list[ColumnElement[int]] = []
    for place, item in enumerate(items):
        follows = audience.following(item.event.slug, item.event.kind.value)
        is_news = or_(*(_is_news(item.event, kind) for kind in item.kinds))
        bits.append(case((and_(follows, is_news), 1 << place), else_=0))
    for place, places in enumerate(carried, start=len(items)):
        waits = (
            exists()
            .where(
                delivery.c.campaign_id == of,
                delivery.c.subscriber_id == subscriber.c.id,
                delivery.c.state.in_(ledger.WAITING),
                delivery.c.digest_items.bitwise_and(bit) != 0,
            )
            .correlate(subscriber)
            for of, bit in places
        )
        bits.append(case((or_(*waits), 1 << place), else_=0))
    return sum(bits, start=literal(0))


def _is_news(event: Event, kind: str) -> ColumnElement[bool]:
    """They are meant by that mail of the event, as far as they were asked whether they come, and have not had it."""
    answers = planning.about(event.slug, event.kind, kind, asks=event.rsvp).answers
    meant = audience.answered(event.slug, answers) if answers else true()
    return and_(meant, not_(told.by_mail(event.slug, kind)))


async def _draft(connection: AsyncConnection, slug: str) -> Campaign | None:
    taken = await connection.scalar(select(campaign.c.id).where(campaign.c.slug == slug))
    return None if taken is None else await store.find(connection, slug)


async def _note(connection: AsyncConnection, slug: str, status: str, due_at: datetime, now: datetime) -> Campaign:
    values = {"slug": slug, "kind": planning.DIGEST, "status": status, "created_at": now, "scheduled_at": due_at}
    await connection.execute(insert(campaign).values(**values, finished_at=None if status == "draft" else now))
    return await store.find(connection, slug)
