"""Reports as people look at them: one by one, of a campaign, a domain or a person, and counted."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.errors import NewsletterError
from newsletter.tables import campaign, inbox
from subscribers.tables import subscriber
from webhooks.events import Event, from_json

RETURNED = ("hard", "soft", "block", "complaint", "unsubscribe")
"""What counts as coming back; that mails arrived is not listed."""


class NoSuchReport(NewsletterError):
    """No report has that number."""


@dataclass(frozen=True, slots=True)
class Listed:
    """A report: `heard` is what it says of a mail of ours, or empty; `campaign` is whose mail, or empty.

    `receiver` is whom that mail was for, which the report itself may not name; empty where they are no more.
    """

    id: int
    received_at: datetime
    heard: str
    campaign: str
    receiver: str
    outcome: str
    event: Event

    @property
    def is_unproven(self) -> bool:
        """Whether nothing follows from it because nothing proves it, and nobody has judged it yet."""
        return self.outcome.startswith("unproven")


@dataclass(frozen=True, slots=True)
class Counted:
    """How many reports of each kind there are of a campaign or a domain."""

    name: str
    hard: int
    soft: int
    block: int
    complaint: int
    unsubscribe: int


async def latest(
    connection: AsyncConnection, *, domain: str = "", campaign_id: int | None = None, heard: str = "", limit: int = 50
) -> list[Listed]:
    """The latest that were proven, of a domain, a campaign or a kind if these are given."""
    statement = _reports(inbox.c.heard == heard if heard else inbox.c.heard.in_(RETURNED)).limit(limit)
    if domain:
        statement = statement.where(inbox.c.domain == domain.lower())
    if campaign_id is not None:
        statement = statement.where(inbox.c.campaign_id == campaign_id)
    return await _listed(connection, statement)


async def of_person(connection: AsyncConnection, subscriber_id: int, limit: int = 100) -> list[Listed]:
    """What was reported of mails to a subscriber, the latest first."""
    return await _listed(
        connection, _reports(inbox.c.subscriber_id == subscriber_id, inbox.c.heard.is_not(None)).limit(limit)
    )


async def one(connection: AsyncConnection, number: int) -> Listed:
    """The report with a number. Raises NoSuchReport."""
    found = await _listed(connection, _reports(inbox.c.id == number))
    if not found:
        raise NoSuchReport(f"there is no report with the number {number}; `newsletter bounces list` has the latest")
    return found[0]


async def by_domain(connection: AsyncConnection, *, campaign_id: int | None = None) -> list[Counted]:
    """Reports of each domain, most first; of one campaign's mails if it is given."""
    statement = select(inbox.c.domain, inbox.c.heard, func.count())
    if campaign_id is not None:
        statement = statement.where(inbox.c.campaign_id == campaign_id)
    return await _counted(connection, statement, inbox.c.domain)


async def by_campaign(connection: AsyncConnection) -> list[Counted]:
    """Reports of each campaign, most first; those of mails that are no campaign's have no name."""
    joined = select(campaign.c.slug, inbox.c.heard, func.count()).select_from(inbox)
    return await _counted(connection, joined.outerjoin(campaign, campaign.c.id == inbox.c.campaign_id), campaign.c.slug)


_Reports = Select[int, datetime, str | None, str, str, str | None, dict[str, object]]


def _reports(*conditions: ColumnElement[bool]) -> _Reports:
    return (
        select(
            inbox.c.id,
            inbox.c.received_at,
            inbox.c.heard,
            func.coalesce(campaign.c.slug, ""),
            func.coalesce(subscriber.c.address, ""),
            inbox.c.outcome,
            inbox.c.event,
        )
        .outerjoin(campaign, campaign.c.id == inbox.c.campaign_id)
        .outerjoin(subscriber, subscriber.c.id == inbox.c.subscriber_id)
        .where(*conditions)
        .order_by(inbox.c.id.desc())
    )


async def _listed(connection: AsyncConnection, statement: _Reports) -> list[Listed]:
    rows = await connection.execute(statement)
    return [
        Listed(number, received_at, heard or "", slug, receiver, outcome or "waits to be applied", from_json(event))
        for number, received_at, heard, slug, receiver, outcome, event in rows
    ]


async def _counted(
    connection: AsyncConnection,
    statement: Select[str | None, str | None, int],
    name: ColumnElement[str] | ColumnElement[str | None],
) -> list[Counted]:
    rows = await connection.execute(statement.where(inbox.c.heard.in_(RETURNED)).group_by(name, inbox.c.heard))
    counts: dict[str, dict[str, int]] = {}
    for key, heard, number in rows:
        counts.setdefault(key or "", {})[heard or ""] = number
    found = [Counted(key, *(of.get(heard, 0) for heard in RETURNED)) for key, of in counts.items()]
    return sorted(found, key=lambda one: (-one.hard - one.soft - one.block - one.complaint, one.name))
