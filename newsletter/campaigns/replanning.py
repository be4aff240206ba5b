"""A constellation that changes while its mails are under way: what was not sent is planned afresh, and those who were
told what is no more so are told, they and nobody else.

Four things follow a change, in the transaction that makes it. The plan is written anew (constellation.schedule). What
is being sent about an event that moved, was called off or left the file is stopped, a digest too, so that no old date
goes out. Who had not got such a mail gets it later with the new date, where that is of use, and a digest at once; of an
event that was off, once it is on again. And a notice starts to everybody who had been told of the event, unless it is
over, or has only left the file.
"""

from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import digests, holding, lifecycle, outlook, store, told
from newsletter.campaigns.store import Campaign
from newsletter.constellation import loading, planning, schedule
from newsletter.constellation import store as constellations
from newsletter.constellation.loading import Loaded
from newsletter.constellation.model import Constellation, Event
from newsletter.constellation.store import Status, StoredEvent
from newsletter.delivery import ledger
from newsletter.delivery.state import State
from newsletter.settings import Settings
from newsletter.tables import campaign
from subscribers import audience

_IN_FLIGHT = timedelta(minutes=1)
"""What is on the wire when a campaign is stopped is settled by then, so that nobody gets the new mail besides."""


@dataclass(frozen=True, slots=True)
class Notice:
    """A mail to those who had been told of an event."""

    event: str
    kind: str
    people: int
    campaign: str


@dataclass(frozen=True, slots=True)
class Stopped:
    """A campaign that was stopped: how many had not got it, and when they get it anew (None: not at all)."""

    campaign: str
    people: int
    again_at: datetime | None


@dataclass(frozen=True, slots=True)
class Changed:
    """What loading changed, or would change, and what follows for mails that have gone out or are under way.

    `resumed` are campaigns that had been stopped when their event was called off or left the file, and go on now.
    `over` are events that changed when they were over: nobody is told.
    """

    loaded: Loaded
    notices: tuple[Notice, ...]
    stopped: tuple[Stopped, ...]
    resumed: tuple[Stopped, ...]
    over: tuple[str, ...]


async def load(
    connection: AsyncConnection,
    settings: Settings,
    constellation: Constellation,
    now: datetime,
    *,
    actor: str,
    tell: bool = True,
    note: str = "",
) -> Changed:
    """Load a constellation, and do what follows; without `tell`, nobody is sent a notice.

    `note` is said in the notices besides. Raises store.OtherConstellation, and ContentError for a template of a notice.
    """
    before = {stored.event.slug: stored for stored in await constellations.events(connection, removed=True)}
    loaded = await loading.load(connection, constellation, now, actor=actor)
    afresh = (*loaded.plan.planned, *loaded.plan.skipped, *loaded.plan.withdrawn)
    await holding.release(connection, *(f"{mail.slug}/{mail.kind}" for mail in afresh))
    notices: list[Notice] = []
    stopped = await _renew_digests(connection, settings, before, constellation, now)
    resumed: list[Stopped] = []
    over: list[str] = []
    for event in constellation.events:
        known = before.pop(event.slug, None)
        if known is None or _is_past(known, now):
            continue
        kind = _notice(known.event, event)
        if kind is not None:
            under_way = await _under_way(connection, known.id, is_off=event.cancelled)
            stopped += [await _stop(connection, one, event, now) for one in under_way]
        if _comes_back(known, event):
            resumed += await _take_up(connection, known.id, event, now)
        if kind is None:
            continue
        if _is_over(known.event, event, kind, now):
            over.append(event.slug)
        elif tell and (notice := await _tell(connection, settings, event, known.event, kind, note, now)) is not None:
            notices.append(notice)
    for known in before.values():
        if known.status is not Status.REMOVED:
            under_way = await _under_way(connection, known.id, is_off=True)
            telling = [one for one in under_way if one.kind not in planning.NOTICES]
            stopped += [await _stop(connection, one, None, now) for one in telling]
    return Changed(loaded, tuple(notices), tuple(stopped), tuple(resumed), tuple(over))


@asynccontextmanager
async def tried(
    connection: AsyncConnection,
    settings: Settings,
    constellation: Constellation,
    now: datetime,
    *,
    tell: bool = True,
    note: str = "",
) -> AsyncGenerator[Changed]:
    """What `load` would change, and inside it the database as it then is, notices and all; afterwards nothing is."""
    savepoint = await connection.begin_nested()
    try:
        yield await load(connection, settings, constellation, now, actor="preview", tell=tell, note=note)
    finally:
        await savepoint.rollback()


def _is_past(known: StoredEvent, now: datetime) -> bool:
    """Whether an event that comes back to the file was over when it left: nobody waits for it any more."""
    return known.status is Status.REMOVED and known.event.ends <= now


def _comes_back(known: StoredEvent, event: Event) -> bool:
    return known.status is not Status.SCHEDULED and not event.cancelled


def _notice(before: Event, after: Event) -> str | None:
    """The kind of mail that tells of a change, or None for one that nobody need hear of."""
    if after.is_story or (before.cancelled and after.cancelled):
        return None
    if after.cancelled:
        return "cancelled"
    moved = (before.starts, before.ends, before.all_day) != (after.starts, after.ends, after.all_day)
    return "changed" if moved or before.place != after.place or before.cancelled else None


def _is_over(before: Event, after: Event, kind: str, now: datetime) -> bool:
    return (before.ends if kind == "cancelled" else after.ends) <= now


async def _tell(
    connection: AsyncConnection, settings: Settings, event: Event, before: Event, kind: str, note: str, now: datetime
) -> Notice | None:
    """Start the notice to those who had been told; None where nobody was."""
    stored = await constellations.find(connection, event.slug)
    about = planning.about(event.slug, event.kind, kind, asks=event.rsvp)
    people = and_(
        told.in_time(now, event.ends), audience.wanting(about), await told.of_event(connection, stored.id, event.slug)
    )
    if not await told.count(connection, people):
        return None
    number = await _number(connection, event.slug, kind)
    draft = await store.draft(connection, event.slug, kind, now=now, note=note, suffix=number)
    await _note(connection, draft, previous=before.to_document())
    started = await lifecycle.start(connection, settings, draft, now=now)
    return Notice(event.slug, kind, started, draft.slug)


async def _renew_digests(
    connection: AsyncConnection,
    settings: Settings,
    before: Mapping[str, StoredEvent],
    after: Constellation,
    now: datetime,
) -> list[Stopped]:
    """Stop the digests that would tell of events as they were; what is left of them goes on as things are now."""
    changed: dict[str, Event | None] = {}
    for slug, known in before.items():
        event = after.event(slug)
        if known.status is not Status.REMOVED and (event is None or _notice(known.event, event) is not None):
            changed[slug] = event
    renewed = await digests.renew(connection, settings, changed, now)
    return [Stopped(one.slug, one.people, now if one.is_sent_again else None) for one in renewed]


async def _under_way(connection: AsyncConnection, event_id: int, *, is_off: bool) -> list[Campaign]:
    """The campaigns that would go on to tell people of the event as it was, or tell them although it is off.

    What staff have scheduled keeps its time, since it says where things stand then; what is sent anew does not.
    """
    scheduled = await connection.execute(
        select(campaign.c.slug, campaign.c.document).where(
            campaign.c.event_id == event_id, campaign.c.status == "scheduled"
        )
    )
    anew = {slug for slug, document in scheduled if is_off or "is_planned" in document}
    return [
        one
        for one in await store.listed(connection)
        if one.event_id == event_id
        and (one.status in ("sending", "paused") or one.slug in anew)
        and one.kind not in planning.AFTERWARDS
    ]


async def _stop(connection: AsyncConnection, running: Campaign, event: Event | None, now: datetime) -> Stopped:
    """Stop it; `event` is as it is now, None where it has left the file."""
    is_off = event is None or event.cancelled
    moment = None if event is None or is_off else _afresh(event, running.kind, now)
    if running.status != "scheduled":
        in_flight = (await ledger.counts(connection, running.id)).get(
            State.SENDING, 0
        )  # not all of it is still offered
        people = await lifecycle.cancel(connection, running, now)
        if event is not None and moment is not None and (people or in_flight):
            await _again(connection, running, event, moment, now)
    else:
        in_flight, people = 0, await outlook.readers(connection, running, now)
        if moment is None:
            await lifecycle.cancel(connection, running, now)
        else:
            await lifecycle.schedule(connection, running, moment, forgiven=sorted(running.forgiven))
    if is_off and (people or in_flight):
        await _note(connection, running, called_off=True)
    return Stopped(running.slug, people, moment if people else None)


async def _take_up(connection: AsyncConnection, event_id: int, event: Event, now: datetime) -> list[Stopped]:
    """Have those who had not got a mail when its event was called off get it, now that it takes place after all."""
    statement = select(campaign.c.slug, campaign.c.document).where(
        campaign.c.event_id == event_id, campaign.c.status == "cancelled"
    )
    resumed: list[Stopped] = []
    for slug, document in (await connection.execute(statement.order_by(campaign.c.id))).all():
        if not document.get("called_off"):
            continue
        one = await store.find(connection, slug)
        await _note(connection, one, called_off=False)
        if (moment := _afresh(event, one.kind, now)) is not None:
            again = await _again(connection, one, event, moment, now)
            resumed.append(Stopped(slug, await outlook.readers(connection, again, now), moment))
    return resumed


def _afresh(event: Event, kind: str, now: datetime) -> datetime | None:
    """When who has not got a mail gets it with the new date; None if it is of no use by then, or there is none."""
    mail = event.mail(kind)
    if mail is None:
        return None
    due_at = planning.due(event, mail)
    if now >= planning.useless_from(event, kind, due_at, schedule.GRACE):
        return None
    return max(planning.span(event, mail)[0], now + _IN_FLIGHT)  # no sooner: who joins until then gets it too


async def _again(
    connection: AsyncConnection, stopped: Campaign, event: Event, moment: datetime, now: datetime
) -> Campaign:
    """Have those who had not got a mail get it with the new date, when that falls due."""
    mail = event.mail(stopped.kind)
    missing = f'not received("{stopped.slug}")'
    only = f"({stopped.expression}) and {missing}" if stopped.expression else missing
    suffix = await _number(connection, event.slug, stopped.kind)
    note = await connection.scalar(select(campaign.c.note).where(campaign.c.id == stopped.id)) or ""
    draft = await store.draft(connection, event.slug, stopped.kind, now=now, note=note, suffix=suffix, expression=only)
    await _note(connection, draft, is_planned=True, by_hours=mail is not None and mail.local)
    await lifecycle.schedule(connection, draft, moment)
    return await store.find(connection, draft.slug)


async def _note(connection: AsyncConnection, of: Campaign, **document: object) -> None:
    kept = await connection.scalar(select(campaign.c.document).where(campaign.c.id == of.id)) or {}
    await connection.execute(update(campaign).where(campaign.c.id == of.id).values(document={**kept, **document}))


async def _number(connection: AsyncConnection, event: str, kind: str) -> str:
    """What sets a campaign apart from those of its event and kind before it: nothing, then 2, 3, …"""
    slug = f"{event}/{kind}"
    taken = set(await connection.scalars(select(campaign.c.slug).where(campaign.c.slug.startswith(slug))))
    number = 1
    while (slug if number == 1 else f"{slug}-{number}") in taken:
        number += 1
    return "" if number == 1 else str(number)
