"""Brevo: Basic or bearer authentication, one event or a batch of them, without an id of their own.

Brevo gives up on 4xx and 5xx soon, so its reports are read in milliseconds and refused only when they are wrong.

https://developers.brevo.com/docs/transactional-webhooks
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from webhooks import payload, signatures, tokens
from webhooks.events import Event, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

SETTING = "webhooks.brevo_username and webhooks.brevo_password, or webhooks.brevo_token"

EVENTS: dict[str, Meaning] = {
    "delivered": meaning.DELIVERED,
    "hardbounce": meaning.hard(),
    "invalidemail": meaning.hard(),
    "softbounce": meaning.soft(),
    "deferred": meaning.DEFERRED,
    "blocked": meaning.block(),
    "spam": meaning.COMPLAINED,
    "complaint": meaning.COMPLAINED,
    "unsubscribe": meaning.UNSUBSCRIBED,
    "unsubscribed": meaning.UNSUBSCRIBED,
}
"""Transactional webhooks write hard_bounce, those of campaigns hardBounce: without the underscore, in lower case."""


@dataclass(frozen=True, slots=True)
class Brevo:
    """The user name and password, or the bearer token, that the webhook sends."""

    name: ClassVar[str] = "brevo"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Transactional → Settings → Webhook, and for campaigns of theirs Campaigns → Settings → Webhooks",
        tick=(
            "Delivered",
            "Hard bounce",
            "Soft bounce",
            "Deferred",
            "Blocked",
            "Invalid email",
            "Complaint",
            "Unsubscribed",
        ),
        keys=(
            Key("token", "Authentication method: Token", ours=True, choice="by token"),
            Key("username", "Authentication method: Basic", ours=True, choice="by name and password"),
            Key("password", "Authentication method: Basic", ours=True, choice="by name and password"),
        ),
    )
    username: str = ""
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the credentials. Raises NotAuthentic or NotConfigured."""
        signatures.basic_or_bearer(headers, self.username, self.password, self.token, SETTING)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The events, one or many. Raises MalformedReport."""
        return [_event(fields, now) for fields in payload.objects(payload.load(body))]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, with the credentials."""
        event = {
            "event": "hard_bounce",
            "email": address,
            "message-id": "<sample@relay.example>",
            "ts_epoch": int(now.timestamp() * 1000),
            "X-Mailin-custom": token,
            "reason": "550 5.1.1 User unknown",
        }
        return signatures.credentials(self.username, self.password, self.token), json.dumps(event).encode()


def _event(fields: Fields, now: datetime) -> Event:
    name, address, said = fields.text("event"), fields.text("email"), fields.text("reason")
    means = EVENTS.get(name.replace("_", "").lower(), meaning.OTHER).refined(said)
    moment = fields.text("ts_epoch", "ts_event", "ts")
    return Event(
        provider=Brevo.name,
        id=derived_id(fields.text("message-id", "camp_id"), name, address, moment),
        kind=means.kind,
        address=address,
        at=fields.at("ts_epoch", "ts_event", "ts", now=now),
        token=tokens.first(fields.text("X-Mailin-custom"), fields.text("message-id")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, name),
    )
