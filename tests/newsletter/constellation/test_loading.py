"""Loading as staff do it: previewed exactly, done whole, and written into the audit."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import insert, select

from newsletter.campaigns import outlook
from newsletter.constellation import loading, schedule
from newsletter.constellation.model import Constellation, Event
from newsletter.database import Database
from newsletter.tables import audit, campaign, delivery
from subscribers.tables import choice, subscriber

Season = Callable[..., Constellation]


async def test_a_load_is_audited_and_one_that_changes_nothing_is_not(
    database: Database, season: Season, now: datetime
) -> None:
    for _ in range(2):
        async with database.begin() as connection:
            await loading.load(connection, season(), now, actor="ana")
    async with database.read() as connection:
        [row] = (await connection.execute(select(audit))).all()
    assert (row.actor, row.action, row.subject) == ("ana", "constellation load", "season")
    assert row.detail == {"events": {"opening": "added", "closing": "added"}}


async def test_the_outlook_counts_who_would_get_a_mail_and_who_got_it(
    database: Database, season: Season, event: Callable[..., Event], now: datetime
) -> None:
    people = [
        {"id": n, "address": f"{n}@x", "normal": f"{n}@x", "hash": f"{n}", "status": "active"}
        | {"joined_at": now, "confirmed_at": now}
        for n in (1, 2, 3)
    ]
    choices = [(1, "*", "follow"), (2, "opening", "follow"), (3, "*", "follow"), (3, "opening", "mute")]
    async with database.begin() as connection:
        await loading.load(connection, season(), now, actor="ana")
        await connection.execute(insert(subscriber), people)
        await connection.execute(
            insert(choice), [dict(zip(("subscriber_id", "topic", "stance"), row, strict=True)) for row in choices]
        )
        [first, *_] = await schedule.upcoming(connection)
        row = {"id": 7, "slug": "opening-invitation", "kind": "invitation", "created_at": now}
        await connection.execute(insert(campaign).values(**row))
        await connection.execute(insert(delivery), [{"campaign_id": 7, "subscriber_id": 9}])
        await schedule.mark_started(connection, first.event_id, first.kind, 7)
        await schedule.skip(connection, first.event_id, "thanks")
        prospects = await outlook.read(connection, now)
    counted = {(p.mail.slug, p.mail.kind): p.people for p in prospects}
    assert counted[("opening", "invitation")] == 1
    assert counted[("opening", "reminder")] == 2
    assert counted[("opening", "thanks")] == 0
    assert counted[("closing", "invitation")] == 2
