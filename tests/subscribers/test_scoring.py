"""Soft bounces: one point a day, five days over two weeks, forgotten after a month or a delivery."""

from datetime import timedelta

import pytest

from subscribers import consent, scoring
from subscribers.suppression import Reason

ANA = "ana@example.org"


async def bounced(people, person, days, hour=0):
    """Whether each soft bounce, on these days after now, suppressed the address."""
    answers = []
    for day in days:
        async with people.database.begin() as connection:
            when = people.now + timedelta(days=day, hours=hour)
            bounce = scoring.Bounce(person, when, source="postmark")
            enough = await scoring.count(connection, [bounce], scoring.Rule())
            answers.append(person in enough and await scoring.suppress(connection, bounce, enough[person]))
    return answers


@pytest.mark.parametrize(
    ("days", "suppressed_at"),
    [
        ([0, 4, 8, 12, 14], 4),
        ([0, 4, 8, 12, 13, 14], 5),
        ([0, 1, 2, 3, 4], None),
        ([0, 0, 0, 14, 14], None),
        ([0, 5, 10, 14], None),
        ([0, 10, 20, 31, 41, 52], None),
        ([0, 20, 25, 31, 33, 34], 5),
    ],
)
async def test_five_distinct_days_over_two_weeks_suppress_and_nothing_less(people, days, suppressed_at):
    person = await people.active(ANA)
    assert await bounced(people, person, days) == [n == suppressed_at for n in range(len(days))]
    assert await people.suppression(ANA) is (None if suppressed_at is None else Reason.SOFT_BOUNCE)


async def test_many_bounces_of_one_day_are_one_point(people):
    person = await people.active(ANA)
    for hour in range(10):
        assert await bounced(people, person, [0, 14], hour=hour) == [False, False]


async def test_a_delivery_forgets_all_points(people):
    person = await people.active(ANA)
    await bounced(people, person, [0, 4, 8, 12])
    async with people.database.begin() as connection:
        await scoring.delivered(connection, [person], people.now.date() + timedelta(days=12))
    assert await bounced(people, person, [14]) == [False]


async def test_a_delivery_forgets_nothing_that_came_after_it(people):
    person = await people.active(ANA)
    await bounced(people, person, [2, 6, 10, 14])
    async with people.database.begin() as connection:
        await scoring.delivered(connection, [person], people.now.date() + timedelta(days=1))
    assert await bounced(people, person, [16]) == [True]


async def test_bounces_count_alike_in_whatever_order_they_are_heard_of(people):
    for number, days in enumerate([[40, 14, 12, 8, 4, 0], [14, 0, 40, 12, 4, 8], [0, 4, 8, 12, 14, 40]]):
        person = await people.active(f"p{number}@example.org")
        assert await bounced(people, person, days) == [day == days[-1 if number < 2 else 4] for day in days]


async def test_the_suppression_is_recorded_with_the_days_that_led_to_it(people):
    person = await people.active(ANA)
    await bounced(people, person, [0, 4, 8, 12, 14])
    async with people.database.read() as connection:
        step = (await consent.evidence(connection, person))[-1]
    assert (step.action, step.actor, step.source) == ("suppressed", "report", "postmark")
    assert len(step.detail["days"]) == 5


async def test_a_bounce_of_someone_who_is_gone_changes_nothing(people):
    assert await bounced(people, 4711, [0, 4, 8, 12, 14]) == [False] * 5
