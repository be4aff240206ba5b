"""SparkPost's suppression list, page by page with a cursor.

https://developers.sparkpost.com/api/suppression-list/
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

_PATH = "/api/v1/suppression-list"
_SOURCES = {
    "Bounce Rule": meaning.hard(),
    "Spam Complaint": meaning.COMPLAINED,
    "List Unsubscribe": meaning.UNSUBSCRIBED,
    "Unsubscribe Link": meaning.UNSUBSCRIBED,
}


@dataclass(frozen=True, slots=True)
class SparkPostList:
    """An API key that may read and write suppression lists."""

    name: ClassVar[str] = "sparkpost"
    where: ClassVar[str] = "Recipients → Suppressions"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("api_key", "Account → API Keys → Create API Key, with Suppression Lists: Read/Write"),
    )
    api_key: str = field(default="", repr=False)
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not self.api_key:
            raise NotConfigured("no API key is set for this provider: set webhooks.sparkpost_api_key")
        sign = asking.always({"Authorization": self.api_key})
        return Access(self.api or "https://api.sparkpost.com", "webhooks.sparkpost_api_key", sign)

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry. Raises NotConfigured or Unavailable."""
        async for page in api.pages(f"{_PATH}?cursor=initial&per_page=10000", _next):
            for one in Fields.of(page).children("results"):
                source = one.text("source")
                which = f"{one.text('type')} {source}".strip()
                since = one.data.get("updated") or one.data.get("created")
                means, said = _SOURCES.get(source, meaning.OTHER), one.text("description")
                yield entries.event(self.name, which, one.text("recipient", "email"), since, means, now, said=said)

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off; False if it was not there. Raises NotConfigured or Unavailable."""
        return await api.delete(f"{_PATH}/{entries.in_path(address)}") is not None


def _next(page: Any, _: int) -> str | None:
    """The link called next; SparkPost gives links as a list, or by their names."""
    found = Fields.of(page)
    named = [one.text("href") for one in found.children("links") if one.text("rel") == "next"]
    return next(iter(named), "") or found.child("links").text("next") or None
