"""What fires when, and for how many: the plan as staff look at it, with what they have made of it themselves."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import lifecycle, store, told
from newsletter.campaigns.store import Campaign, CampaignError
from newsletter.constellation import planning, schedule
from newsletter.constellation.schedule import DueMail, PlanState
from newsletter.tables import delivery
from subscribers import audience
from subscribers.audience import About


@dataclass(frozen=True, slots=True)
class Prospect:
    """A mail of the plan and its people: those it went to once it has started, else those who would get it now.

    `campaign` is what carries it, or will: a draft of staff's too, and what they have sent or called off in its place.
    """

    mail: DueMail
    people: int
    campaign: Campaign | None


async def read(connection: AsyncConnection, at: datetime) -> list[Prospect]:
    """The whole plan in the order it falls due, its audiences counted as they would be at a moment.

    What a change has stopped stands in it, and so does what goes anew to those who had not got it.
    """
    made = {one.slug: one for one in await store.listed(connection)}
    plan = await schedule.upcoming(connection, every=True)
    mails = [(mail, made.get(f"{mail.slug}/{mail.kind}")) for mail in plan]
    rules = {(mail.slug, mail.kind.value): mail for mail in plan}
    for anew in made.values():
        if anew.is_the_plans_anew and (rule := rules.get((anew.topic or "", anew.kind))) is not None:
            mails.append((_anew(rule, anew), anew))
    mails.sort(key=lambda one: (one[0].due_at, one[0].event.starts, one[0].slug, one[0].kind))
    waiting = {_about(mail) for mail, of in mails if of is None and mail.state is PlanState.PLANNED}
    counted = {about: await audience.count(connection, about, at) for about in waiting}
    sent = await _sent(connection, {number for mail, of in mails if (number := _carrier(mail, of)) is not None})
    seen: list[Prospect] = []
    for mail, of in mails:
        state = _state(mail, of)
        if state is not PlanState.PLANNED:
            people = sent.get(_carrier(mail, of), 0)
        else:
            people = counted[_about(mail)] if of is None else await readers(connection, of, at)
        seen.append(Prospect(replace(mail, state=state), people, of))
    return seen


async def planned(connection: AsyncConnection, of: Campaign) -> DueMail | None:
    """The mail of the plan that is still to come, in whose place a campaign is."""
    if not of.is_the_plans:
        return None
    return next(
        (mail for mail in await schedule.upcoming(connection) if (mail.slug, mail.kind) == (of.topic, of.kind)), None
    )


def _anew(rule: DueMail, of: Campaign) -> DueMail:
    """The mail of the plan as it goes to those who had not got it when its event changed."""
    begins = of.scheduled_at or of.started_at or of.created_at
    mail = rule.event.mail(rule.kind)
    if of.by_hours and mail is not None:
        due_at, opens_at = planning.due(rule.event, mail), begins
    else:
        due_at, opens_at = begins, None
    return replace(rule, due_at=due_at, opens_at=opens_at, state=PlanState.PLANNED, campaign_id=of.id)


def _state(mail: DueMail, of: Campaign | None) -> PlanState:
    """Where it stands, also where the plan is yet to learn what staff have done by hand."""
    if mail.state is not PlanState.PLANNED or of is None or of.status in ("draft", "scheduled"):
        return mail.state
    return PlanState.SKIPPED if of.started_at is None else PlanState.STARTED


def _carrier(mail: DueMail, of: Campaign | None) -> int | None:
    return mail.campaign_id if of is None else of.id


def _about(mail: DueMail) -> About:
    return planning.about(mail.slug, mail.event.kind, mail.kind, asks=mail.event.rsvp)


async def readers(connection: AsyncConnection, of: Campaign, at: datetime) -> int:
    """How many a campaign that has not started would go to at a moment; nobody, where its audience is wrong by now."""
    try:
        return await told.count(connection, await lifecycle.readers(connection, of, at))
    except CampaignError:
        return 0  # its audience names what is there no more, as `campaign check` says


async def _sent(connection: AsyncConnection, campaigns: set[int]) -> dict[int | None, int]:
    statement = (
        select(delivery.c.campaign_id, func.count())
        .where(delivery.c.campaign_id.in_(sorted(campaigns)))
        .group_by(delivery.c.campaign_id)
    )
    return dict((await connection.execute(statement)).all())
