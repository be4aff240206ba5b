"""SendGrid's suppressions: bounces, invalid addresses, spam reports and global unsubscribes, each a list of its own.

Blocks are left out: SendGrid goes on mailing those. So are unsubscribe groups, which are about some mails only.

https://www.twilio.com/docs/sendgrid/api-reference/bounces-api
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

_LISTS = {
    "bounces": meaning.hard(),
    "invalid_emails": meaning.hard(),
    "spam_reports": meaning.COMPLAINED,
    "unsubscribes": meaning.UNSUBSCRIBED,
}
_OF_BOUNCES = ("bounces", "invalid_emails")
_PAGE = 500


@dataclass(frozen=True, slots=True)
class SendGridList:
    """An API key with access to Suppressions."""

    name: ClassVar[str] = "sendgrid"
    where: ClassVar[str] = "Suppressions → Bounces"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("api_key", "Settings → API Keys → Create API Key, restricted, with full access to Suppressions"),
    )
    api_key: str = field(default="", repr=False)
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not self.api_key:
            raise NotConfigured("no API key is set for this provider: set webhooks.sendgrid_api_key")
        return Access(self.api or "https://api.sendgrid.com", "webhooks.sendgrid_api_key", asking.bearer(self.api_key))

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry. Raises NotConfigured or Unavailable."""
        for which, means in _LISTS.items():
            path = f"/v3/suppression/{which}?limit={_PAGE}"

            def following(page: Any, number: int, path: str = path) -> str | None:
                is_full = isinstance(page, list) and len(page) >= _PAGE
                return f"{path}&offset={number * _PAGE}" if is_full else None

            async for page in api.pages(f"{path}&offset=0", following):
                for one in Fields({"entries": page}).children("entries"):
                    said, code, since = one.text("reason"), one.text("status"), one.data.get("created")
                    yield entries.event(self.name, which, one.text("email"), since, means, now, said=said, code=code)

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off the lists of bounces; False if it was on none. Raises NotConfigured or Unavailable."""
        gone = [await api.delete(f"/v3/suppression/{which}/{entries.in_path(address)}") for which in _OF_BOUNCES]
        return any(answer is not None for answer in gone)
