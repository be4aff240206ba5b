"""Mailtrap: an HMAC over the raw body, events in batches, as `{"events": […]}` or one JSON object a line.

https://docs.mailtrap.io/email-api-smtp/advanced/webhooks
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from webhooks import payload, signatures, tokens
from webhooks.errors import MalformedReport
from webhooks.events import Event, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

HEADER = "Mailtrap-Signature"
SETTING = "webhooks.mailtrap_secret"

EVENTS: dict[str, Meaning] = {
    "delivery": meaning.DELIVERED,
    "bounce": meaning.hard(),
    "soft bounce": meaning.soft(),
    "spam": meaning.COMPLAINED,
    "unsubscribe": meaning.UNSUBSCRIBED,
    "reject": meaning.SUPPRESSED,
    "suspension": meaning.block(),
}
BLOCKS = frozenset({"spam", "policy", "blocked", "content", "reputation", "protocol", "authentication"})
"""Categories of a bounce that are about us: Mailtrap calls a bounce whatever it stops trying."""


@dataclass(frozen=True, slots=True)
class Mailtrap:
    """The webhook's signing secret."""

    name: ClassVar[str] = "mailtrap"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Sending Domains → Webhooks → Create new webhook",
        tick=("Delivery", "Bounce", "Soft bounce", "Spam complaint", "Unsubscribe", "Reject", "Suspension"),
        keys=(Key("secret", "the webhook's own page: Signature secret"),),
    )
    secret: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the signature. Raises NotAuthentic or NotConfigured."""
        signatures.keys(self.secret, SETTING)
        signatures.hmac_sha256_hex(signatures.required(headers, HEADER), body, self.secret, SETTING)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The events of the batch. Raises MalformedReport."""
        return [_event(fields, now) for fields in _batch(body)]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, signed."""
        event = {
            "event": "bounce",
            "event_id": derived_id("sample", address, now),
            "email": address,
            "timestamp": int(now.timestamp()),
            "custom_variables": {"token": token},
            "response": "bounced (550 5.1.1 User unknown)",
        }
        body = json.dumps({"events": [event]}).encode()
        key = signatures.keys(self.secret, SETTING)[0]
        return {HEADER: hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}, body


def _batch(body: bytes) -> list[Fields]:
    try:
        document = payload.load(body)
    except MalformedReport:
        lines = [line for line in body.splitlines() if line.strip()]
        if len(lines) < 2:
            raise
        return [fields for line in lines for fields in payload.objects(payload.load(line))]
    if isinstance(document, dict) and "event" in document:
        return [Fields(document)]
    if not isinstance(document, dict) or not isinstance(document.get("events"), list):
        raise MalformedReport('the body must be {"events": [ … ]}')
    return payload.objects(document["events"])


def _event(fields: Fields, now: datetime) -> Event:
    said = fields.text("response", "reason")
    address = fields.text("email")
    means = _meaning(fields).refined(said)
    parts = [fields.text(name) for name in ("event", "message_id", "timestamp")]
    return Event(
        provider=Mailtrap.name,
        id=fields.text("event_id") or derived_id(*parts, address),
        kind=means.kind,
        address=address,
        at=fields.at("timestamp", now=now),
        token=tokens.first(fields.child("custom_variables").text("token"), fields.text("message_id")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, fields.text("event")),
    )


def _meaning(fields: Fields) -> Meaning:
    if fields.text("event") == "bounce" and fields.text("bounce_category") in BLOCKS:
        return meaning.block()
    return EVENTS.get(fields.text("event"), meaning.OTHER)
