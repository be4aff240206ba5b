"""Mailjet: Basic authentication in the URL, one event or a grouped list of them, without an id of their own.

`hard_bounce` says that an error lasts, not that it is the address's: `error` and `error_related_to` say whose it is.

https://dev.mailjet.com/email/guides/webhooks/
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from webhooks import payload, signatures, tokens
from webhooks.events import Event, Reason, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

EVENTS: dict[str, Meaning] = {
    "sent": meaning.DELIVERED,
    "spam": meaning.COMPLAINED,
    "unsub": meaning.UNSUBSCRIBED,
}
LASTING: dict[str, Meaning] = {
    "user unknown": meaning.hard(),
    "mailbox inactive": meaning.hard(Reason.MAILBOX_DISABLED),
    "invalid domain": meaning.hard(Reason.NO_SUCH_DOMAIN),
}
"""What `error` says of an address that is gone, where `hard_bounce` says that it lasts."""
ERRORS: dict[str, Meaning] = {
    "mailbox inactive": meaning.soft(Reason.MAILBOX_DISABLED),
    "quota exceeded": meaning.soft(Reason.MAILBOX_FULL),
    "no mail host": meaning.soft(Reason.NETWORK),
    "relay/access denied": meaning.block(Reason.RELAY_DENIED),
    "greylisted": meaning.soft(Reason.GREYLISTED),
    "typofix": meaning.soft(Reason.NO_SUCH_DOMAIN),
    "sender blocked": meaning.block(Reason.REPUTATION),
    "content blocked": meaning.block(Reason.CONTENT),
    "policy issue": meaning.block(),
    "system issue": meaning.soft(Reason.SYSTEM),
    "protocol issue": meaning.soft(Reason.SYSTEM),
    "connection issue": meaning.soft(Reason.NETWORK),
    "preblocked": meaning.SUPPRESSED,
    "duplicate in campaign": meaning.OTHER,
    "bad or empty template": meaning.OTHER,
}
"""What `error` says of any other bounce, and of a mail that Mailjet blocked, however long that lasts."""
RELATED: dict[str, Meaning] = {
    "spam": meaning.block(Reason.CONTENT),
    "content": meaning.block(Reason.CONTENT),
    "system": meaning.soft(Reason.SYSTEM),
    "mailjet": meaning.OTHER,
}
"""What `error_related_to` says where the error is none that Mailjet documents: nothing here is the address's fault."""


@dataclass(frozen=True, slots=True)
class Mailjet:
    """The user name and password in the webhook's URL."""

    name: ClassVar[str] = "mailjet"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Account settings → Event notifications (webhooks)",
        tick=("sent", "bounce", "blocked", "spam", "unsub", "and: Group events"),
        keys=(Key("username", "the URL", ours=True), Key("password", "the URL", ours=True)),
        login=True,
    )
    username: str = ""
    password: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check user name and password. Raises NotAuthentic or NotConfigured."""
        setting = "webhooks.mailjet_username and webhooks.mailjet_password"
        signatures.basic(headers, self.username, self.password, setting)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The events, one or many. Raises MalformedReport."""
        return [_event(fields, now) for fields in payload.objects(payload.load(body))]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, with the credentials."""
        event = {
            "event": "bounce",
            "time": int(now.timestamp()),
            "MessageID": 1,
            "email": address,
            "CustomID": token,
            "hard_bounce": True,
            "error_related_to": "recipient",
            "error": "user unknown",
        }
        return signatures.basic_header(self.username, self.password), json.dumps(event).encode()


def _event(fields: Fields, now: datetime) -> Event:
    name, address = fields.text("event"), fields.text("email")
    said = " ".join(filter(None, [fields.text("error"), fields.text("comment", "smtp_reply")]))
    means = _meaning(fields).refined(fields.text("comment") or fields.text("error"))
    return Event(
        provider=Mailjet.name,
        id=derived_id(name, fields.text("Message_GUID", "MessageID", "mj_message_id"), address, fields.text("time")),
        kind=means.kind,
        address=address,
        at=fields.at("time", now=now),
        token=tokens.first(fields.text("CustomID"), fields.text("Payload")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, name),
    )


def _meaning(fields: Fields) -> Meaning:
    match fields.text("event"):
        case "bounce" if fields.true("hard_bounce"):
            return LASTING.get(fields.text("error").lower()) or _about(fields, meaning.hard())
        case "bounce":
            return _about(fields, meaning.soft())
        case "blocked":
            return _about(fields, meaning.block())
        case other:
            return EVENTS.get(other, meaning.OTHER)


def _about(fields: Fields, otherwise: Meaning) -> Meaning:
    found = ERRORS.get(fields.text("error").lower())
    return found or RELATED.get(fields.text("error_related_to").lower(), otherwise)
