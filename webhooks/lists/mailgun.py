"""Mailgun's suppressions of a domain: bounces, complaints and unsubscribes, whose pages name the next one by its URL.

https://documentation.mailgun.com/docs/mailgun/api-reference/send/mailgun/bounces
"""

import base64
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

_LISTS = {"bounces": meaning.hard(), "complaints": meaning.COMPLAINED, "unsubscribes": meaning.UNSUBSCRIBED}


@dataclass(frozen=True, slots=True)
class MailgunList:
    """An API key, and the sending domain whose lists they are."""

    name: ClassVar[str] = "mailgun"
    where: ClassVar[str] = "Sending → Suppressions → the domain"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("api_key", "the account's menu → API Security → API keys (a sending key will not do)"),
        Key("domain", "Sending → Domains, as in mg.example.org"),
    )
    api_key: str = field(default="", repr=False)
    domain: str = ""
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not (self.api_key and self.domain):
            raise NotConfigured("no API key is set for this provider: set webhooks.mailgun_api_key and mailgun_domain")
        login = base64.b64encode(f"api:{self.api_key}".encode()).decode()
        sign = asking.always({"Authorization": f"Basic {login}"})
        return Access(self.api or "https://api.mailgun.net", "webhooks.mailgun_api_key and mailgun_domain", sign)

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry. Raises NotConfigured or Unavailable."""
        for which, means in _LISTS.items():
            async for page in api.pages(f"{self._path(which)}?limit=1000", _next):
                for one in Fields.of(page).children("items"):
                    said = " ".join(filter(None, [one.text("code"), one.text("error")]))
                    since = one.data.get("created_at")
                    yield entries.event(self.name, which, one.text("address"), since, means, now, said=said)

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off the bounces; False if it was not there. Raises NotConfigured or Unavailable."""
        return await api.delete(f"{self._path('bounces')}/{entries.in_path(address)}") is not None

    def _path(self, which: str) -> str:
        return f"/v3/{entries.in_path(self.domain)}/{which}"


def _next(page: Any, _: int) -> str | None:
    """Mailgun names a next page after the last one too, which is empty."""
    found = Fields.of(page)
    return found.child("paging").text("next") or None if found.children("items") else None
