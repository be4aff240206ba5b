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
    """`deferred` until its next attempt, or `expired` when it has been tried for `give_up_after`.

    `first_at` is the earliest moment at which it can have been offered. One that waited for its turn after that, as
    long as a relay was warmed up, has been tried for as long as the pauses between its attempts at most.

    Exponential from `retry_first` to `retry_longest`, no sooner than the reply calls for, and each ±20 % so that what
    failed together does not return together.
    """
    soonest = SOONEST.get(classification.classify("", reply).reason, timedelta()) if reply else timedelta()
    pauses = [_pause(number, settings, soonest) for number in range(1, max(attempts, 1) + 1)]
    tried_for = min(now - first_at, sum(pauses[:-1], timedelta()) * (1 + _JITTER))
    if tried_for >= settings.give_up_after:
        return State.EXPIRED, None
    return State.DEFERRED, now + pauses[-1] * _random.uniform(1 - _JITTER, 1 + _JITTER)


def _pause(attempt: int, settings: Delivery, soonest: timedelta) -> timedelta:
    doublings = min(attempt - 1, 20)
    return max(min(settings.retry_first * float(2**doublings), settings.retry_longest), soonest)


def reconnect_after(failures: int) -> timedelta:
    """How long to leave a relay alone that did not take a connection `failures` times in a row: at most a minute."""
    return timedelta(seconds=min(60.0, 2.0 ** min(failures, 6)) * _random.uniform(1 - _JITTER, 1 + _JITTER))


def ask_again_after(refusals: int) -> timedelta:
    """How long to leave a relay alone that refuses all of our mail, found `refusals` times: a minute, then longer.

    At most a quarter of an hour: it changes only when somebody does something, and servers ban who comes too often.
    """
    return timedelta(minutes=min(15.0, 2.0 ** (min(refusals, 5) - 1)) * _random.uniform(1 - _JITTER, 1 + _JITTER))
