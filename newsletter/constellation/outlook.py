"""What fires when, and for how many: the plan as staff look at it."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning, schedule
from newsletter.constellation.schedule import DueMail, PlanState
from newsletter.tables import delivery
from subscribers import audience
from subscribers.audience import About


@dataclass(frozen=True, slots=True)
class Prospect:
    """A mail of the plan and its people: those it went to once it has started, else those who would get it now."""

    mail: DueMail
    people: int


async def read(connection: AsyncConnection, at: datetime) -> list[Prospect]:
    """The whole plan in the order it falls due, its audiences counted as they would be at a moment."""
    mails = await schedule.upcoming(connection, every=True)
    told = await _told(connection, {mail.campaign_id for mail in mails if mail.campaign_id is not None})
    waiting = {_about(mail) for mail in mails if mail.state is PlanState.PLANNED}
    audiences = {about: await audience.count(connection, about, at) for about in waiting}
    return [Prospect(mail, _people(mail, told, audiences)) for mail in mails]


def _people(mail: DueMail, told: dict[int, int], audiences: dict[About, int]) -> int:
    match mail.state:
        case PlanState.PLANNED:
            return audiences[_about(mail)]
        case PlanState.STARTED if mail.campaign_id is not None:
            return told.get(mail.campaign_id, 0)
        case _:
            return 0


def _about(mail: DueMail) -> About:
    return planning.about(mail.slug, mail.event.kind, mail.kind, asks=mail.event.rsvp)


async def _told(connection: AsyncConnection, campaigns: set[int]) -> dict[int, int]:
    statement = (
        select(delivery.c.campaign_id, func.count())
        .where(delivery.c.campaign_id.in_(sorted(campaigns)))
        .group_by(delivery.c.campaign_id)
    )
    return dict((await connection.execute(statement)).all())
