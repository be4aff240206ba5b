"""The life of a campaign: draft → scheduled → sending ⇄ paused → finished, or cancelled on the way.

Each step is one UPDATE that names the states it may come from, so that two people at two terminals cannot both do it.
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import ColumnElement, Label, and_, not_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import audiences, holding, hours, store, told, visibility
from newsletter.campaigns.store import Campaign, CampaignError
from newsletter.constellation import planning
from newsletter.constellation import schedule as plan
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation, Event
from newsletter.content import compiler
from newsletter.content.facts import Facets, Facts
from newsletter.content.headers import Envelope
from newsletter.delivery import after_pause, ledger
from newsletter.settings import Settings
from newsletter.tables import campaign
from subscribers import audience
from subscribers.expressions import ExpressionError
from subscribers.tables import subscriber


async def facts(connection: AsyncConnection, settings: Settings, draft: Campaign, *, also_left: bool = False) -> Facts:
    """What the campaign's mails state: frozen since its start, or as things stand now.

    Raises CampaignError where its event has left the constellation, unless that is `also_left` to be looked at.
    """
    if draft.facts is not None:
        return draft.facts
    constellation = await constellations.current(connection)
    held = {stored.event.slug: stored for stored in await constellations.events(connection, removed=also_left)}
    about = None if draft.topic is None else held.get(draft.topic)
    if draft.topic is not None and about is None:
        raise CampaignError(f"{draft.slug}: the event {draft.topic} is not in the constellation any more")
    row = await connection.execute(select(campaign.c.note, campaign.c.document).where(campaign.c.id == draft.id))
    note, document = row.one()
    stated = Facts(constellation=constellation, note=note, public_url=settings.public_url, letters=draft.letters)
    if draft.is_public:
        stated = replace(stated, archive_url=f"{settings.public_url}{visibility.path(draft.slug)}")
    if about is None:
        return stated
    previous = document.get("previous")
    return replace(
        stated,
        event=about.event,
        event_id=about.id,
        sequence=about.sequence,
        previous=None if previous is None else Event.from_document(previous),
        upcoming=_still_to_come(constellation, about.event) if draft.kind == "cancelled" else (),
    )


def _still_to_come(constellation: Constellation, instead_of: Event) -> tuple[Event, ...]:
    """The next events that do take place, for people who had one less to look forward to."""
    after = (one for one in constellation.events if not one.cancelled and one.starts > instead_of.starts)
    return tuple(after)[:3]


async def start(
    connection: AsyncConnection, settings: Settings, draft: Campaign, *, now: datetime, by_hours: bool = False
) -> int:
    """Freeze the facts, write the audience into the ledger and begin to send; answer how many are in it.

    With `by_hours`, or where its draft says so, each reader's mail waits for its hour by their own clock.
    Everything is compiled once before: raises ContentError, and nothing has changed, when a template is wrong, and
    CampaignError when its audience names what there is no more.
    """
    stated = await facts(connection, settings, draft)
    document = await connection.scalar(select(campaign.c.document).where(campaign.c.id == draft.id)) or {}
    by_hours = by_hours or bool(document.get("by_hours"))
    check(stated, draft, now, settings.bounces.address, settings.templates)
    await begin(connection, draft, {**document, "facts": stated.to_document(), "by_hours": by_hours}, now)
    whom = await readers(connection, draft, now)
    later: Sequence[Label[Any]] = ()
    if draft.kind in planning.NOTICES:
        later = after_pause.columns(now)
    elif by_hours and stated.event:
        later = [await hours.due_at(connection, stated.event, draft.kind, whom)]
    people = select(subscriber.c.id, *later).where(whom)
    added = await ledger.enrol(connection, draft.id, people, shard_size=settings.delivery.shard, now=now)
    if not added:
        await ledger.finish(connection, now, draft.id)
    return added


async def begin(
    connection: AsyncConnection,
    draft: Campaign,
    document: dict[str, object],
    now: datetime,
    *,
    scheduled_at: datetime | None = None,
) -> None:
    """Have a draft be sending from now on, what it states frozen in `document`."""
    values = {"started_at": now, "scheduled_at": scheduled_at, "document": document}
    await _step(connection, draft, ("draft", "scheduled"), "sending", **values)
    if draft.is_the_plans and draft.event_id is not None:
        await plan.take_over(connection, draft.event_id, draft.kind, draft.id)


async def readers(connection: AsyncConnection, draft: Campaign, now: datetime) -> ColumnElement[bool]:
    """The condition on `subscriber` of everybody whom a campaign is for. Raises CampaignError.

    A notice that something changed, or is called off, is for those who had been told of it, after their pause too.
    """
    try:
        only = await audiences.condition(connection, draft.expression)
    except ExpressionError as error:  # it was right when it was written: a field may have gone with its last bearer
        raise CampaignError(f"{draft.slug}: whom it goes to, “{draft.expression}”: {error.reason}") from error
    conditions = [audience.mailable(now), audience.wanting(draft.about), only]
    if draft.event_id is not None and draft.topic is not None:
        if draft.kind in planning.NOTICES:
            event = (await constellations.find(connection, draft.topic)).event
            conditions[0] = told.in_time(now, event.ends)
            conditions.append(await told.of_event(connection, draft.event_id, draft.topic))
        elif draft.about.can_wait:  # who has changed from a digest to each mail has been told by the digest
            conditions.append(not_(await told.by_digest(connection, draft.topic, draft.kind)))
    return and_(*conditions)


def check(stated: Facts, draft: Campaign, now: datetime, bounce_address: str, templates: Path | None) -> None:
    """Compile the mail as most readers get it; raises ContentError with file and line."""
    envelope = Envelope.of(stated.constellation, date=now, campaign=draft.slug, bounce=bounce_address)
    for named in (True, False):
        facets = Facets(locale=stated.constellation.language, named=named)
        compiler.compile(draft.kind, stated, facets, envelope=envelope, templates=templates)


async def address(connection: AsyncConnection, draft: Campaign, expression: str) -> None:
    """Say who of the event's followers a draft is for. `expression` has been checked; empty, it is all of them."""
    waits = update(campaign).where(campaign.c.id == draft.id, campaign.c.status.in_(["draft", "scheduled"]))
    if (await connection.execute(waits.values(expression=expression))).rowcount != 1:
        raise CampaignError(f"{draft.slug} has started: whom it goes to was settled then")


async def schedule(connection: AsyncConnection, draft: Campaign, at: datetime, *, forgiven: Sequence[str] = ()) -> None:
    """Have the engine start a draft at a moment, also if the check that goes before finds that `forgiven` rules are
    broken."""
    document = await connection.scalar(select(campaign.c.document).where(campaign.c.id == draft.id)) or {}
    document = {**document, "forgiven": sorted(forgiven)}
    await _step(connection, draft, ("draft", "scheduled"), "scheduled", scheduled_at=at, document=document)


async def pause(connection: AsyncConnection, running: Campaign) -> None:
    """Claim nothing more; the windows in flight are settled."""
    await _step(connection, running, ("sending",), "paused")


async def resume(connection: AsyncConnection, paused: Campaign, now: datetime) -> None:
    """Go on where it was paused; if the last mails were on their way then, it is finished."""
    await _step(connection, paused, ("paused",), "sending")
    await ledger.finish(connection, now, paused.id)


async def cancel(connection: AsyncConnection, running: Campaign, now: datetime) -> int:
    """End it for good; answer how many will not get it. In the place of a mail of the plan, that one is not sent."""
    await _step(connection, running, ("draft", "scheduled", "sending", "paused"), "cancelled", finished_at=now)
    if running.is_the_plans and running.event_id is not None:
        await plan.skip(connection, running.event_id, running.kind)
    return await ledger.cancel(connection, running.id, now)


async def _step(connection: AsyncConnection, of: Campaign, allowed: Sequence[str], to: str, **values: object) -> None:
    done = await connection.execute(
        update(campaign).where(campaign.c.id == of.id, campaign.c.status.in_(allowed)).values(status=to, **values)
    )
    if done.rowcount != 1:
        found = (await store.find(connection, of.slug)).status
        raise CampaignError(f"{of.slug} is {found}; only a campaign that is {' or '.join(allowed)} can become {to}")
    await holding.release(connection, of.slug)
