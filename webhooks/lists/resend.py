"""Resend's suppressions.

https://resend.com/docs/api-reference/suppressions/list-suppressions
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

_PATH = "/suppressions"
_ORIGINS = {"bounce": meaning.hard(), "complaint": meaning.COMPLAINED}


@dataclass(frozen=True, slots=True)
class ResendList:
    """An API key with full access."""

    name: ClassVar[str] = "resend"
    where: ClassVar[str] = "Emails → Suppressions"
    keys: ClassVar[tuple[Key, ...]] = (Key("api_key", "API Keys → Create API Key, with full access"),)
    api_key: str = field(default="", repr=False)
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not self.api_key:
            raise NotConfigured("no API key is set for this provider: set webhooks.resend_api_key")
        return Access(
            self.api or "https://api.resend.com",
            "webhooks.resend_api_key",
            asking.bearer(self.api_key),
            refusal=b"API key is invalid",  # with 400
        )

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry. Raises NotConfigured or Unavailable."""
        async for page in api.pages(f"{_PATH}?limit=100", _next):
            for one in Fields.of(page).children("data"):
                means, since = _ORIGINS.get(one.text("origin"), meaning.OTHER), one.data.get("created_at")
                yield entries.event(self.name, one.text("origin"), one.text("email"), since, means, now)

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off; False if it was not there. Raises NotConfigured or Unavailable."""
        return await api.delete(f"{_PATH}/{entries.in_path(address)}") is not None


def _next(page: Any, _: int) -> str | None:
    found = Fields.of(page)
    rows = found.children("data")
    last = rows[-1].text("id") if rows and found.true("has_more") else ""
    return f"{_PATH}?limit=100&after={entries.in_path(last)}" if last else None
