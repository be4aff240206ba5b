"""Providers' own suppression lists, read and shortened by their APIs: one module for each provider that lets us.

To add one, write the module and its tests, and name it in `LISTS`; its fields are settings, as a provider's are.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, ClassVar, Protocol

from webhooks.asking import Access, Api
from webhooks.errors import NotConfigured
from webhooks.events import Event
from webhooks.lists.brevo import BrevoList
from webhooks.lists.mailersend import MailerSendList
from webhooks.lists.mailgun import MailgunList
from webhooks.lists.mailtrap import MailtrapList
from webhooks.lists.mandrill import MandrillList
from webhooks.lists.postmark import PostmarkList
from webhooks.lists.resend import ResendList
from webhooks.lists.sendgrid import SendGridList
from webhooks.lists.ses import SesList
from webhooks.lists.sparkpost import SparkPostList
from webhooks.providers import PROVIDERS, unknown
from webhooks.providers.guide import Key


class SuppressionList(Protocol):
    """The list that a provider keeps for our account: `where` staff find it in its pages, `keys` how we are let in."""

    name: ClassVar[str]
    where: ClassVar[str]
    keys: ClassVar[tuple[Key, ...]]

    def access(self) -> Access:
        """How to ask. Raises NotConfigured."""

    def entries(self, api: Api, now: datetime) -> AsyncIterator[Event | None]:
        """Every entry; None for one that cannot be read. Raises NotConfigured or Unavailable."""

    async def remove(self, api: Api, address: str) -> bool:
        """Take an address off where it stands for a bounce; False if it was not there. Raises as `entries`."""


LISTS: dict[str, type[SuppressionList]] = {
    "brevo": BrevoList,
    "mailersend": MailerSendList,
    "mailgun": MailgunList,
    "mailtrap": MailtrapList,
    "mandrill": MandrillList,
    "postmark": PostmarkList,
    "resend": ResendList,
    "sendgrid": SendGridList,
    "ses": SesList,
    "sparkpost": SparkPostList,
}

AT_MOST = {"mandrill": 1000}
"""Whose API gives no more entries than so many, and no way to the next."""

WITHOUT: dict[str, str] = {
    "azure": "Azure lets nobody read whom it suppresses itself, for two weeks at most; the lists that its API manages "
    "hold whom you put there",
    "forwardemail": "Forward Email keeps none of those it sends to; the denylist in its API is for mail that comes in",
    "generic": "who posts by this has no list of its own",
    "mailjet": "Mailjet's API gives no list of whom it blocks, but bounces by contacts' numbers and undated complaints",
    "postal": "Postal's API sends and looks up messages; its suppressions, of 30 days, stand in its pages alone",
}
"""Why the lists of the others cannot be read."""


def build(name: str, values: Mapping[str, Any]) -> SuppressionList:
    """The list of that provider, its keys out of a flat mapping. Raises UnknownProvider, or NotConfigured for none."""
    if name not in PROVIDERS:
        raise unknown(name)
    if name not in LISTS:
        raise NotConfigured(WITHOUT[name])
    found = LISTS[name]
    wanted = {field.name: f"{name}_{field.name}" for field in fields(found)}  # type: ignore[arg-type]  # all are dataclasses; a Protocol cannot say so
    return found(**{field: values[key] for field, key in wanted.items() if key in values})


def configured(values: Mapping[str, Any]) -> list[SuppressionList]:
    """The lists for which there are keys."""
    return [one for name in LISTS if is_configured(one := build(name, values))]


def is_configured(one: SuppressionList) -> bool:
    """Whether there are keys to ask with."""
    try:
        one.access()
    except NotConfigured:
        return False
    return True
