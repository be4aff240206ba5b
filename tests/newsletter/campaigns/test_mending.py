"""What staff decide about mails that did not simply arrive."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from newsletter.campaigns import lifecycle, mending, store
from newsletter.campaigns.store import Campaign, CampaignError
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery import ledger
from newsletter.delivery.ledger import Settlement, State
from newsletter.settings import Settings
from newsletter.tables import campaign, delivery
from subscribers.audience import About

REPLIES = [
    (State.SENT, "250 ok"),
    (State.EXPIRED, "451 4.7.1 later"),
    (State.REFUSED, "552 5.2.2 mailbox full"),
    (State.REFUSED, "550 5.1.1 no such user here"),
    (State.DEFERRED, "450 4.2.1 try again"),
    (State.UNCERTAIN, "the connection was lost"),
]


@pytest.fixture
async def ended(
    database: Database, settings: Settings, constellation: Constellation, add_people: Any, now: datetime
) -> Campaign:
    """A campaign to six people, each of whose mails came to another end."""
    async with database.begin() as connection:
        await constellations.load(connection, constellation, now)
        numbers = await add_people(connection, len(REPLIES), now)
        draft = await store.draft(connection, "opening", "invitation", now=now)
        await lifecycle.start(connection, settings, draft, now=now)
        hold = await ledger.take(connection, "me", now, on_uncertain="hold")
        assert hold is not None
        await ledger.claim(connection, hold, after_id=0, limit=99, about=About(None), now=now)
        later = now + timedelta(hours=1)
        settled = [
            Settlement(number, state, reply, later if state is State.DEFERRED else None)
            for number, (state, reply) in zip(numbers, REPLIES, strict=True)
        ]
        await ledger.settle(connection, hold, settled, now)
        await ledger.let_go(connection, hold, now)
        return await store.find(connection, draft.slug)


async def states(connection: Any) -> list[str]:
    return list(await connection.scalars(select(delivery.c.state).order_by(delivery.c.subscriber_id)))


async def test_retry_queues_what_failed_for_passing_reasons_and_nothing_else(
    database: Database, ended: Campaign, now: datetime
) -> None:
    async with database.begin() as connection:
        assert await mending.retry(connection, ended, now) == 3
        assert await states(connection) == ["sent", "queued", "queued", "refused", "queued", "uncertain"]
        hold = await ledger.take(connection, "me", now, on_uncertain="hold")
        assert hold is not None, "its shard is due at once"


async def test_the_uncertain_are_sent_again_or_taken_as_sent(
    database: Database, ended: Campaign, now: datetime
) -> None:
    async with database.begin() as connection:
        assert await ledger.believe_sent(connection, ended.id, now) == 1
        assert (await states(connection))[-1] == "sent"
        await connection.execute(update(delivery).where(delivery.c.reply == REPLIES[-1][1]).values(state="uncertain"))
        assert await mending.resend(connection, ended, now) == 1
        assert (await states(connection))[-1] == "queued"


@pytest.mark.parametrize(("before", "after"), [("finished", "sending"), ("paused", "paused")])
async def test_a_finished_campaign_goes_on_and_a_paused_one_stays_so(
    database: Database, ended: Campaign, now: datetime, before: str, after: str
) -> None:
    async with database.begin() as connection:
        await connection.execute(update(campaign).values(status=before))
        await mending.retry(connection, await store.find(connection, ended.slug), now)
        assert (await store.find(connection, ended.slug)).status == after


async def test_nothing_more_of_a_cancelled_campaign_is_sent(database: Database, ended: Campaign, now: datetime) -> None:
    async with database.begin() as connection:
        await lifecycle.cancel(connection, ended, now)
        cancelled = await store.find(connection, ended.slug)
        for step in (mending.retry, mending.resend):
            with pytest.raises(CampaignError, match="opening/invitation is cancelled: nothing of it is sent"):
                await step(connection, cancelled, now)
