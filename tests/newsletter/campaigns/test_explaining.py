"""Why somebody got a mail, or did not: the reason as it was when it mattered, not as things stand today."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import update

from newsletter import clock
from newsletter.campaigns import explaining, foretelling, lifecycle, store
from newsletter.campaigns.explaining import Explanation
from newsletter.campaigns.store import CampaignError
from newsletter.constellation import loading, schedule
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery import hearing, ledger
from newsletter.settings import Settings
from newsletter.tables import delivery
from subscribers import addresses, directory, erasure, importing, preferences, signup
from subscribers.audience import About, Rhythm
from subscribers.suppression import Reason
from subscribers.tables import subscriber

KEY = "h" * 40
START = datetime(2021, 1, 20, 9, tzinfo=UTC)
END_OF_PAUSE = START + timedelta(days=400)
BEFORE, AFTER = START - timedelta(days=5), START + timedelta(days=5)
SLUG = "opening/invitation"

Ask = Callable[..., Awaitable[Explanation]]


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

    async def ask(address: str, slug: str = SLUG, now: datetime = BEFORE) -> Explanation:
        async with database.read() as connection:
            found = await foretelling.find(connection, slug)
            return await explaining.explain(connection, addresses.parse(address), found, hash_key=KEY, now=now)

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
    assert told.sentence.startswith("Whether Ana@example.org got opening/invitation is not known any more: everything")


async def test_someone_who_was_erased_before_it_started_did_not_get_it(
    database: Database, join: Any, start: Any, ask: Ask
) -> None:
    person = await join("ana@example.org")
    async with database.begin() as connection:
        await erasure.erase(connection, person, now=BEFORE)
    await start()
    told = await ask("ana@example.org")
    assert told.sentence.startswith("ana@example.org did not get opening/invitation, as far as is known: everything")


async def test_what_an_import_brought_counts_from_when_it_came_though_it_is_of_long_before(
    database: Database, loaded: None, start: Any, ask: Ask, tmp_path: Path
) -> None:
    async def bring(text: str, at: datetime) -> None:
        file = tmp_path / "people.csv"
        file.write_text(f"email,consented_at\n{text}\n")
        await importing.run(file, database=database, hash_key=KEY, now=at)

    await bring("proven@example.org,", BEFORE)
    await start()
    await bring("proven@example.org,2020-05-01\nlate@example.org,2020-05-01", AFTER)
    assert (await ask("proven@example.org")).verdict == "not-confirmed"
    assert (await ask("late@example.org")).sentence == (
        "late@example.org did not get opening/invitation: they were added on 2021-01-25 at 09:00 UTC, "
        "after it had started on 2021-01-20 at 09:00 UTC."
    )


async def test_of_a_mail_to_come_it_is_told_when_it_goes_and_whether_they_are_in_its_audience_as_things_stand(
    database: Database, constellation: Constellation, join: Any, ask: Ask
) -> None:
    people = {name: await join(f"{name}@example.org") for name in ("ana", "gone", "paused", "rests", "mutes", "calm")}
    await join("waits@example.org", confirmed=False)
    await join("elsewhere@example.org", topics=("closing",))
    reminder = "opening/reminder"  # of which nobody has made a campaign yet
    due_at = next(mail.due_at for mail in await _plan(database) if mail.slug == "opening" and mail.kind == "reminder")
    async with database.begin() as connection:
        await preferences.leave(connection, people["gone"], source="page", now=BEFORE)
        await preferences.pause(connection, people["paused"], until=due_at + timedelta(days=1), now=BEFORE)
        await preferences.pause(connection, people["rests"], until=due_at - timedelta(days=1), now=BEFORE)
        await preferences.choose(
            connection, people["mutes"], everything=True, followed=[], muted=["opening"], now=BEFORE
        )
        await preferences.settle(connection, people["calm"], rhythm=Rhythm.ESSENTIALS, now=BEFORE)
    told = {name: await ask(f"{name}@example.org", reminder) for name in (*people, "waits", "elsewhere", "nobody")}
    assert {name: one.verdict for name, one in told.items()} == {
        "ana": "expected",
        "gone": "left",
        "paused": "paused",
        "rests": "expected",
        "mutes": "muted",
        "calm": "essentials-only",
        "waits": "not-confirmed",
        "elsewhere": "not-following",
        "nobody": "unknown",
    }
    assert {one.due_at for name, one in told.items() if name != "nobody"} == {due_at}
    when = f"opening/reminder is planned for {clock.shown(due_at, constellation.timezone)} ({constellation.timezone})"
    assert told["ana"].sentence == f"{when}; as things stand, ana@example.org would get it."
    assert told["elsewhere"].sentence.endswith("would not get it: they do not follow opening.")
    assert told["waits"].sentence.endswith("would not get it: they have not confirmed their address.")
    assert told["nobody"].sentence.startswith("nobody@example.org will not get opening/reminder, as far as is known:")
    assert "everything: yes" in told["ana"].evidence[0].what  # in words, as a person reads it


async def _plan(database: Database) -> list[schedule.DueMail]:
    async with database.read() as connection:
        return await schedule.upcoming(connection)


async def test_what_staff_made_of_a_planned_mail_decides_when_it_goes_and_to_whom(
    database: Database, join: Any, ask: Ask
) -> None:
    await join("ana@example.org")
    told = await ask("ana@example.org")
    assert "is planned for" in told.sentence, "a draft in the plan's place goes when that would"
    late = await ask("ana@example.org", now=told.due_at + timedelta(hours=1))
    assert "was due on Wed 2021-01-20 09:00 EST (America/New_York), and goes as soon as the service" in late.sentence
    assert (await ask("ana@example.org", now=told.due_at + timedelta(hours=7))).verdict == "skipped"
    at = datetime(2021, 2, 1, 15, tzinfo=UTC)
    async with database.begin() as connection:
        draft = await store.find(connection, SLUG)
        await lifecycle.address(connection, draft, 'role = "teacher"')
        await lifecycle.schedule(connection, draft, at)
        await store.draft(connection, "opening", "invitation", now=BEFORE, suffix="again")
    told = await ask("ana@example.org")
    assert (told.verdict, told.due_at) == ("not-meant", at)
    assert "is scheduled for Mon 2021-02-01 10:00 EST (America/New_York); as things stand" in told.sentence
    assert 'it is only for some who follow it (role = "teacher"), and they are not among them.' in told.sentence
    other = await ask("ana@example.org", f"{SLUG}-again")
    assert (other.verdict, other.due_at) == ("expected", None)
    assert "is a draft that goes out when somebody sends it" in other.sentence
    async with database.begin() as connection:
        await lifecycle.cancel(connection, await store.find(connection, SLUG), BEFORE)
    assert (await ask("ana@example.org")).sentence == f"{SLUG} was called off before it began, and goes to nobody."


async def test_a_planned_mail_by_each_reader_s_clock_is_told_by_theirs(
    database: Database, constellation: Constellation, join: Any, ask: Ask
) -> None:
    opening = constellation.event("opening")
    rule = replace(opening.mail("reminder"), at=time(9), local=True, days=-1, timezone=constellation.timezone)
    mails = tuple(rule if mail.kind == "reminder" else mail for mail in opening.mails)
    async with database.begin() as connection:
        events = tuple(replace(one, mails=mails) if one.slug == "opening" else one for one in constellation.events)
        await loading.load(connection, replace(constellation, events=events), BEFORE, actor="test")
    await join("ana@example.org", timezone="Asia/Tokyo")
    told = await ask("ana@example.org", "opening/reminder")
    day = opening.starts.astimezone(ZoneInfo("Asia/Tokyo")).date() - timedelta(days=1)
    assert f"is planned for {day:%a %Y-%m-%d} 09:00 JST (Asia/Tokyo), by each reader's own clock" in told.sentence


async def test_a_name_that_neither_a_campaign_nor_the_plan_has_is_told_the_nearest(loaded: None, ask: Ask) -> None:
    with pytest.raises(CampaignError, match="did you mean opening/reminder"):
        await ask("ana@example.org", "opening/remindr")


async def test_a_pause_that_an_import_brought_along_is_known_too(database: Database, join: Any, ask: Ask) -> None:
    person = await join("ana@example.org")
    async with database.begin() as connection:
        await connection.execute(update(subscriber).where(subscriber.c.id == person).values(paused_until=END_OF_PAUSE))
    assert (await ask("ana@example.org")).verdict == "paused"


async def test_the_end_of_a_pause_is_told_in_utc_whatever_clock_it_was_chosen_by(
    database: Database, join: Any, start: Any, ask: Ask
) -> None:
    person = await join("ana@example.org")
    async with database.begin() as connection:
        until = datetime(2021, 3, 1, tzinfo=ZoneInfo("Pacific/Auckland"))
        await preferences.pause(connection, person, until=until, now=BEFORE)
    await start()
    assert "taking a pause until 2021-02-28 at 11:00 UTC" in (await ask("ana@example.org")).sentence


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


async def test_a_mail_that_only_a_report_tells_of_is_told_without_words_of_the_server(
    database: Database, join: Any, start: Any, ask: Ask
) -> None:
    person = await join("ana@example.org")
    await start()
    async with database.begin() as connection:
        campaign_id = (await store.find(connection, SLUG)).id
        await connection.execute(delivery.update().values(state="uncertain", reply="the sender died", at=START))
        await hearing.note(connection, campaign_id, [person], "delivered")
        await ledger.arrived(connection, campaign_id, [person], START)
    words = "was sent opening/invitation on 2021-01-20 at 09:00 UTC: it was reported to have arrived (delivered)."
    assert words in (await ask("ana@example.org")).sentence


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
