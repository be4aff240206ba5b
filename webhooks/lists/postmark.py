"""Postmark's suppressions of each message stream, which it gives whole.

https://postmarkapp.com/developer/api/suppressions-api
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from webhooks import asking
from webhooks.asking import Access, Api
from webhooks.errors import NotConfigured, Unavailable
from webhooks.events import Event
from webhooks.lists import entries
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Key

_SETTING = "webhooks.postmark_server_token and postmark_streams"
_REASONS = {
    "HardBounce": meaning.hard(),
    "SpamComplaint": meaning.COMPLAINED,
    "ManualSuppression": meaning.UNSUBSCRIBED,
}
"""By SuppressionReason; a manual one is a person's own only where its Origin is Recipient."""


@dataclass(frozen=True, slots=True)
class PostmarkList:
    """The token of a server, and its message streams, by commas."""

    name: ClassVar[str] = "postmark"
    where: ClassVar[str] = "Servers → the server → the message stream → Suppressions"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("server_token", "Servers → the server → API Tokens"),
        Key("streams", "Servers → the server: the streams that our mail goes by, as in outbound,broadcast"),
    )
    server_token: str = field(default="", repr=False)
    streams: str = ""
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not (self.server_token and self._streams()):
            raise NotConfigured(f"no API key is set for this provider: set {_SETTING}")
        sign = asking.always({"X-Postmark-Server-Token": self.server_token})
        return Access(self.api or "https://api.postmarkapp.com", _SETTING, sign)

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry. Raises NotConfigured or Unavailable."""
        for stream in self._streams():
            page = await api.get(f"{_path(stream)}/dump")
            for one in Fields.of(page).children("Suppressions"):
                reason, origin = one.text("SuppressionReason"), one.text("Origin")
                is_theirs = reason == "ManualSuppression" and origin != "Recipient"
                means = meaning.OTHER if is_theirs else _REASONS.get(reason, meaning.OTHER)
                which, since = f"{stream} {reason}", one.data.get("CreatedAt")
                yield entries.event(self.name, which, one.text("EmailAddress"), since, means, now)

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off; False if it was on no stream's list. Raises NotConfigured or Unavailable.

        Postmark answers the same for one that was not there, so it is looked for first.
        """
        was_there = False
        for stream in self._streams():
            page = await api.get(f"{_path(stream)}/dump?EmailAddress={entries.in_path(address)}")
            if not Fields.of(page).children("Suppressions"):
                continue
            asked = {"Suppressions": [{"EmailAddress": address}]}
            answer = await api.post(f"{_path(stream)}/delete", asked)
            for one in Fields.of(answer).children("Suppressions"):
                if one.text("Status") != "Deleted":
                    raise Unavailable(f"{api.host} keeps {address}: {one.text('Message') or one.text('Status')}")
            was_there = True
        return was_there

    def _streams(self) -> list[str]:
        return [name for one in self.streams.split(",") if (name := one.strip())]


def _path(stream: str) -> str:
    return f"/message-streams/{entries.in_path(stream)}/suppressions"
