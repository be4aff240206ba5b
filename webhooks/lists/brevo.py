"""Brevo's transactional contacts that are blocked or unsubscribed.

https://developers.brevo.com/reference/get-transac-blocked-contacts
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from webhooks import asking
from webhooks.asking import Access, Api
from webhooks.errors import NotConfigured
from webhooks.events import Event
from webhooks.lists import entries
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Key

_PATH = "/v3/smtp/blockedContacts"
_PAGE = 100
_REASONS = {
    "hardBounce": meaning.hard(),
    "contactFlaggedAsSpam": meaning.COMPLAINED,
    "unsubscribedViaMA": meaning.UNSUBSCRIBED,
    "unsubscribedViaEmail": meaning.UNSUBSCRIBED,
}
"""By code. adminBlocked and unsubscribedViaApi were done by the account's own people or programs."""


@dataclass(frozen=True, slots=True)
class BrevoList:
    """An API key of version 3."""

    name: ClassVar[str] = "brevo"
    where: ClassVar[str] = "Transactional → Settings → Blocked contacts"
    keys: ClassVar[tuple[Key, ...]] = (Key("api_key", "Settings → SMTP & API → API Keys (not the SMTP key)"),)
    api_key: str = field(default="", repr=False)
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not self.api_key:
            raise NotConfigured("no API key is set for this provider: set webhooks.brevo_api_key")
        return Access(
            self.api or "https://api.brevo.com", "webhooks.brevo_api_key", asking.always({"api-key": self.api_key})
        )

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry, oldest first, so that what is added meanwhile moves none. Raises as `Api.get`."""
        async for page in api.pages(f"{_PATH}?limit={_PAGE}&offset=0&sort=asc", _next):
            for one in Fields.of(page).children("contacts"):
                reason = one.child("reason")
                means, since = _REASONS.get(reason.text("code"), meaning.OTHER), one.data.get("blockedAt")
                which = f"{reason.text('code')} {one.text('senderEmail')}".strip()
                yield entries.event(self.name, which, one.text("email"), since, means, now, said=reason.text("message"))

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off; False if it was not there. Raises NotConfigured or Unavailable."""
        return await api.delete(f"{_PATH}/{entries.in_path(address)}") is not None


def _next(page: Any, number: int) -> str | None:
    is_full = len(Fields.of(page).children("contacts")) >= _PAGE
    return f"{_PATH}?limit={_PAGE}&offset={number * _PAGE}&sort=asc" if is_full else None
