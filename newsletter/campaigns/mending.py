"""What staff may decide about mails that did not simply arrive: try again, send again, believe that they arrived."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns.store import Campaign, CampaignError
from newsletter.delivery import ledger
from newsletter.delivery.ledger import State
from newsletter.tables import delivery
from webhooks import classification
from webhooks.events import BounceClass

_BATCH = 5000
"""People named in one statement; SQLite takes at most 32,766 values."""


async def retry(connection: AsyncConnection, of: Campaign, now: datetime) -> int:
    """Queue again what failed for passing reasons, and what waits for its next attempt; answer how many.

    That is what we gave up on, and what was refused for another reason than that there is no such mailbox. Who may no
    longer be written to is left out when their turn comes. Raises CampaignError for a campaign that cannot send.
    """
    _require_started(of)
    queued = await ledger.requeue(connection, of.id, [State.EXPIRED, State.DEFERRED], now)
    refused = await connection.execute(
        select(delivery.c.subscriber_id, delivery.c.reply).where(
            delivery.c.campaign_id == of.id, delivery.c.state == State.REFUSED
        )
    )
    passing = [number for number, reply in refused if not _is_hard(reply or "")]
    for start in range(0, len(passing), _BATCH):
        queued += await ledger.requeue(connection, of.id, [State.REFUSED], now, only=passing[start : start + _BATCH])
    return queued


async def resend(connection: AsyncConnection, of: Campaign, now: datetime) -> int:
    """Queue what is uncertain again, with the same Message-ID; answer how many. Raises CampaignError as `retry`."""
    _require_started(of)
    return await ledger.requeue(connection, of.id, [State.UNCERTAIN], now)


def _is_hard(reply: str) -> bool:
    return classification.classify("", reply).bounce is BounceClass.HARD


def _require_started(of: Campaign) -> None:
    if of.status not in ("sending", "paused", "finished"):
        raise CampaignError(f"{of.slug} is {of.status}: nothing of it is sent")
