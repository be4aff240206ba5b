"""The embedded engine: the plan fires when it is due, once, and never late."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from newsletter import database as databases
from newsletter.campaigns import lifecycle, report, store
from newsletter.constellation import loading, schedule
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery import ledger, transactional
from newsletter.delivery.ledger import Settlement, State
from newsletter.engine import embedded
from newsletter.engine.housekeeping import Housekeeper
from newsletter.settings import Settings
from subscribers.audience import About
from subscribers.tables import subscriber


@pytest.fixture
async def loaded(database: Database, constellation: Constellation, add_people: Any, clock: Any) -> Constellation:
    """The sample constellation, its plan and ten people, on 1 January 2021."""
    clock.now = datetime(2021, 1, 1, 12, tzinfo=UTC)
    async with database.begin() as connection:
        await loading.load(connection, constellation, clock(), actor="test")
        await add_people(connection, 10, clock())
    return constellation


async def test_a_planned_mail_goes_out_when_its_moment_comes_and_only_once(
    database: Database, settings: Settings, smtp_server: Any, loaded: Constellation, clock: Any
) -> None:
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, database, clock) as engine:
            async with database.read() as connection:
                first = (await schedule.upcoming(connection))[0]
            clock.now = first.due_at - timedelta(seconds=1)
            await engine.tick()
            assert server.received == []
            clock.now = first.due_at
            await engine.tick()
            await engine.tick()
        assert len(server.received) == 10
        async with database.read() as connection:
            seen = await report.read(connection, await store.find(connection, f"{first.slug}/{first.kind}"))
    assert (seen.status, seen.audience) == ("finished", 10)


async def test_an_overdue_mail_is_skipped_never_fired_late(
    database: Database, settings: Settings, smtp_server: Any, loaded: Constellation, clock: Any
) -> None:
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with database.read() as connection:
            first = (await schedule.upcoming(connection))[0]
        clock.now = first.due_at + timedelta(days=2)
        async with embedded.opened(settings, database, clock) as engine:
            await engine.tick()
        async with database.read() as connection:
            states = {(m.slug, m.kind): m.state for m in await schedule.upcoming(connection, every=True)}
    assert states[first.slug, first.kind] == "skipped"
    assert server.received == []


async def test_a_mail_that_staff_sent_by_hand_is_not_sent_again_by_the_plan(
    database: Database, settings: Settings, smtp_server: Any, loaded: Constellation, clock: Any
) -> None:
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with database.begin() as connection:
            first = (await schedule.upcoming(connection))[0]
            draft = await store.draft(connection, first.slug, first.kind, now=clock())
            await lifecycle.start(connection, settings, draft, now=clock())
        async with embedded.opened(settings, database, clock) as engine:
            await engine.tick()
            assert len(server.received) == 10
            clock.now = first.due_at
            await engine.tick()
    assert len(server.received) == 10


async def test_a_scheduled_campaign_starts_at_its_time(
    database: Database, settings: Settings, smtp_server: Any, loaded: Constellation, clock: Any
) -> None:
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with database.begin() as connection:
            draft = await store.draft(connection, "opening", "invitation", now=clock())
            await lifecycle.schedule(connection, draft, clock() + timedelta(hours=1))
        async with embedded.opened(settings, database, clock) as engine:
            await engine.tick()
            assert server.received == []
            clock.forward(hours=1)
            await engine.tick()
    assert len(server.received) == 10


async def test_two_engines_cannot_run_on_one_database(database: Database, settings: Settings) -> None:
    async with embedded.opened(settings, database):
        with pytest.raises(databases.DatabaseBusy):
            async with embedded.opened(settings, database):
                pass


async def until(is_so: Callable[[], object]) -> None:
    """Wait for something that will be so, on however slow a machine."""
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - several things are waited for, and none of them tells
            await asyncio.sleep(0.01)


class BrokenHousekeeper(Housekeeper):
    """One with a mistake in it, as a program may have."""

    async def round(self) -> None:
        raise TypeError("unhashable type: 'dict'")


async def test_a_mistake_in_one_kind_of_work_is_said_and_all_other_work_goes_on(
    database: Database, settings: Settings, smtp_server: Any, loaded: Constellation, clock: Any
) -> None:
    async with smtp_server() as server:
        settings = settings.model_copy(update={"smtp": server.settings})
        async with embedded.opened(settings, database, clock) as sound:
            broken = BrokenHousekeeper(database, settings, clock)
            engine = replace(sound, housekeeper=broken)
            with capture_logs() as lines:
                running = asyncio.create_task(engine.run())
                await until(lambda: any(line["event"] == "round broke" for line in lines))
                async with database.begin() as connection:
                    person = await connection.scalar(select(subscriber.c.id).limit(1))
                    assert person is not None
                    await transactional.enqueue(connection, person, transactional.Kind.LINK, now=clock(), most_a_day=3)
                await until(lambda: server.received)
                assert not running.done()
                engine.stop.set()
                await running
    said = next(line for line in lines if line["event"] == "round broke")
    assert (said["work"], said["fault"], said["reason"]) == ("housekeeping", "TypeError", "unhashable type: 'dict'")
    assert said["at"].startswith("embedded.py:")


async def test_a_campaign_whose_last_mails_were_on_their_way_when_it_was_paused_is_finished_when_it_is_resumed(
    database: Database, settings: Settings, loaded: Constellation, clock: Any
) -> None:
    async with database.begin() as connection:
        draft = await store.draft(connection, "opening", "invitation", now=clock())
        await lifecycle.start(connection, settings, draft, now=clock())
        hold = await ledger.take(connection, "me", clock(), on_uncertain="resend")
        assert hold is not None
        window = await ledger.claim(connection, hold, after_id=0, limit=99, about=About(None), now=clock())
    async with database.begin() as connection:
        await lifecycle.pause(connection, await store.find(connection, draft.slug))
        settled = [Settlement(due.subscriber_id, State.SENT) for due in window.due]
        await ledger.settle(connection, hold, settled, clock())
        await ledger.let_go(connection, hold, clock())
        assert await ledger.finish(connection, clock()) == 0
    async with database.begin() as connection:
        await lifecycle.resume(connection, await store.find(connection, draft.slug), clock())
        assert (await store.find(connection, draft.slug)).status == "finished"


@pytest.mark.parametrize(
    ("steps", "wrong"),
    [
        (["pause"], "pause"),
        (["start"], "resume"),
        (["start", "pause"], "start"),
        (["cancel"], "start"),
        (["start", "cancel"], "resume"),
    ],
)
async def test_a_step_that_does_not_fit_is_refused_in_one_line(
    database: Database, settings: Settings, loaded: Constellation, clock: Any, steps: list[str], wrong: str
) -> None:
    async def take(name: str) -> None:
        async with database.begin() as connection:
            found = await store.find(connection, "opening/invitation")
            match name:
                case "start":
                    await lifecycle.start(connection, settings, found, now=clock())
                case "pause":
                    await lifecycle.pause(connection, found)
                case "resume":
                    await lifecycle.resume(connection, found, clock())
                case "cancel":
                    await lifecycle.cancel(connection, found, clock())

    async with database.begin() as connection:
        await store.draft(connection, "opening", "invitation", now=clock())
    for step in steps if steps != ["pause"] else []:
        await take(step)
    with pytest.raises(store.CampaignError, match=r"opening/invitation is \w+; only a campaign that is") as caught:
        await take(wrong)
    assert "\n" not in str(caught.value)
