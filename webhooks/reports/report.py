"""What a mail that came back says, as a value."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from webhooks.events import BounceClass, Reason


class ReportKind(StrEnum):
    """What a mail to our return address is. A notice of delay is `other`: nothing has failed yet."""

    BOUNCE = "bounce"
    COMPLAINT = "complaint"
    UNSUBSCRIBE = "unsubscribe"
    AUTO_REPLY = "auto-reply"
    DELIVERED = "delivered"
    OTHER = "other"


class Action(StrEnum):
    """What became of the mail for one recipient (RFC 3464 2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    REPORTED = "reported"
    """A complaint or an unsubscribe: the mail had arrived."""


@dataclass(frozen=True, slots=True)
class Recipient:
    """One recipient of a report. `bounce` is None where nothing failed; `status` is an enhanced code, or empty."""

    address: str
    action: Action
    bounce: BounceClass | None = None
    reason: Reason = Reason.UNKNOWN
    status: str = ""
    diagnostic: str = ""


@dataclass(frozen=True, slots=True)
class Report:
    """A mail that came back, read.

    `tokens` are candidates, the most trustworthy first; only the holder of the keys can say which is genuine, and
    nothing may be done without one that is. `sender` is who wrote the mail. `id` is the same when it is read again.
    `at` is its date, never after the moment of reading.
    """

    kind: ReportKind
    id: str
    at: datetime
    sender: str = ""
    subject: str = ""
    recipients: tuple[Recipient, ...] = ()
    tokens: tuple[str, ...] = ()
