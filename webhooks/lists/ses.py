"""The suppression list of an Amazon SES account: who bounced for good, and who complained (API version 2).

https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_ListSuppressedDestinations.html
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from webhooks import sigv4
from webhooks.asking import Access, Api
from webhooks.errors import NotConfigured
from webhooks.events import Event
from webhooks.lists import entries
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Key

_PATH = "/v2/email/suppression/addresses"
_SETTING = "webhooks.ses_access_key, ses_secret_key and ses_region"
_REASONS = {"BOUNCE": meaning.hard(), "COMPLAINT": meaning.COMPLAINED}


@dataclass(frozen=True, slots=True)
class SesList:
    """An access key whose policy allows ses:ListSuppressedDestinations and ses:DeleteSuppressedDestination."""

    name: ClassVar[str] = "ses"
    where: ClassVar[str] = "SES → Suppression list"
    keys: ClassVar[tuple[Key, ...]] = (
        Key("access_key", "IAM → a user that may ses:ListSuppressedDestinations and ses:DeleteSuppressedDestination"),
        Key("secret_key", "the same page; it is shown once"),
        Key("region", "the console's URL, as in eu-west-1"),
    )
    access_key: str = ""
    secret_key: str = field(default="", repr=False)
    region: str = ""
    api: str = ""

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""
        if not (self.access_key and self.secret_key and self.region):
            raise NotConfigured(f"no API key is set for this provider: set {_SETTING}")
        who = sigv4.Credentials(self.access_key, self.secret_key, self.region, "ses")

        def sign(method: str, url: str, body: bytes, now: datetime) -> Mapping[str, str]:
            return sigv4.headers(who, method, url, body, now)

        base = self.api or f"https://email.{self.region}.amazonaws.com"
        return Access(base, _SETTING, sign)

    async def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry. Raises NotConfigured or Unavailable."""
        first = f"{_PATH}?PageSize=1000"
        async for page in api.pages(first, _next):
            for one in Fields.of(page).children("SuppressedDestinationSummaries"):
                means = _REASONS.get(one.text("Reason"), meaning.OTHER)
                since = one.data.get("LastUpdateTime")
                yield entries.event(self.name, one.text("Reason"), one.text("EmailAddress"), since, means, now)

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off; False if it was not there. Raises NotConfigured or Unavailable."""
        return await api.delete(f"{_PATH}/{entries.in_path(address)}") is not None


def _next(page: Any, _: int) -> str | None:
    token = Fields.of(page).data.get("NextToken")
    return f"{_PATH}?NextToken={quote(token, safe='')}&PageSize=1000" if isinstance(token, str) and token else None
