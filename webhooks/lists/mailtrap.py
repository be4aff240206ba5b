"""Mailtrap's suppressions of an account, a thousand at a time.

https://docs.mailtrap.io/developers/email-sending/suppressions
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

_SETTING = "webhooks.mailtrap_api_token and mailtrap_account"
_BOUNCE = "hard bounce"
_TYPES = {
    _BOUNCE: meaning.hard(),
    "spam complaint": meaning.COMPLAINED,
    "unsubscription": meaning.UNSUBSCRIBED,
}
"""A `manual import` was brought there by the account's own people."""

_PAGE = 1000


@dataclass(frozen=True, slots=True)
class MailtrapList:
    """An API token, and the number of the account that it is for."""

    name: ClassVar[str] = "mailtrap"
    where: ClassVar[str] = "Sending Domains → Suppressions"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("api_token", "Settings → API Tokens → Add Token, with admin access to the sending domain"),
        Key("account", "the address of any page of yours there, as in 12345 of mailtrap.io/accounts/12345"),
    )
    api_token: str = field(default="", repr=False)
    account: str = ""
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not (self.api_token and self.account):
            raise NotConfigured(f"no API key is set for this provider: set {_SETTING}")
        return Access(self.api or "https://mailtrap.io", _SETTING, asking.bearer(self.api_token))

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry. Raises NotConfigured or Unavailable."""
        async for page in api.pages(self._path(), self._next):
            for one in Fields({"entries": page}).children("entries"):
                which = f"{one.text('type')} {one.text('sending_stream')} {one.text('domain_name')}".strip()
                means, since = _TYPES.get(one.text("type"), meaning.OTHER), one.data.get("created_at")
                said = one.text("message_esp_response", "message_bounce_category")
                yield entries.event(self.name, which, one.text("email"), since, means, now, said=said)

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off where it bounced; False if it was not there. Raises NotConfigured or Unavailable.

        Mailtrap knows entries by their ids alone, one for each domain and stream.
        """
        page = await api.get(f"{self._path()}?email={entries.in_path(address)}")
        found = [
            one.text("id")
            for one in Fields({"entries": page}).children("entries")
            if one.text("type") == _BOUNCE and one.text("email").casefold() == address.casefold()
        ]
        gone = [await api.delete(f"{self._path()}/{entries.in_path(one)}") for one in found]
        return any(answer is not None for answer in gone)

    def _path(self) -> str:
        return f"/api/accounts/{entries.in_path(self.account)}/suppressions"

    def _next(self, page: Any, _: int) -> str | None:
        """After the last entry of a full page."""
        rows = Fields({"entries": page}).children("entries")
        last = rows[-1].text("id") if len(rows) >= _PAGE else ""
        return f"{self._path()}?last_id={entries.in_path(last)}" if last else None
