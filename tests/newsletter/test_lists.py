"""Suppression lists of providers, kept in step: what of them is obeyed here, on both databases."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from newsletter import feedback
from newsletter.database import Database
from newsletter.engine import embedded, parts, workers
from newsletter.feedback import breaker, listing
from newsletter.feedback import lists as reading
from newsletter.feedback.lists import Tally
from newsletter.setting_tables import Webhooks
from newsletter.settings import Settings
from newsletter.tables import inbox, list_reading
from subscribers import consent, suppression
from subscribers.consent import Action, Actor
from subscribers.suppression import Reason
from subscribers.tables import subscriber
from tests import hashes
from tests.provider_api import Asked, ProviderApi, Reply
from webhooks import lists
from webhooks.errors import Unavailable

Sync = Callable[..., Awaitable[Tally]]


def entry(address: str, at: datetime, reason: str = "BOUNCE") -> dict[str, Any]:
    return {"EmailAddress": address, "LastUpdateTime": at.timestamp(), "Reason": reason}


def holding(*entries: dict[str, Any]) -> Callable[[Asked], Reply]:
    return lambda _: Reply({"SuppressedDestinationSummaries": list(entries)})


def keys(api: ProviderApi) -> Webhooks:
    return Webhooks(ses_access_key="AKID", ses_secret_key="secret", ses_region="eu-west-1", ses_api=api.url)


@pytest.fixture
async def people(database: Database, now: datetime, add_people: Any) -> list[int]:
    """Three subscribers, who opted in a month ago."""
    async with database.begin() as connection:
        numbers: list[int] = await add_people(connection, 3, now - timedelta(days=30))
    return numbers


@pytest.fixture
def sync(database: Database, settings: Settings, provider_api: ProviderApi, people: list[int], now: datetime) -> Sync:
    """Read the list of SES, and apply what came of it."""

    async def go(*, at: datetime = now, dry_run: bool = False, **policy: Any) -> Tally:
        one = lists.build("ses", keys(provider_api).in_clear())
        tally = await reading.read(database, one, lambda: at, dry_run=dry_run)
        async with database.begin() as connection:
            rules = settings.bounces.model_copy(update=policy)
            await feedback.Applier(parts.links(settings), rules).apply_due(connection, at)
        return tally

    return go


async def reason(database: Database, which: int) -> Reason | None:
    async with database.read() as connection:
        return await suppression.find(connection, hashes.of_number(which))


async def stored(database: Database) -> int:
    async with database.read() as connection:
        return await connection.scalar(select(func.count()).select_from(inbox)) or 0


async def test_whom_a_provider_holds_is_suppressed_here_with_the_provider_as_evidence(
    database: Database, provider_api: ProviderApi, sync: Sync, people: list[int], now: datetime
) -> None:
    provider_api.answer = holding(
        entry("P0@Example.org", now - timedelta(days=2)),
        entry("p1@example.org", now - timedelta(days=1), "COMPLAINT"),
        entry("stranger@example.org", now),
    )
    tally = await sync()
    assert (dict(tally.news), tally.strangers) == ({"hard": 1, "complaint": 1}, 1)
    assert [await reason(database, n) for n in range(3)] == [Reason.HARD_BOUNCE, Reason.COMPLAINT, None]
    async with database.read() as connection:
        last = (await consent.evidence(connection, people[0]))[-1]
        assert (last.action, last.actor) == (Action.SUPPRESSED, Actor.REPORT)
        assert last.source.startswith("ses/list:")
        (report,) = await listing.of_person(connection, people[0])
        assert (report.heard, report.campaign, report.outcome) == ("hard", "", "suppressed: hard-bounce")
        found = await suppression.finding(connection, people[0])
        assert found is not None
        assert found.at == now - timedelta(days=2)
    assert await stored(database) == 2, "of strangers nothing is kept"


async def test_read_again_it_changes_nothing(
    database: Database, provider_api: ProviderApi, sync: Sync, now: datetime
) -> None:
    provider_api.answer = holding(entry("p0@example.org", now), entry("p0@example.org", now))
    assert (await sync()).known == 1, "an entry that two pages name is one"
    tally = await sync()
    assert (tally.news.total(), tally.known) == (0, 1 + 1)
    assert await stored(database) == 1


async def test_a_dry_run_counts_and_stores_nothing(
    database: Database, provider_api: ProviderApi, sync: Sync, now: datetime
) -> None:
    provider_api.answer = holding(entry("p0@example.org", now))
    assert (await sync(dry_run=True)).news == {"hard": 1}
    assert (await stored(database), await reason(database, 0)) == (0, None)


async def test_what_is_older_than_the_opt_in_is_left_alone(
    database: Database, provider_api: ProviderApi, sync: Sync, now: datetime
) -> None:
    provider_api.answer = holding(entry("p0@example.org", now - timedelta(days=31)))
    assert (await sync()).left == {"older than the opt-in": 1}
    assert await reason(database, 0) is None


@pytest.mark.parametrize("was_read_before", [True, False])
async def test_whom_staff_released_is_not_suppressed_again_by_what_the_provider_said_before(
    database: Database,
    provider_api: ProviderApi,
    sync: Sync,
    people: list[int],
    now: datetime,
    was_read_before: bool,
) -> None:
    provider_api.answer = holding(entry("p0@example.org", now - timedelta(days=2)))
    if was_read_before:
        await sync(at=now - timedelta(days=2))
    async with database.begin() as connection:
        await suppression.release(connection, hashes.of_number(0))
        await consent.record(connection, people[0], Action.RELEASED, actor=Actor.STAFF, now=now - timedelta(days=1))
    assert (await sync()).left == {"older than the release by staff": 1}
    assert await reason(database, 0) is None
    provider_api.answer = holding(entry("p0@example.org", now))
    assert (await sync()).news == {"hard": 1}
    assert await reason(database, 0) is Reason.HARD_BOUNCE, "what the provider said since is news"


async def test_a_release_between_storing_and_applying_holds(
    database: Database, settings: Settings, provider_api: ProviderApi, people: list[int], now: datetime
) -> None:
    provider_api.answer = holding(entry("p0@example.org", now - timedelta(days=2)))
    await reading.read(database, lists.build("ses", keys(provider_api).in_clear()), lambda: now)
    async with database.begin() as connection:
        await consent.record(connection, people[0], Action.RELEASED, actor=Actor.STAFF, now=now)
        await feedback.Applier(parts.links(settings), settings.bounces).apply_due(connection, now)
        assert await connection.scalar(select(inbox.c.outcome)) == "older than the release by staff"
    assert await reason(database, 0) is None


async def test_a_weaker_word_takes_nothing_back_and_a_stronger_one_is_heard(
    database: Database, provider_api: ProviderApi, sync: Sync, now: datetime
) -> None:
    provider_api.answer = holding(entry("p0@example.org", now, "COMPLAINT"))
    await sync()
    provider_api.answer = holding(entry("p0@example.org", now - timedelta(days=1)))
    assert (await sync()).known == 1
    assert await reason(database, 0) is Reason.COMPLAINT
    provider_api.answer = holding(entry("p1@example.org", now - timedelta(days=1)))
    await sync()
    provider_api.answer = holding(entry("p1@example.org", now, "COMPLAINT"))
    assert (await sync()).news == {"complaint": 1}
    assert await reason(database, 1) is Reason.COMPLAINT


async def test_who_unsubscribed_there_has_left_here(
    database: Database, settings: Settings, provider_api: ProviderApi, people: list[int], now: datetime
) -> None:
    spark = [{"recipient": "p0@example.org", "source": "Unsubscribe Link", "updated": now.isoformat(), "type": "x"}]
    provider_api.answer = lambda _: Reply({"results": spark, "links": []})
    one = lists.build("sparkpost", {"sparkpost_api_key": "k", "sparkpost_api": provider_api.url})
    assert (await reading.read(database, one, lambda: now)).news == {"unsubscribe": 1}
    async with database.begin() as connection:
        await feedback.Applier(parts.links(settings), settings.bounces).apply_due(connection, now)
        status = select(subscriber.c.status).where(subscriber.c.id == people[0])
        assert await connection.scalar(status) == "left"


async def test_a_list_stands_for_as_many_days_as_the_policy_asks(
    database: Database, provider_api: ProviderApi, sync: Sync, now: datetime
) -> None:
    provider_api.answer = holding(entry("p0@example.org", now))
    await sync(hard_days=3)
    assert await reason(database, 0) is Reason.HARD_BOUNCE


async def test_a_domain_is_not_paused_for_what_a_list_holds(
    database: Database, settings: Settings, provider_api: ProviderApi, sync: Sync, now: datetime
) -> None:
    provider_api.answer = holding(*(entry(f"p{n}@example.org", now) for n in range(3)))
    await sync(breaker_least=1, breaker_share=0.01)
    async with database.begin() as connection:
        policy = settings.bounces.model_copy(update={"breaker_least": 1})
        assert await breaker.look(connection, policy, {"example.org"}, now) == []


async def test_what_was_read_before_a_fault_stays_and_the_rest_comes_later(
    database: Database,
    provider_api: ProviderApi,
    sync: Sync,
    now: datetime,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "_BATCH", 1)

    def failing(asked: Asked) -> Reply:
        if "NextToken" in asked.target:
            return Reply(b"", 500, {"Retry-After": "0"})
        return Reply({"NextToken": "2", "SuppressedDestinationSummaries": [entry("p0@example.org", now)]})

    provider_api.answer = failing
    with pytest.raises(Unavailable, match="answered 500"):
        await sync()
    assert await stored(database) == 1
    provider_api.answer = holding(entry("p0@example.org", now), entry("p1@example.org", now))
    assert (await sync()).news == {"hard": 1}
    assert await reason(database, 0) is Reason.HARD_BOUNCE
    assert await reason(database, 1) is Reason.HARD_BOUNCE


async def test_the_engine_reads_a_list_once_a_day_and_after_a_fault_in_an_hour(
    database: Database, settings: Settings, provider_api: ProviderApi, people: list[int], clock: Any
) -> None:
    settings = settings.model_copy(update={"webhooks": keys(provider_api)})
    provider_api.answer = lambda _: Reply(b"nonsense")
    async with embedded.opened(settings, database, clock) as engine:
        await engine.tick()
        await engine.tick()
        assert len(provider_api.asked) == 1, "a fault is not asked about again at once"
        provider_api.answer = holding(entry("p0@example.org", clock()))
        clock.forward(minutes=61)
        await engine.tick()
        assert await reason(database, 0) is Reason.HARD_BOUNCE
        clock.forward(hours=23)
        await engine.tick()
        assert len(provider_api.asked) == 2
        clock.forward(hours=1)
        await engine.tick()
        assert len(provider_api.asked) == 3


async def test_without_an_api_key_the_engine_asks_nobody(
    database: Database, settings: Settings, provider_api: ProviderApi, clock: Any
) -> None:
    settings = settings.model_copy(update={"webhooks": Webhooks(ses_api=provider_api.url, ses_region="eu-west-1")})
    async with embedded.opened(settings, database, clock) as engine:
        await engine.tick()
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(list_reading)) == 0
    assert provider_api.asked == []


async def test_of_many_hosts_one_reads_a_list(database: Database, now: datetime) -> None:
    async with database.begin() as connection:
        assert await reading.claim(connection, "ses", now)
        assert not await reading.claim(connection, "ses", now)
        assert await reading.claim(connection, "brevo", now)
        assert await reading.claim(connection, "ses", now + timedelta(hours=1))


async def test_an_engine_that_is_stopped_does_not_wait_for_a_provider(
    database: Database, settings: Settings, provider_api: ProviderApi, clock: Any
) -> None:
    asked = asyncio.Event()
    loop = asyncio.get_running_loop()

    def patient(_: Asked) -> Reply:
        loop.call_soon_threadsafe(asked.set)
        return Reply(b"", 429, {"Retry-After": "60"})

    provider_api.answer = patient
    settings = settings.model_copy(update={"webhooks": keys(provider_api)})
    async with embedded.opened(settings, database, clock) as engine:
        task = asyncio.create_task(engine.read_lists())
        await asked.wait()
        engine.stop.set()
        async with asyncio.timeout(40):
            await task


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_worker_among_many_reads_lists_too(
    database: Database, settings: Settings, provider_api: ProviderApi, people: list[int]
) -> None:
    asked, loop, stop = asyncio.Event(), asyncio.get_running_loop(), asyncio.Event()

    def answer(_: Asked) -> Reply:
        loop.call_soon_threadsafe(asked.set)
        return Reply({"SuppressedDestinationSummaries": []})

    provider_api.answer = answer
    many = settings.engine.model_copy(update={"kind": "procrastinate"})
    settings = settings.model_copy(update={"webhooks": keys(provider_api), "engine": many})
    working = asyncio.create_task(workers.run(settings, database, stop))
    async with asyncio.timeout(60):
        await asked.wait()
        stop.set()
        await working


async def test_a_list_that_its_api_gives_in_part_is_said_to_be_cut(
    database: Database, provider_api: ProviderApi, people: list[int], now: datetime
) -> None:
    entry = {"reason": "hard-bounce", "last_event_at": now.isoformat()}
    rows = [entry | {"email": f"p{number}@example.org"} for number in range(1000)]
    provider_api.answer = lambda _: Reply(rows)
    one = lists.build("mandrill", Webhooks(mandrill_api_key="md-1", mandrill_api=provider_api.url).in_clear())
    tally = await reading.read(database, one, lambda: now, dry_run=True)
    assert (tally.news, tally.strangers, tally.cut) == ({"hard": 3}, 997, True)
    rows.pop()
    assert not (await reading.read(database, one, lambda: now, dry_run=True)).cut
