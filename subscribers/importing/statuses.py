"""What programs call the state that somebody is in with them, and why nobody may write to an address."""

import re

from subscribers.suppression import Reason

PENDING = "pending"
NEVER = "never"
"""Somebody who never subscribed to anything."""

_STATUSES = {
    "subscribed": None,
    "active": None,
    "confirmed": None,
    "enabled": None,
    "pending": PENDING,
    "unknown": PENDING,
    "unconfirmed": PENDING,
    "": PENDING,
    "unsubscribed": Reason.UNSUBSCRIBE,
    "left": Reason.UNSUBSCRIBE,
    "suppressed": Reason.UNSUBSCRIBE,
    "blocklisted": Reason.UNSUBSCRIBE,
    "byuser": Reason.UNSUBSCRIBE,
    "bymoderator": Reason.STAFF,
    "disabled": Reason.STAFF,
    "bybounces": Reason.HARD_BOUNCE,
    "cleaned": Reason.HARD_BOUNCE,
    "bounced": Reason.HARD_BOUNCE,
    "complained": Reason.COMPLAINT,
    "spam": Reason.COMPLAINT,
    "neversubscribed": NEVER,
    "nonsubscribed": NEVER,
    "transactional": NEVER,
}
_SUPPRESSED = {
    **{reason.value: reason for reason in Reason},
    **dict.fromkeys(("yes", "true", "1"), Reason.STAFF),
    **dict.fromkeys(("no", "false", "0"), None),
}


def status(text: str) -> Reason | str | None:
    """A cell `status`: PENDING, NEVER, why nobody may write there, or None for who subscribed. Raises KeyError."""
    return _STATUSES[re.sub(r"[\W_]+", "", text.casefold())]


def suppressed(text: str) -> Reason | None:
    """A cell `suppressed`: the reason as we name it, or as others do, yes or no. Raises KeyError."""
    return _SUPPRESSED[text.casefold()]
