"""When a deferred message is offered again."""

from datetime import datetime, timedelta

import pytest

from newsletter.delivery import backoff
from newsletter.delivery.ledger import State
from newsletter.setting_tables import Delivery

POLICY = Delivery(retry_first=timedelta(minutes=2), retry_longest=timedelta(hours=1), give_up_after=timedelta(days=1))


def test_waiting_doubles_within_a_fifth_and_stops_growing_at_the_longest(now: datetime) -> None:
    for attempts, minutes in [(1, 2), (2, 4), (3, 8), (5, 32), (6, 60), (40, 60)]:
        for _ in range(20):
            state, due_at = backoff.later(attempts, now, now, POLICY)
            assert state is State.DEFERRED
            assert due_at is not None
            assert timedelta(minutes=minutes * 0.8) <= due_at - now <= timedelta(minutes=minutes * 1.2)


def test_what_failed_together_does_not_return_together(now: datetime) -> None:
    assert len({backoff.later(3, now, now, POLICY)[1] for _ in range(20)}) > 10


def test_after_its_time_a_message_is_given_up(now: datetime) -> None:
    assert backoff.later(40, now - timedelta(days=1), now, POLICY) == (State.EXPIRED, None)


@pytest.mark.parametrize("reply", ["450 4.2.0 not now", "452 4.2.2 The email account is over quota"])
def test_a_message_whose_turn_came_late_is_tried_for_as_long_as_any_other(now: datetime, reply: str) -> None:
    """As when a relay is warmed up for days, or a campaign was paused over a weekend."""
    began, offered, attempts, state = now - timedelta(days=4), now, 0, State.DEFERRED
    while state is State.DEFERRED:
        attempts, last = attempts + 1, now
        state, due_at = backoff.later(attempts, began, now, POLICY, reply)
        now = due_at or now
    assert timedelta(days=1) * 2 / 3 <= last - offered <= timedelta(days=1) * 3 / 2


@pytest.mark.parametrize(
    ("reply", "minutes"),
    [
        ("450 4.7.1 <a@example.org>: Recipient address rejected: Greylisted, see help", 5),
        ("452 4.2.2 The email account that you tried to reach is over quota", 60),
        ("421 4.7.28 Our system has detected an unusual rate of mail: too many messages", 15),
        ("451 4.3.0 Something is wrong here", 2),
        ("", 2),
    ],
)
def test_a_reply_says_how_soon_it_is_worth_trying_again(now: datetime, reply: str, minutes: int) -> None:
    _, due_at = backoff.later(1, now, now, POLICY, reply)
    assert due_at is not None
    assert timedelta(minutes=minutes * 0.8) <= due_at - now <= timedelta(minutes=minutes * 1.2)
