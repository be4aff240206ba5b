"""When to offer a deferred message again."""

import random
from datetime import datetime, timedelta

from newsletter.delivery.ledger import State
from newsletter.settings import Delivery

_JITTER = 0.2
_random = random.SystemRandom()


def later(attempts: int, first_at: datetime, now: datetime, settings: Delivery) -> tuple[State, datetime | None]:
    """`deferred` until its next attempt, or `expired` when it has been tried for `give_up_after` since `first_at`.

    Exponential from `retry_first` to `retry_longest`, each ±20 % so that what failed together does not return together.
    """
    if now - first_at >= settings.give_up_after:
        return State.EXPIRED, None
    doublings = min(max(attempts, 1) - 1, 20)
    wait = min(settings.retry_first * float(2**doublings), settings.retry_longest)
    return State.DEFERRED, now + wait * _random.uniform(1 - _JITTER, 1 + _JITTER)


def reconnect_after(failures: int) -> timedelta:
    """How long to leave a relay alone that did not take a connection `failures` times in a row: at most a minute."""
    return timedelta(seconds=min(60.0, 2.0 ** min(failures, 6)) * _random.uniform(1 - _JITTER, 1 + _JITTER))
