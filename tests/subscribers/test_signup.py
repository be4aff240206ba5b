"""Joining: the double opt-in, and what a stranger cannot do with somebody's address."""

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from subscribers import consent, preferences, scoring
from subscribers.signup import ConfirmationDue, LinkDue, NothingDue
from subscribers.suppression import Reason
from subscribers.tables import bounce_score, choice, subscriber
from subscribers.tables import consent as consent_table

ANA = "ana@example.org"


async def test_someone_new_is_pending_until_they_confirm(people):
    outcome = await people.join(ANA, first_name="Ana")
    assert isinstance(outcome, ConfirmationDue)
    assert await people.status(ANA) == "pending"
    assert await people.mailable() == set()
    assert await people.confirm(outcome.subscriber_id) is True
    assert await people.status(ANA) == "active"
    assert await people.mailable() == {ANA}


async def test_confirming_again_changes_nothing_and_adds_no_evidence(people, database):
    person = await people.active(ANA)
    assert await people.confirm(person) is False
    async with database.read() as connection:
        assert [step.action for step in await consent.evidence(connection, person)] == ["requested", "confirmed"]


async def test_joining_without_naming_events_is_the_whole_constellation(people):
    person = await people.pending(ANA)
    chosen = await people.preferences(person)
    assert chosen.everything
    assert not chosen.followed


async def test_asking_again_before_confirming_renews_the_choices_and_leaves_evidence(people, database):
    person = await people.pending(ANA, topics=("opening",), first_name="Ana")
    assert await people.join("ANA@EXAMPLE.org", topics=("closing",), timezone="Europe/Berlin") == ConfirmationDue(
        person
    )
    chosen = await people.preferences(person)
    assert (chosen.everything, chosen.followed) == (False, {"closing"})
    assert (chosen.first_name, chosen.timezone, chosen.address) == ("Ana", "Europe/Berlin", ANA)
    async with database.read() as connection:
        assert len(await consent.evidence(connection, person)) == 2


async def test_asking_again_adds_to_the_fields_that_are_known_and_takes_none_away(people, database):
    person = await people.pending("ana@example.org", fields={"role": "student", "school": "Quay"})
    await people.join("ana@example.org", fields={"role": "teacher"})
    await people.join("ana@example.org")
    async with database.read() as connection:
        known = await connection.scalar(select(subscriber.c.fields).where(subscriber.c.id == person))
    assert known == {"role": "teacher", "school": "Quay"}


async def test_joining_when_already_in_changes_nothing_of_theirs_and_sends_their_link(people, database):
    person = await people.active(ANA, topics=("opening",), first_name="Ana")
    before = await people.preferences(person)
    assert await people.join(ANA, topics=("closing",), first_name="Mallory", locale="fr") == LinkDue(person)
    assert await people.preferences(person) == before
    async with database.read() as connection:
        assert len(await consent.evidence(connection, person)) == 2


async def test_a_stranger_cannot_bring_back_someone_who_left(people):
    person = await people.left(ANA)
    before = await people.preferences(person)
    assert await people.join(ANA, topics=("closing",)) == ConfirmationDue(person)
    assert await people.preferences(person) == before
    assert await people.mailable() == set()


async def test_someone_who_left_and_confirms_a_fresh_request_is_back_with_what_they_asked_for(people):
    person = await people.left(ANA)
    await people.join(ANA, topics=("closing",))
    assert await people.confirm(person) is True
    chosen = await people.preferences(person)
    assert (chosen.status, chosen.everything, chosen.followed) == ("active", False, {"closing"})
    assert await people.mailable("closing") == {ANA}
    assert await people.mailable("opening") == set()


async def test_someone_who_comes_back_gets_mail_at_once_whatever_pause_they_took_before(people, database, now):
    person = await people.active(ANA)
    async with database.begin() as connection:
        await preferences.pause(connection, person, until=now + timedelta(days=60), now=now)
    await people.leave(person)
    await people.join(ANA)
    assert (await people.preferences(person)).paused_until is not None
    await people.confirm(person)
    assert (await people.preferences(person)).paused_until is None
    assert await people.mailable() == {ANA}
    async with database.read() as connection:
        steps = await consent.evidence(connection, person)
    assert (steps[-1].action, steps[-1].detail) == ("confirmed", {"paused_until": None})


async def test_an_old_confirmation_link_does_not_bring_back_someone_who_left_since(people):
    person = await people.left(ANA)
    assert await people.confirm(person) is False
    assert await people.status(ANA) == "left"


@pytest.mark.parametrize("reason", [r for r in Reason if r not in (Reason.STAFF, Reason.REFUSED)])
async def test_a_suppressed_person_comes_back_only_by_a_fresh_request_and_confirmation(people, now, reason):
    person = await people.active(ANA)
    await people.suppress(ANA, reason, now=now + timedelta(days=1))
    assert await people.confirm(person, now=now + timedelta(days=2)) is False
    assert await people.mailable() == set()
    assert await people.join(ANA, now=now + timedelta(days=3)) == ConfirmationDue(person)
    assert await people.mailable() == set()
    assert await people.suppression(ANA) is reason
    assert await people.confirm(person, now=now + timedelta(days=3)) is True
    assert await people.suppression(ANA) is None
    assert await people.mailable() == {ANA}


@pytest.mark.parametrize("reason", [Reason.STAFF, Reason.REFUSED])
async def test_a_refused_address_is_left_in_peace_and_nothing_of_it_is_kept(people, database, reason):
    await people.suppress(ANA, reason)
    assert await people.join(ANA) == NothingDue()
    assert await people.status(ANA) is None


async def test_a_refusal_after_the_request_wins_over_the_confirmation(people):
    person = await people.pending(ANA)
    await people.suppress(ANA, Reason.REFUSED)
    assert await people.confirm(person) is False
    assert await people.status(ANA) == "pending"


async def test_a_confirmation_that_bounced_and_yet_arrived_counts(people, now):
    person = await people.pending(ANA)
    await people.suppress(ANA, Reason.HARD_BOUNCE, now=now + timedelta(minutes=1))
    assert await people.confirm(person, now=now + timedelta(minutes=2)) is True
    assert await people.mailable() == {ANA}


async def test_confirming_forgets_soft_bounces(people, database, now):
    person = await people.pending(ANA)
    async with database.begin() as connection:
        await scoring.count(connection, [scoring.Bounce(person, now)], scoring.Rule())
    await people.confirm(person)
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(bounce_score)) == 0


async def test_nobody_is_not_confirmed(people):
    assert await people.confirm(4711) is False


async def test_many_requests_at_once_make_one_subscriber(people, database):
    outcomes = await asyncio.gather(*[people.join(ANA, topics=(f"event-{n}",)) for n in range(8)])
    assert len({outcome.subscriber_id for outcome in outcomes}) == 1
    async with database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(subscriber)) == 1
        assert await connection.scalar(select(func.count()).select_from(choice)) == 1
        assert await connection.scalar(select(func.count()).select_from(consent_table)) == 8


async def test_of_many_confirmations_at_once_one_is_the_first(people, database):
    person = await people.pending(ANA)
    assert sorted(await asyncio.gather(*[people.confirm(person) for _ in range(8)])) == [False] * 7 + [True]
    async with database.read() as connection:
        assert [step.action for step in await consent.evidence(connection, person)] == ["requested", "confirmed"]


async def test_joining_and_confirming_at_once_never_undo_a_confirmation(people):
    person = await people.pending(ANA)
    await asyncio.gather(*[people.confirm(person) if n % 2 else people.join(ANA) for n in range(8)])
    assert await people.status(ANA) == "active"
    assert await people.mailable() == {ANA}


async def test_leaving_and_joining_at_once_never_make_anyone_mailable(people):
    person = await people.active(ANA)
    await asyncio.gather(*[people.leave(person) if n == 3 else people.join(ANA) for n in range(8)])
    assert await people.mailable() == set()
