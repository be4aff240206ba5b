"""When to offer a deferred message again."""

import random
from datetime import datetime, timedelta

from newsletter.delivery.ledger import State
from newsletter.setting_tables import Delivery
from webhooks import classification
from webhooks.events import Reason

SOONEST = {
    Reason.GREYLISTED: timedelta(minutes=5),  # what most greylists ask for at least
    Reason.RATE_LIMITED: timedelta(minutes=15),
    Reason.MAILBOX_FULL: timedelta(hours=1),  # somebody has to tidy up
}
"""How soon a message is offered again at the earliest, by what its reply says."""

_JITTER = 0.2
_random = random.SystemRandom()


def later(
    attempts: int, first_at: datetime, now: datetime, settings: Delivery, reply: str = ""
) -> tuple[State, datetime | None]:
    """`deferred` until its next attempt, or `expired` when it has been tried for `give_up_after` since `first_at`.

    Exponential from `retry_first` to `retry_longest`, no sooner than the reply calls for, and each ±20 % so that what
    failed together does not return together.
    """
    if now - first_at >= settings.give_up_after:
        return State.EXPIRED, None
    doublings = min(max(attempts, 1) - 1, 20)
    wait = min(settings.retry_first * float(2**doublings), settings.retry_longest)
    if reply:
        wait = max(wait, SOONEST.get(classification.classify("", reply).reason, wait))
    return State.DEFERRED, now + wait * _random.uniform(1 - _JITTER, 1 + _JITTER)


def reconnect_after(failures: int) -> timedelta:
    """How long to leave a relay alone that did not take a connection `failures` times in a row: at most a minute."""
    return timedelta(seconds=min(60.0, 2.0 ** min(failures, 6)) * _random.uniform(1 - _JITTER, 1 + _JITTER))


def ask_again_after(refusals: int) -> timedelta:
    """How long to leave a relay alone that refuses all of our mail, found `refusals` times: a minute, then longer.

    At most a quarter of an hour: it changes only when somebody does something, and servers ban who comes too often.
    """
    return timedelta(minutes=min(15.0, 2.0 ** (min(refusals, 5) - 1)) * _random.uniform(1 - _JITTER, 1 + _JITTER))
