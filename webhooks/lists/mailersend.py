"""MailerSend's suppressions of every domain of the account: hard bounces, spam complaints and unsubscribes.

What is on its blocklist was put there by the account's own people, and who is on hold is held for a while only.

https://developers.mailersend.com/api/v1/recipients.html
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

_BOUNCES = "hard-bounces"
_LISTS = {
    _BOUNCES: meaning.hard(),
    "spam-complaints": meaning.COMPLAINED,
    "unsubscribes": meaning.UNSUBSCRIBED,
}


@dataclass(frozen=True, slots=True)
class MailerSendList:
    """An API token with access to recipients."""

    name: ClassVar[str] = "mailersend"
    where: ClassVar[str] = "Email → Suppressions"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("api_token", "Integrations → API tokens → Generate new token, with Recipients: full access"),
    )
    api_token: str = field(default="", repr=False)
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not self.api_token:
            raise NotConfigured("no API key is set for this provider: set webhooks.mailersend_api_token")
        sign = asking.bearer(self.api_token)
        return Access(self.api or "https://api.mailersend.com", "webhooks.mailersend_api_token", sign)

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry. Raises NotConfigured or Unavailable."""
        for which, means in _LISTS.items():
            async for one in _rows(api, which):
                address, since = one.child("recipient").text("email"), one.data.get("created_at")
                domain = one.child("recipient", "domain").text("name")
                said = one.text("readable_reason", "reason")
                yield entries.event(self.name, f"{which} {domain}".strip(), address, since, means, now, said=said)

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off the bounces; False if it was not there. Raises NotConfigured or Unavailable.

        MailerSend knows entries by their ids alone, so they are looked for first, one for each domain.
        """
        found = [
            one.text("id")
            async for one in _rows(api, _BOUNCES)
            if one.child("recipient").text("email").casefold() == address.casefold()
        ]
        return bool(found) and await api.delete(_path(_BOUNCES), {"ids": found}) is not None


async def _rows(api: Api, which: str) -> AsyncIterator[Fields]:
    """The rows of a list, page after page."""

    def following(page: Any, number: int) -> str | None:
        return f"{_path(which)}?limit=100&page={number + 1}" if Fields.of(page).child("links").text("next") else None

    async for page in api.pages(f"{_path(which)}?limit=100&page=1", following):
        for one in Fields.of(page).children("data"):
            yield one


def _path(which: str) -> str:
    return f"/v1/suppressions/{which}"
