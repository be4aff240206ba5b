"""An entry of a provider's suppression list, as the event that it stands for."""

from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

from webhooks import payload
from webhooks.events import LISTED, Event, derived_id
from webhooks.providers.meaning import Meaning


def event(
    provider: str,
    which: str,
    address: str,
    since: Any,
    means: Meaning,
    now: datetime,
    *,
    said: str = "",
    code: str = "",
) -> Event | None:
    """What an entry says, or None for one without an address or without a date, of which nothing can follow.

    `which` names the list it stands in. The same entry always has the same id, and one that was made anew has another.
    """
    at = _instant(since)
    if at is None or "@" not in address:
        return None
    refined = means.refined(said, code)
    return Event(
        provider=provider + LISTED,
        id=derived_id(which, address.lower(), at.isoformat()),
        kind=refined.kind,
        address=address,
        at=min(at, now),
        bounce=refined.bounce,
        reason=refined.reason,
        status=refined.status,
        detail=said or f"on the list of {which}",
    )


def in_path(address: str) -> str:
    """An address as a part of a URL's path."""
    return quote(address, safe="")


def _instant(value: Any) -> datetime | None:
    """A moment as JSON has it, or as mail does (RFC 5322)."""
    found = payload.instant(value)
    if found is None and isinstance(value, str):
        try:
            found = parsedate_to_datetime(value)
        except ValueError:
            return None
        found = found if found.tzinfo else found.replace(tzinfo=UTC)
    return found
