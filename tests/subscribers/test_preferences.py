"""What a subscriber decides: events, a pause, their name, and the way out, each with its evidence."""

import asyncio
from datetime import timedelta

from subscribers import consent, preferences

ANA = "ana@example.org"


async def test_someone_who_is_not_there_has_no_preferences(people):
    assert await people.preferences(4711) is None


async def test_choosing_events_is_followed_and_recorded(people, database, now):
    person = await people.active(ANA)
    async with database.begin() as connection:
        assert await preferences.choose(
            connection, person, everything=False, followed=["opening", "closing"], muted=[], ip="192.0.2.9", now=now
        )
    chosen = await people.preferences(person)
    assert (chosen.everything, chosen.followed, chosen.muted) == (False, {"opening", "closing"}, frozenset())
    assert await people.mailable("opening") == {ANA}
    assert await people.mailable("equity-lab") == set()
    async with database.read() as connection:
        step = (await consent.evidence(connection, person))[-1]
    assert (step.action, step.ip) == ("changed", "192.0.2.9")
    assert step.detail["before"] == {"everything": True, "followed": [], "muted": []}
    assert step.detail["after"] == {"everything": False, "followed": ["closing", "opening"], "muted": []}


async def test_a_muted_event_is_silent_for_someone_who_follows_everything(people, database, now):
    person = await people.active(ANA)
    async with database.begin() as connection:
        await preferences.choose(connection, person, everything=True, followed=["opening"], muted=["opening"], now=now)
    chosen = await people.preferences(person)
    assert (chosen.followed, chosen.muted) == (frozenset(), {"opening"})
    assert await people.mailable("opening") == set()
    assert await people.mailable("closing") == {ANA}


async def test_choosing_the_same_again_leaves_no_evidence(people, database, now):
    person = await people.active(ANA)
    async with database.begin() as connection:
        assert not await preferences.choose(connection, person, everything=True, followed=[], muted=[], now=now)
        assert len(await consent.evidence(connection, person)) == 2


async def test_a_pause_holds_until_its_end_and_can_be_ended(people, database, now):
    person = await people.active(ANA)
    until = now + timedelta(days=14)
    async with database.begin() as connection:
        assert await preferences.pause(connection, person, until=until, now=now)
        assert not await preferences.pause(connection, person, until=until, now=now)
    assert await people.mailable(now=until - timedelta(seconds=1)) == set()
    assert await people.mailable(now=until) == {ANA}
    async with database.begin() as connection:
        assert await preferences.pause(connection, person, until=None, now=now)
    assert await people.mailable() == {ANA}
    async with database.read() as connection:
        assert [step.action for step in await consent.evidence(connection, person)][2:] == ["paused", "changed"]


async def test_name_language_and_zone_change_alone_or_together(people, database, now):
    person = await people.active(ANA, first_name="Ana", last_name="Núñez")
    async with database.begin() as connection:
        assert await preferences.settle(connection, person, first_name="Anna", timezone="Europe/Berlin", now=now)
        assert not await preferences.settle(connection, person, first_name="Anna", now=now)
        step = (await consent.evidence(connection, person))[-1]
    chosen = await people.preferences(person)
    assert (chosen.first_name, chosen.last_name, chosen.timezone) == ("Anna", "Núñez", "Europe/Berlin")
    assert step.detail["after"] == {"first_name": "Anna", "timezone": "Europe/Berlin"}


async def test_leaving_is_done_once_keeps_the_choices_and_says_why(people, database, now):
    person = await people.active(ANA, topics=("opening",))
    async with database.begin() as connection:
        assert await preferences.leave(connection, person, source="page", reason="too many mails", now=now)
        assert not await preferences.leave(connection, person, source="one-click", now=now)
        step = (await consent.evidence(connection, person))[-1]
    assert (step.action, step.source, step.detail) == ("left", "page", {"reason": "too many mails"})
    assert (await people.preferences(person)).followed == {"opening"}
    assert await people.mailable() == set()


async def test_someone_who_never_confirmed_may_leave_too(people):
    person = await people.pending(ANA)
    assert await people.leave(person)
    assert await people.confirm(person) is False


async def test_changing_what_is_not_there_changes_nothing(people, database, now):
    async with database.begin() as connection:
        assert not await preferences.choose(connection, 9, everything=True, followed=[], muted=[], now=now)
        assert not await preferences.pause(connection, 9, until=now, now=now)
        assert not await preferences.settle(connection, 9, first_name="Ana", now=now)
        assert not await preferences.leave(connection, 9, source="page", now=now)


async def test_of_many_leavings_at_once_one_is_the_first(people):
    person = await people.active(ANA)
    assert sorted(await asyncio.gather(*[people.leave(person) for _ in range(8)])) == [False] * 7 + [True]
