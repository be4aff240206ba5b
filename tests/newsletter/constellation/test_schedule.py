"""The plan: each mail fires once, when it is due, and never about what is over."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert

from newsletter.constellation import schedule, store
from newsletter.constellation.model import Constellation, Event, EventKind, Mail, MailKind
from newsletter.constellation.schedule import DueMail, PlanState, Replanned
from newsletter.database import Database
from newsletter.tables import campaign

Make = Callable[..., Event]
Season = Callable[..., Constellation]

STARTS = datetime(2021, 2, 3, 20, tzinfo=UTC)
"""When the opening starts."""


async def load(database: Database, constellation: Constellation, now: datetime, **options: timedelta) -> Replanned:
    async with database.begin() as connection:
        await store.load(connection, constellation, now)
        return await schedule.replan(connection, constellation, now, **options)


async def plan(database: Database, slug: str = "opening") -> dict[str, tuple[datetime, PlanState]]:
    async with database.read() as connection:
        mails = await schedule.upcoming(connection, every=True)
    return {mail.kind: (mail.due_at, mail.state) for mail in mails if mail.slug == slug}


async def states(database: Database, slug: str = "opening") -> dict[str, str]:
    return {kind: state.value for kind, (_, state) in (await plan(database, slug)).items()}


async def due(database: Database, now: datetime) -> list[DueMail]:
    async with database.read() as connection:
        return await schedule.due(connection, now)


async def start(database: Database, mail: DueMail) -> bool:
    """Start a mail's campaign as the engine does: False when another has."""
    async with database.begin() as connection:
        row = {"slug": f"{mail.slug}-{mail.kind}", "kind": mail.kind, "event_id": mail.event_id, "created_at": STARTS}
        created = await connection.execute(insert(campaign).values(**row).returning(campaign.c.id))
        return await schedule.mark_started(connection, mail.event_id, mail.kind, created.scalar_one())


async def test_every_mail_of_every_event_is_planned(database: Database, season: Season, now: datetime) -> None:
    replanned = await load(database, season(), now)
    assert len(replanned.planned) == 8
    assert await plan(database) == {
        "invitation": (datetime(2021, 1, 20, 14, tzinfo=UTC), PlanState.PLANNED),
        "reminder": (datetime(2021, 2, 2, 20, tzinfo=UTC), PlanState.PLANNED),
        "starting-soon": (datetime(2021, 2, 3, 19, tzinfo=UTC), PlanState.PLANNED),
        "thanks": (datetime(2021, 2, 4, 15, tzinfo=UTC), PlanState.PLANNED),
    }


async def test_planning_again_changes_nothing(database: Database, season: Season, now: datetime) -> None:
    await load(database, season(), now)
    before = await plan(database)
    assert await load(database, season(), now) == Replanned((), (), ())
    assert await plan(database) == before


async def test_a_mail_is_due_from_its_moment_on(database: Database, season: Season, now: datetime) -> None:
    await load(database, season(), now)
    at = datetime(2021, 1, 20, 14, tzinfo=UTC)
    assert await due(database, at - timedelta(seconds=1)) == []
    [mail] = await due(database, at)
    assert (mail.slug, mail.kind, mail.state) == ("opening", MailKind.INVITATION, PlanState.PLANNED)
    async with database.read() as connection:
        assert await schedule.next_due(connection) == at


async def test_a_mail_that_was_due_before_the_load_is_skipped(database: Database, season: Season) -> None:
    replanned = await load(database, season(), datetime(2021, 1, 25, tzinfo=UTC))
    assert [(mail.slug, mail.kind) for mail in replanned.skipped] == [("opening", MailKind.INVITATION)]
    assert (await states(database))["invitation"] == "skipped"


async def test_a_mail_within_its_grace_still_goes_out(database: Database, season: Season) -> None:
    two_hours_late = datetime(2021, 1, 20, 16, tzinfo=UTC)
    await load(database, season(), two_hours_late, grace=timedelta(hours=2))
    assert [mail.kind for mail in await due(database, two_hours_late)] == [MailKind.INVITATION]


async def test_no_grace_lets_a_mail_look_forward_to_what_has_begun(database: Database, season: Season) -> None:
    await load(database, season(), STARTS, grace=timedelta(days=30))
    assert await states(database) == {
        "invitation": "skipped",
        "reminder": "skipped",
        "starting-soon": "skipped",
        "thanks": "planned",
    }


async def test_a_mail_is_started_once(database: Database, season: Season, now: datetime) -> None:
    await load(database, season(), now)
    [mail] = await due(database, datetime(2021, 1, 20, 14, tzinfo=UTC))
    assert await start(database, mail)
    assert await due(database, datetime(2021, 1, 20, 14, tzinfo=UTC)) == []
    async with database.begin() as connection:
        assert not await schedule.mark_started(connection, mail.event_id, mail.kind, 1)
        assert not await schedule.skip(connection, mail.event_id, mail.kind)


async def test_of_two_that_start_a_mail_at_once_one_does(database: Database, season: Season, now: datetime) -> None:
    await load(database, season(), now)
    [mail] = await due(database, datetime(2021, 1, 20, 14, tzinfo=UTC))
    async with database.begin() as connection:
        rows = [{"slug": slug, "kind": "invitation", "created_at": now} for slug in ("one", "two")]
        await connection.execute(insert(campaign), rows)

    async def attempt(campaign_id: int) -> bool:
        async with database.begin() as connection:
            return await schedule.mark_started(connection, mail.event_id, mail.kind, campaign_id)

    assert sorted(await asyncio.gather(attempt(1), attempt(2))) == [False, True]


async def test_a_moved_event_moves_what_has_not_started_and_repeats_nothing(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    await load(database, season(event()), now)
    [invitation] = await due(database, datetime(2021, 1, 20, 14, tzinfo=UTC))
    await start(database, invitation)
    before = await plan(database)
    replanned = await load(database, season(event(starts="2021-02-10T15:00")), datetime(2021, 1, 21, tzinfo=UTC))
    after = await plan(database)
    assert after["invitation"] == (before["invitation"][0], PlanState.STARTED)
    assert after["reminder"] == (before["reminder"][0] + timedelta(days=7), PlanState.PLANNED)
    assert [mail.kind for mail in replanned.planned] == ["reminder", "starting-soon", "thanks"]


async def test_a_skipped_mail_is_planned_again_when_its_event_moves_on(
    database: Database, season: Season, event: Make
) -> None:
    late = datetime(2021, 1, 25, tzinfo=UTC)
    await load(database, season(event()), late)
    await load(database, season(event(title="Renamed")), late)
    assert (await states(database))["invitation"] == "skipped"
    await load(database, season(event(starts="2021-03-03T15:00")), late)
    assert (await states(database))["invitation"] == "planned"


async def test_a_mail_that_staff_skipped_stays_skipped(database: Database, season: Season, now: datetime) -> None:
    await load(database, season(), now)
    [mail] = await due(database, datetime(2021, 1, 20, 14, tzinfo=UTC))
    async with database.begin() as connection:
        assert await schedule.skip(connection, mail.event_id, mail.kind)
    await load(database, season(name="Renamed"), now)
    assert (await states(database))["invitation"] == "skipped"


@pytest.mark.parametrize("how", ["cancelled", "removed"])
async def test_nothing_is_planned_for_an_event_that_does_not_take_place(
    database: Database, season: Season, event: Make, now: datetime, how: str
) -> None:
    closing = event("closing", "2021-05-06T11:00")
    await load(database, season(event(), closing), now)
    [invitation] = await due(database, datetime(2021, 1, 20, 14, tzinfo=UTC))
    await start(database, invitation)
    left = (closing,) if how == "removed" else (event(cancelled=True), closing)
    replanned = await load(database, season(*left), now)
    assert len(replanned.withdrawn) == 3
    assert await states(database) == {"invitation": "started"}, "what was sent is still known"
    assert all(mail.slug == "closing" for mail in await due(database, datetime(2022, 1, 1, tzinfo=UTC)))


async def test_a_restored_event_is_planned_again_but_for_what_was_sent(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    await load(database, season(event()), now)
    [invitation] = await due(database, datetime(2021, 1, 20, 14, tzinfo=UTC))
    await start(database, invitation)
    await load(database, season(event(cancelled=True)), now)
    await load(database, season(event()), now)
    assert await states(database) == {
        "invitation": "started",
        "reminder": "planned",
        "starting-soon": "planned",
        "thanks": "planned",
    }


async def test_a_mail_the_file_names_no_more_is_withdrawn(
    database: Database, season: Season, event: Make, mails: tuple[Mail, ...], now: datetime
) -> None:
    await load(database, season(event()), now)
    replanned = await load(database, season(event(mails=mails[:1])), now)
    assert [mail.kind for mail in replanned.withdrawn] == ["reminder", "starting-soon", "thanks"]
    assert await states(database) == {"invitation": "planned"}


async def test_what_became_useless_while_nothing_ran_is_skipped_and_reported(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    await load(database, season(event()), now)
    after_the_start = STARTS + timedelta(minutes=1)
    async with database.begin() as connection:
        late = await schedule.expire(connection, after_the_start)
    assert [mail.kind for mail in late] == ["invitation", "reminder", "starting-soon"]
    assert await due(database, after_the_start) == []
    assert (await states(database))["thanks"] == "planned"


async def test_what_is_late_but_of_use_is_not_expired(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    await load(database, season(event()), now)
    a_little_late = datetime(2021, 1, 20, 15, tzinfo=UTC)
    async with database.begin() as connection:
        assert await schedule.expire(connection, a_little_late) == []
    assert [mail.kind for mail in await due(database, a_little_late)] == [MailKind.INVITATION]


async def test_a_story_is_mailed_once_when_it_is_published(
    database: Database, season: Season, event: Make, now: datetime
) -> None:
    story = event("a-story", "2021-03-10T08:00", hours=0, kind=EventKind.STORY, mails=(Mail(MailKind.STORY),))
    await load(database, season(story), now)
    assert await plan(database, "a-story") == {"story": (datetime(2021, 3, 10, 13, tzinfo=UTC), PlanState.PLANNED)}
