"""A mail that has not begun: when it goes, and whether somebody is in its audience as things stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import exists, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import clock
from newsletter.campaigns import absence, digests, holding, lifecycle, outlook, store
from newsletter.campaigns.store import Campaign, CampaignError
from newsletter.constellation import planning, schedule
from newsletter.constellation import store as constellations
from newsletter.constellation.schedule import DueMail, PlanState
from newsletter.suggest import hint
from subscribers import consent
from subscribers.directory import Entry
from subscribers.tables import subscriber


@dataclass(frozen=True, slots=True)
class Prospect:
    """What comes of it: `verdict` is `expected`, or why it does not come; `due_at` is None where nobody knows yet."""

    verdict: str
    sentence: str
    due_at: datetime | None = None


async def find(connection: AsyncConnection, slug: str) -> Campaign:
    """The campaign of that slug, or what a mail of the plan will become. Raises CampaignError with the nearest name."""
    mails = {f"{mail.slug}/{mail.kind}": mail for mail in await schedule.upcoming(connection, every=True)}
    made = {one.slug: one for one in await store.listed(connection)}
    if slug in made:
        return made[slug]
    if slug not in mails:
        names = made.keys() | mails.keys()
        raise CampaignError(f"there is no campaign {slug}, and the plan has no such mail{hint(slug, names)}")
    return _campaign(mails[slug])


def _campaign(mail: DueMail) -> Campaign:
    """What a mail of the plan becomes when its time comes, unless staff make a draft of it before."""
    return Campaign(
        id=0,
        slug=f"{mail.slug}/{mail.kind}",
        kind=mail.kind,
        status="planned" if mail.state is PlanState.PLANNED else "skipped",
        topic=mail.slug,
        about=planning.about(mail.slug, mail.event.kind, mail.kind, asks=mail.event.rsvp),
        event_id=mail.event_id,
        expression="",
        facts=None,
        letters=(),
        source="",
        forgiven=frozenset(),
        is_public=False,
        by_hours=mail.is_local,
        created_at=mail.due_at,
        scheduled_at=None,
        started_at=None,
        finished_at=None,
    )


async def prospect(
    connection: AsyncConnection, entry: Entry, steps: Sequence[consent.Evidence], of: Campaign, now: datetime
) -> Prospect:
    """What comes to somebody of a campaign that has not started. Raises CampaignError where its audience is no more."""
    if of.status in ("cancelled", "skipped"):
        why = "was called off before it began" if of.status == "cancelled" else "is left out of the plan"
        return Prospect(of.status, f"{of.slug} {why}, and goes to nobody.")
    mail = await outlook.planned(connection, of)
    due_at = _due_at(entry, of, mail)
    if mail is not None and of.scheduled_at is None and _is_too_late(mail, now):
        return Prospect("skipped", f"{of.slug} would come too late by now: it is left out, and goes to nobody.")
    when = await _when(connection, entry, of, due_at, now, is_local=mail is not None and mail.is_local)
    moment = max(now, due_at or now)
    if of.kind == planning.DIGEST:
        whom, _ = await digests.shares(connection, of, moment)
    else:
        whom = await lifecycle.readers(connection, of, moment)
    if await connection.scalar(select(exists(select(subscriber.c.id).where(subscriber.c.id == entry.id, whom)))):
        return Prospect("expected", f"{of.slug} {when}; as things stand, {entry.address} would get it.", due_at)
    verdict, reason = absence.why(entry, steps, of, moment, is_ahead=True)
    sentence = f"{of.slug} {when}; as things stand, {entry.address} would not get it: {reason}."
    return Prospect(verdict, sentence, due_at)


def _is_too_late(mail: DueMail, now: datetime) -> bool:
    return now >= planning.useless_from(mail.event, mail.kind, mail.due_at, schedule.GRACE)


def _due_at(entry: Entry, of: Campaign, mail: DueMail | None) -> datetime | None:
    """When it goes to this reader, as far as is known."""
    if of.scheduled_at is not None or mail is None:
        return of.scheduled_at
    rule = mail.event.mail(mail.kind) if mail.is_local else None
    return mail.due_at if rule is None else planning.due(mail.event, rule, entry.timezone)


async def _when(
    connection: AsyncConnection, entry: Entry, of: Campaign, due_at: datetime | None, now: datetime, *, is_local: bool
) -> str:
    zone = await constellations.timezone(connection)
    if (held := (await holding.listed(connection)).get(of.slug)) is not None:
        wrong = ", ".join(held.rules)
        return f"is held ({wrong}), and goes once that is put right, until {clock.shown(held.until, zone)}"
    if due_at is None:
        return "is a draft that goes out when somebody sends it"
    if is_local and of.scheduled_at is None:
        own = planning.zone(entry.timezone, zone).key
        return f"is planned for {clock.shown(due_at, own)} ({own}), by each reader's own clock"
    moment = f"{clock.shown(due_at, zone)} ({zone})"
    if due_at <= now:
        return f"was due on {moment}, and goes as soon as the service looks"
    return f"is {'scheduled' if of.status == 'scheduled' else 'planned'} for {moment}"
