"""Addresses never to be mailed: the stronger reason stays, whatever order the reports come in."""

from datetime import timedelta
from itertools import permutations, product

import pytest

from subscribers import suppression
from subscribers.suppression import Finding, Reason


def test_the_hash_depends_on_the_key_and_on_nothing_but_the_normal_form():
    one = suppression.address_hash("ana@example.org", "k" * 40)
    assert one == suppression.address_hash("ana@example.org", "k" * 40)
    assert len(one) == 32
    assert one != suppression.address_hash("ana@example.org", "x" * 40)
    assert one != suppression.address_hash("ben@example.org", "k" * 40)


def test_a_key_longer_than_the_hash_takes_still_counts_in_full():
    assert suppression.address_hash("a", "k" * 200) != suppression.address_hash("a", "k" * 201)


async def test_an_address_is_suppressed_once(people):
    assert await people.suppression("ana@example.org") is None
    assert await people.suppress("ana@example.org", Reason.COMPLAINT) is True
    assert await people.suppress("ANA@example.org", Reason.COMPLAINT) is False
    assert await people.suppression("ana@example.org") is Reason.COMPLAINT


async def test_a_stronger_reason_replaces_a_weaker_one_and_never_the_other_way_round(people, database, now):
    order = list(Reason)
    async with database.begin() as connection:
        for first, second in product(order, order):
            key = f"{first}/{second}"
            await suppression.suppress(connection, key, first, at=now, source="first")
            await suppression.suppress(connection, key, second, at=now, source="second")
            expected = max(first, second, key=order.index)
            assert await suppression.find(connection, key) is expected, key


@pytest.mark.parametrize("reason", Reason)
async def test_joining_again_lifts_all_but_a_refusal_and_a_decision_of_staff(people, database, reason):
    await people.suppress("ana@example.org", reason)
    async with database.begin() as connection:
        lifted = await suppression.lift(connection, people.hash("ana@example.org"))
        assert lifted is (reason not in (Reason.REFUSED, Reason.STAFF))
        assert await suppression.lift(connection, people.hash("ana@example.org")) is False


@pytest.mark.parametrize("reason", Reason)
async def test_staff_undo_bounces_and_their_own_decisions_but_nobody_s_own_word(people, database, reason):
    await people.suppress("ana@example.org", reason, now=people.now - timedelta(days=1))
    async with database.begin() as connection:
        released = await suppression.release(connection, people.hash("ana@example.org"))
    assert released is (reason in (Reason.SOFT_BOUNCE, Reason.HARD_BOUNCE, Reason.STAFF))
    assert await people.suppression("ana@example.org") is (None if released else reason)


@pytest.mark.parametrize("word", sorted(suppression.OWN_WORD))
@pytest.mark.parametrize("is_first", [True, False])
async def test_what_somebody_said_counts_again_once_staff_undo_their_own_decision(people, database, word, is_first):
    said, decided = (people.now, people.now + timedelta(days=1))
    order = [(word, said), (Reason.STAFF, decided)]
    for reason, at in order if is_first else reversed(order):
        await people.suppress("ana@example.org", reason, now=at)
    assert await people.suppression("ana@example.org") is Reason.STAFF
    async with database.begin() as connection:
        assert await suppression.lift(connection, people.hash("ana@example.org")) is False
        assert await suppression.release(connection, people.hash("ana@example.org")) is True
        found = await suppression.finding_of_hash(connection, people.hash("ana@example.org"))
        assert (found.reason, found.own_word) == (word, None)
        assert found.at == (said if is_first else decided)
        assert await suppression.release(connection, people.hash("ana@example.org")) is False
        assert await suppression.lift(connection, people.hash("ana@example.org")) is True


async def test_the_strongest_of_what_somebody_said_is_kept_below_a_decision_of_staff(people, database, now):
    for order in permutations([Reason.UNSUBSCRIBE, Reason.STAFF, Reason.ERASED, Reason.HARD_BOUNCE]):
        key = "/".join(order)
        findings = [Finding(key, reason, now) for reason in order]
        async with database.begin() as connection:
            await suppression.suppress_all(connection, [findings[0]])
            await suppression.suppress_all(connection, findings[1:])
            found = await suppression.finding_of_hash(connection, key)
            assert (found.reason, found.own_word, found.at) == (Reason.STAFF, Reason.ERASED, now), key


async def test_a_refusal_needs_nothing_below_it(people, database):
    for reason in (Reason.COMPLAINT, Reason.STAFF, Reason.REFUSED):
        await people.suppress("ana@example.org", reason)
    async with database.begin() as connection:
        found = await suppression.finding_of_hash(connection, people.hash("ana@example.org"))
        assert (found.reason, found.own_word) == (Reason.REFUSED, None)
        assert await suppression.release(connection, found.address) is False
