"""Which campaigns everybody may read when they have been sent: the one place that says so.

Without a word from staff, that is every campaign but three sorts: one that was for some people only (its words were not
meant for all), what is of no use an hour later (a reminder, or the way in), and digests, which say nothing new.
"""

from urllib.parse import quote

from sqlalchemy import ColumnElement, and_, func, update
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.tables import campaign

_PASSING = ("reminder", "starting-soon", "digest")
_OUT = ("sending", "paused", "finished")


def public() -> ColumnElement[bool]:
    """The condition on `campaign` that it is to be read by all, once it is sent."""
    by_itself = and_(campaign.c.expression == "", campaign.c.kind.not_in(_PASSING))
    return func.coalesce(campaign.c.archived == 1, by_itself)


def published() -> ColumnElement[bool]:
    """The condition on `campaign` that it can be read by all now."""
    return and_(public(), campaign.c.started_at.is_not(None), campaign.c.status.in_(_OUT))


def stopped() -> ColumnElement[bool]:
    """The condition on `campaign` that all could read it once, and that it was cancelled while it was being sent."""
    return and_(public(), campaign.c.started_at.is_not(None), campaign.c.status == "cancelled")


def path(slug: str) -> str:
    """Where a campaign is read, below the address of the pages."""
    return f"/archive/{quote(slug)}"


async def choose(connection: AsyncConnection, campaign_id: int, *, is_public: bool) -> None:
    """Have everybody read a campaign, or nobody."""
    await connection.execute(update(campaign).where(campaign.c.id == campaign_id).values(archived=int(is_public)))
