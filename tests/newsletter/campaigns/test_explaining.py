"""Why somebody got a mail, or did not: the reason as it was when it mattered, not as things stand today."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from newsletter.campaigns import explaining, lifecycle, store
from newsletter.campaigns.explaining import Explanation
from newsletter.constellation import loading
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery import ledger
from newsletter.settings import Settings
from newsletter.tables import delivery
from subscribers import addresses, directory, erasure, preferences, signup
from subscribers.audience import About, Rhythm
from subscribers.suppression import Reason

KEY = "h" * 40
START = datetime(2021, 1, 20, 9, tzinfo=UTC)
BEFORE, AFTER = START - timedelta(days=5), START + timedelta(days=5)
SLUG = "opening/invitation"

Ask = Callable[[str], Awaitable[Explanation]]


@pytest.fixture
async def loaded(database: Database, constellation: Constellation) -> None:
    """The sample constellation, and a draft of the opening's invitation."""
    async with database.begin() as connection:
        await loading.load(connection, constellation, BEFORE, actor="test")
        await store.draft(connection, "opening", "invitation", now=BEFORE)


@pytest.fixture
def join(database: Database, loaded: None) -> Callable[..., Awaitable[int]]:
    """Someone who joined and, unless told otherwise, confirmed."""

    async def join(address: str, *, at: datetime = BEFORE, confirmed: bool = True, **fields: Any) -> int:
        async with database.begin() as connection:
            request = signup.Request(addresses.parse(address), source="form", **fields)
            outcome = await signup.join(connection, request, hash_key=KEY, now=at)
            assert isinstance(outcome, signup.ConfirmationDue)
            if confirmed:
                assert await signup.confirm(connection, outcome.subscriber_id, ip="192.0.2.7", now=at)
            return outcome.subscriber_id

    return join


@pytest.fixture
def start(database: Database, settings: Settings) -> Callable[[], Awaitable[None]]:
    """Start the campaign."""

    async def start() -> None:
        async with database.begin() as connection:
            await lifecycle.start(connection, settings, await store.find(connection, SLUG), now=START)

    return start


@pytest.fixture
def ask(database: Database) -> Ask:
    """Ask why."""

    async def ask(address: str) -> Explanation:
        async with database.read() as connection:
            found = await store.find(connection, SLUG)
            return await explaining.explain(connection, addresses.parse(address), found, hash_key=KEY)

    return ask


async def test_whom_the_campaign_was_not_meant_for_is_told_whom_it_was_for(
    database: Database, join: Any, start: Any, ask: Ask
) -> None:
    await join("ana@example.org")
    async with database.begin() as connection:
        await lifecycle.address(connection, await store.find(connection, SLUG), 'role = "teacher"')
    await start()
    answer = await ask("ana@example.org")
    assert answer.verdict == "not-meant"
    assert 'only for some who follow it (role = "teacher")' in answer.sentence


async def test_each_reason_for_not_being_in_the_audience_is_told_as_it_was_then(
    database: Database, join: Any, start: Any, ask: Ask
) -> None:
    people = {
        name: await join(f"{name}@example.org")
        for name in ("gone", "paused", "mutes", "calm", "bookish", "stopped", "chooses")
    }
    await join("waits@example.org", confirmed=False)
    await join("elsewhere@example.org", topics=("closing",))
    async with database.begin() as connection:
        await preferences.leave(connection, people["gone"], source="page", now=BEFORE)
        await preferences.pause(connection, people["paused"], until=AFTER, now=BEFORE)
        await preferences.choose(
            connection, people["mutes"], everything=True, followed=[], muted=["opening"], now=BEFORE
        )
        await preferences.choose(
            connection, people["bookish"], everything=True, followed=[], muted=["kind:event"], now=BEFORE
        )
        await preferences.settle(connection, people["calm"], rhythm=Rhythm.ESSENTIALS, now=BEFORE)
        stopped = addresses.parse("stopped@example.org")
        await directory.suppress(connection, stopped, hash_key=KEY, note="", now=BEFORE)
    await start()
    await join("late@example.org", at=AFTER)
    async with database.begin() as connection:  # what they do afterwards does not change the reason
        for name in ("paused", "mutes"):
            await preferences.pause(connection, people[name], until=None, now=AFTER)
        for name in ("mutes", "bookish"):
            await preferences.choose(connection, people[name], everything=True, followed=[], muted=[], now=AFTER)
        await preferences.settle(connection, people["calm"], rhythm=Rhythm.EACH, now=AFTER)
        await directory.release(connection, stopped, hash_key=KEY, note="", now=AFTER)
    verdicts = {
        name: (await ask(f"{name}@example.org")).verdict for name in (*people, "waits", "elsewhere", "late", "nobody")
    }
    assert verdicts == {
        "gone": "left",
        "paused": "paused",
        "mutes": "muted",
        "bookish": "muted-kind",
        "calm": "essentials-only",
        "stopped": "suppressed",
        "waits": "not-confirmed",
        "elsewhere": "not-following",
        "late": "joined-later",
        "chooses": "queued",
        "nobody": "unknown",
    }
    told = await ask("late@example.org")
    assert told.sentence == (
        "late@example.org did not get opening/invitation: they joined on 2021-01-25 at 09:00 UTC, "
        "after it had started on 2021-01-20 at 09:00 UTC."
    )
    assert [fact.at for fact in told.evidence] == sorted(fact.at for fact in told.evidence)


async def test_someone_who_was_erased_is_known_by_the_hash_alone(
    database: Database, join: Any, start: Any, ask: Ask
) -> None:
    person = await join("ana@example.org")
    await start()
    async with database.begin() as connection:
        await erasure.erase(connection, person, now=AFTER)
    told = await ask("Ana@example.org")
    assert (told.verdict, [fact.what for fact in told.evidence]) == ("erased", [f"suppressed: {Reason.ERASED}"])


async def test_a_campaign_that_has_not_started_says_so(join: Any, ask: Ask) -> None:
    await join("ana@example.org")
    told = await ask("ana@example.org")
    assert told.sentence == "opening/invitation has not started: it is a draft, and nobody got it."
    assert not any("True" in fact.what or "[]" in fact.what for fact in told.evidence)  # in words, as a person reads it
    assert "everything: yes" in told.evidence[0].what


@pytest.mark.parametrize(
    ("state", "words"),
    [
        ("sent", "was sent opening/invitation on 2021-01-20 at 09:00 UTC: the mail server took it (“reply”)."),
        ("deferred", "the mail server put it off on 2021-01-20 at 09:00 UTC (“reply”)"),
        ("refused", "the mail was refused on 2021-01-20 at 09:00 UTC (“reply”)."),
        ("expired", "did not get opening/invitation: it was given up on 2021-01-20 at 09:00 UTC (“reply”)."),
        ("uncertain", "may have got opening/invitation"),
        ("cancelled", "the campaign was cancelled"),
    ],
)
async def test_each_state_of_the_ledger_is_told_with_the_servers_answer(
    database: Database, join: Any, start: Any, ask: Ask, state: str, words: str
) -> None:
    await join("ana@example.org")
    await start()
    async with database.begin() as connection:
        await connection.execute(delivery.update().values(state=state, reply="reply", at=START))
    told = await ask("ana@example.org")
    assert told.verdict == state
    assert words in told.sentence


async def test_someone_who_left_while_the_campaign_ran_is_told_apart_from_one_who_was_never_meant(
    database: Database, join: Any, start: Any, ask: Ask
) -> None:
    person = await join("ana@example.org")
    await start()
    async with database.begin() as connection:
        await preferences.leave(connection, person, source="page", now=START + timedelta(minutes=1))
        hold = await ledger.take(connection, "me", START + timedelta(minutes=2), on_uncertain="resend")
        assert hold is not None
        later = START + timedelta(minutes=2)
        await ledger.claim(connection, hold, after_id=0, limit=10, about=About("opening"), now=later)
    told = await ask("ana@example.org")
    assert told.verdict == "suppressed"
    assert "though it was meant for them: when their turn came, they had left" in told.sentence
