"""One vocabulary for whatever any provider or mailbox reports; an event is a value that survives JSON unchanged."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

LISTED = "/list"
"""Ends the name of a provider whose suppression list told us, rather than a report of a mail of ours."""


class Kind(StrEnum):
    """What happened to a mail of ours."""

    DELIVERED = "delivered"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    UNSUBSCRIBED = "unsubscribed"
    AUTO_REPLIED = "auto-replied"
    DEFERRED = "deferred"
    OTHER = "other"


class BounceClass(StrEnum):
    """Whose fault a bounce is, and whether it lasts.

    `hard`: there is no such mailbox, and there will not be. `soft`: it exists and may take mail later.
    `block`: the receiver objects to us or to this mail, and the person has nothing to do with it.
    """

    HARD = "hard"
    SOFT = "soft"
    BLOCK = "block"


class Reason(StrEnum):
    """Why a mail bounced."""

    NO_SUCH_USER = "no-such-user"
    NO_SUCH_DOMAIN = "no-such-domain"
    MAILBOX_FULL = "mailbox-full"
    MAILBOX_DISABLED = "mailbox-disabled"
    MOVED = "moved"
    TOO_BIG = "too-big"
    RATE_LIMITED = "rate-limited"
    GREYLISTED = "greylisted"
    POLICY = "policy"
    AUTHENTICATION = "authentication"
    CONTENT = "content"
    VIRUS = "virus"
    REPUTATION = "reputation"
    RELAY_DENIED = "relay-denied"
    NETWORK = "network"
    EXPIRED = "expired"
    SYSTEM = "system"
    SUPPRESSED = "suppressed"
    """The provider did not try, because the address stands on a list of its own."""
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing reported of one address.

    `id` is unique within `provider`: a report delivered twice carries it twice. `token` is our delivery token where
    the report carries it, not yet checked. `bounce` is set for bounces and deferrals. `status` is an enhanced code
    (RFC 3463), such as 5.1.1. `at` is aware.
    """

    provider: str
    id: str
    kind: Kind
    address: str
    at: datetime
    token: str | None = None
    bounce: BounceClass | None = None
    reason: Reason = Reason.UNKNOWN
    status: str = ""
    detail: str = ""

    def __post_init__(self) -> None:
        if self.at.tzinfo is None:
            raise ValueError("an event's time needs a time zone")

    @property
    def source(self) -> str:
        """Who reported it, and its id there, as evidence names it."""
        return f"{self.provider}:{self.id}"

    @property
    def is_listed(self) -> bool:
        """Whether it was read in a provider's suppression list, for which our key at that provider is the proof."""
        return self.provider.endswith(LISTED)


def to_json(event: Event) -> dict[str, Any]:
    """The event as plain JSON values, all keys always present."""
    return {
        "provider": event.provider,
        "id": event.id,
        "kind": event.kind.value,
        "address": event.address,
        "at": event.at.isoformat(),
        "token": event.token,
        "bounce": event.bounce.value if event.bounce else None,
        "reason": event.reason.value,
        "status": event.status,
        "detail": event.detail,
    }


def from_json(data: dict[str, Any]) -> Event:
    """The event that `to_json` wrote. Raises KeyError or ValueError on anything else."""
    return Event(
        provider=data["provider"],
        id=data["id"],
        kind=Kind(data["kind"]),
        address=data["address"],
        at=datetime.fromisoformat(data["at"]),
        token=data["token"],
        bounce=BounceClass(data["bounce"]) if data["bounce"] else None,
        reason=Reason(data["reason"]),
        status=data["status"],
        detail=data["detail"],
    )


def derived_id(*parts: object) -> str:
    """An id for a report that has none of its own: the same parts give the same id."""
    text = "\x1f".join(str(part) for part in parts)
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
