"""One module for each provider: a frozen dataclass of its keys that can tell a true report and read it.

To add one, write the module and its tests, and name it in `PROVIDERS`; the fields of the class are its settings, each
called `NAME_FIELD` under `[webhooks]`.
"""

from collections.abc import Mapping
from dataclasses import fields
from datetime import datetime
from typing import Any, ClassVar, Protocol, runtime_checkable

from webhooks.errors import UnknownProvider
from webhooks.events import Event
from webhooks.providers.azure import Azure
from webhooks.providers.brevo import Brevo
from webhooks.providers.forwardemail import ForwardEmail
from webhooks.providers.generic import Generic
from webhooks.providers.guide import Guide
from webhooks.providers.mailersend import MailerSend
from webhooks.providers.mailgun import Mailgun
from webhooks.providers.mailjet import Mailjet
from webhooks.providers.mailtrap import Mailtrap
from webhooks.providers.mandrill import Mandrill
from webhooks.providers.postal import Postal
from webhooks.providers.postmark import Postmark
from webhooks.providers.resend import Resend
from webhooks.providers.sendgrid import SendGrid
from webhooks.providers.ses import Ses
from webhooks.providers.sparkpost import SparkPost


class Provider(Protocol):
    """Who reports to us. `blocking` says that verifying may ask the network; `guide` is how staff connect it."""

    name: ClassVar[str]
    blocking: ClassVar[bool]
    guide: ClassVar[Guide]

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Return when the report is authentic. Raises NotAuthentic or NotConfigured."""

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The events in the report. Raises MalformedReport."""


@runtime_checkable
class Answering(Protocol):
    """A provider that wants more than an empty 200: a challenge echoed, a subscription confirmed."""

    def answer(self, body: bytes) -> bytes:
        """The body of the 200 that acknowledges this report."""


@runtime_checkable
class Asking(Protocol):
    """A provider that asks by OPTIONS whether its reports are wanted (CloudEvents 1.0.1, HTTP Web Hooks, section 4)."""

    def wants(self, origin: str) -> bool:
        """Whether reports of this sender are. The question proves nothing, and the answer gives nothing away."""


@runtime_checkable
class Sampling(Provider, Protocol):
    """A provider whose reports we can sign ourselves, because the key is shared with us."""

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """The headers and body of a report that `address` bounced hard, as the provider would sign it."""


@runtime_checkable
class Rehearsing(Provider, Protocol):
    """A provider that signs by a private key which it alone holds: a test signs by one made for it."""

    def rehearse(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes, str]:
        """The headers and body of a report that `address` bounced hard, and the public part of the key that signed it.

        The key has signed nothing else, and is gone.
        """

    def believing(self, public: str) -> Provider:
        """This provider as if that public part were its own: its key, or the certificate that it names."""


PROVIDERS: dict[str, type[Sampling | Rehearsing]] = {
    "azure": Azure,
    "brevo": Brevo,
    "forwardemail": ForwardEmail,
    "generic": Generic,
    "mailersend": MailerSend,
    "mailgun": Mailgun,
    "mailjet": Mailjet,
    "mailtrap": Mailtrap,
    "mandrill": Mandrill,
    "postal": Postal,
    "postmark": Postmark,
    "resend": Resend,
    "sendgrid": SendGrid,
    "ses": Ses,
    "sparkpost": SparkPost,
}


def build(name: str, values: Mapping[str, Any]) -> Sampling | Rehearsing:
    """The provider of that name with its keys out of `values`, a flat mapping of `NAME_FIELD`.

    A key that is missing is empty, and then nothing the provider sends is believed. Raises UnknownProvider.
    """
    if name not in PROVIDERS:
        raise unknown(name)
    found = PROVIDERS[name]
    wanted = {field.name: f"{name}_{field.name}" for field in fields(found)}  # type: ignore[arg-type]  # all are dataclasses; a Protocol cannot say so
    return found(**{field: values[key] for field, key in wanted.items() if key in values})


def unknown(name: str) -> UnknownProvider:
    """What to say to whoever names a provider there is not."""
    return UnknownProvider(f"there is no provider {name}; known: {', '.join(sorted(PROVIDERS))}")
