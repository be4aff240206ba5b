"""Mandrill's denylist of rejections: no more than the thousand entries that its API gives.

The key goes into each request's body, and the bodies alone say when it is not taken.

https://mailchimp.com/developer/transactional/api/rejects/
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar

from webhooks import asking
from webhooks.asking import Access, Api
from webhooks.errors import NotConfigured, Unavailable
from webhooks.events import Event
from webhooks.lists import entries
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Key

_REASONS = {
    "hard-bounce": meaning.hard(),
    "soft-bounce": meaning.soft(),
    "spam": meaning.COMPLAINED,
    "unsub": meaning.UNSUBSCRIBED,
}
"""What is `custom` was put there by the account's own people."""

_OF_BOUNCES = ("hard-bounce", "soft-bounce")


@dataclass(frozen=True, slots=True)
class MandrillList:
    """An API key that may call rejects/list and rejects/delete."""

    name: ClassVar[str] = "mandrill"
    where: ClassVar[str] = "Denylists → Rejection Denylist"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("api_key", "Settings → SMTP & API Info → New API Key, for the calls of Rejects"),
    )
    api_key: str = field(default="", repr=False)
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not self.api_key:
            raise NotConfigured("no API key is set for this provider: set webhooks.mandrill_api_key")
        base = self.api or "https://mandrillapp.com"
        return Access(base, "webhooks.mandrill_api_key", asking.always({}), refusal=b'"Invalid_Key"')

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry that has not expired there. Raises NotConfigured or Unavailable."""
        for one in await self._rows(api, {}):
            which = f"{one.text('reason')} {one.text('subaccount')}".strip()
            means, said = _REASONS.get(one.text("reason"), meaning.OTHER), one.text("detail")
            since = one.data.get("last_event_at") or one.data.get("created_at")
            yield entries.event(self.name, which, one.text("email"), since, means, now, said=said)

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off where it bounced; False if it was not there. Raises NotConfigured or Unavailable.

        Each subaccount has an entry of its own.
        """
        found = [one for one in await self._rows(api, {"email": address}) if one.text("reason") in _OF_BOUNCES]
        for one in found:
            of_subaccount = {"subaccount": one.text("subaccount")} if one.text("subaccount") else {}
            answer = await api.post(
                "/api/1.0/rejects/delete.json", {"key": self.api_key, "email": address} | of_subaccount
            )
            if not Fields.of(answer).true("deleted"):
                raise Unavailable(f"{api.host} keeps {address}")
        return bool(found)

    async def _rows(self, api: Api, asked: dict[str, Any]) -> list[Fields]:
        page = await api.post("/api/1.0/rejects/list.json", {"key": self.api_key} | asked)
        return Fields({"entries": page}).children("entries")
