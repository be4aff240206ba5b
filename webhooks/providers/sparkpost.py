"""SparkPost: Basic or bearer authentication, events in batches, each wrapped in `{"msys": {CLASS: {…}}}`.

Whom its suppression list holds is reported as a bounce of class 25 with words of its own.

https://support.sparkpost.com/docs/deliverability/bounce-classification-codes
https://support.sparkpost.com/docs/tech-resources/preparing-for-async-suppressions
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from webhooks import payload, signatures, tokens
from webhooks.events import Event, Reason, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

SETTING = "webhooks.sparkpost_username and webhooks.sparkpost_password, or webhooks.sparkpost_token"

CLASSES: dict[str, Meaning] = {
    "1": meaning.soft(),
    "10": meaning.hard(),
    "20": meaning.soft(),
    "21": meaning.soft(Reason.NETWORK),
    "22": meaning.soft(Reason.MAILBOX_FULL),
    "23": meaning.soft(Reason.TOO_BIG),
    "24": meaning.soft(Reason.EXPIRED),
    "25": meaning.block(),
    "30": meaning.hard(),
    "40": meaning.soft(),
    "50": meaning.block(),
    "51": meaning.block(Reason.REPUTATION),
    "52": meaning.block(Reason.CONTENT),
    "53": meaning.block(Reason.CONTENT),
    "54": meaning.block(Reason.RELAY_DENIED),
    "60": meaning.AUTO_REPLIED,
    "70": meaning.soft(),
    "80": meaning.OTHER,
    "90": meaning.UNSUBSCRIBED,
    "100": meaning.AUTO_REPLIED,
}
TYPES: dict[str, Meaning] = {
    "delivery": meaning.DELIVERED,
    "delay": meaning.DEFERRED,
    "policy_rejection": meaning.block(),
    "generation_rejection": meaning.block(),
    "list_unsubscribe": meaning.UNSUBSCRIBED,
    "link_unsubscribe": meaning.UNSUBSCRIBED,
}


@dataclass(frozen=True, slots=True)
class SparkPost:
    """The user name and password, or the bearer token, that the webhook sends."""

    name: ClassVar[str] = "sparkpost"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Configuration → Webhooks → Create Webhook",
        tick=(
            "Delivery",
            "Bounce",
            "Out of Band",
            "Delay",
            "Policy Rejection",
            "Spam Complaint",
            "List Unsubscribe",
            "Link Unsubscribe",
        ),
        keys=(
            Key("username", "Authentication: Basic Auth", ours=True, choice="by name and password"),
            Key("password", "Authentication: Basic Auth", ours=True, choice="by name and password"),
            Key("token", "Authentication: OAuth 2.0, the token that its URL gives", choice="by token"),
        ),
    )
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the credentials. Raises NotAuthentic or NotConfigured."""
        signatures.basic_or_bearer(headers, self.username, self.password, self.token, SETTING)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The events of the batch; none for a ping, whose msys is empty. Raises MalformedReport."""
        batch = payload.objects(payload.load(body))
        return [_event(fields, now) for wrapped in batch for fields in _unwrapped(wrapped)]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, with the credentials."""
        event = {
            "type": "bounce",
            "bounce_class": "10",
            "event_id": derived_id("sample", address, now),
            "raw_rcpt_to": address,
            "rcpt_meta": {"token": token},
            "raw_reason": "550 5.1.1 User unknown",
            "timestamp": str(int(now.timestamp())),
        }
        headers = signatures.credentials(self.username, self.password, self.token)
        return headers, json.dumps([{"msys": {"message_event": event}}]).encode()


def _unwrapped(wrapped: Fields) -> Iterator[Fields]:
    found = wrapped.child("msys").data
    yield from (Fields(event) for event in found.values() if isinstance(event, dict))


def _event(fields: Fields, now: datetime) -> Event:
    said = fields.text("raw_reason", "reason")
    address = fields.text("raw_rcpt_to", "rcpt_to")
    means = _meaning(fields).refined(said)
    parts = [fields.text(name) for name in ("type", "message_id", "timestamp")]
    return Event(
        provider=SparkPost.name,
        id=fields.text("event_id") or derived_id(*parts, address),
        kind=means.kind,
        address=address,
        at=fields.at("timestamp", now=now),
        token=tokens.first(fields.child("rcpt_meta").text("token"), fields.text("msg_from")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, fields.text("type")),
    )


def _meaning(fields: Fields) -> Meaning:
    match fields.text("type"):
        case "bounce" | "out_of_band":
            return CLASSES.get(fields.text("bounce_class"), meaning.soft())
        case "spam_complaint":
            return meaning.COMPLAINED if fields.text("fbtype") in ("", "abuse") else meaning.OTHER
        case other:
            return TYPES.get(other, meaning.OTHER)
