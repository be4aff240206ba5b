"""Where a delivery may stand."""

from enum import StrEnum


class State(StrEnum):
    """Where a delivery stands; the table's CHECK has the same names."""

    QUEUED = "queued"
    SENDING = "sending"
    SENT = "sent"
    DEFERRED = "deferred"
    REFUSED = "refused"
    EXPIRED = "expired"
    SUPPRESSED = "suppressed"
    UNCERTAIN = "uncertain"
    CANCELLED = "cancelled"
