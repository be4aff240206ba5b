"""Mandrill: an HMAC over the webhook's exact URL and the form it posts, whose one field holds a batch of events.

Before it saves a webhook it asks for its URL with HEAD, and wants 200.

https://mailchimp.com/developer/transactional/guides/track-respond-activity-webhooks/#authenticating-webhook-requests
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar
from urllib.parse import parse_qsl, urlencode

from webhooks import payload, signatures, tokens
from webhooks.errors import MalformedReport, NotAuthentic, NotConfigured
from webhooks.events import Event, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

SETTING = "webhooks.mandrill_key"

EVENTS: dict[str, Meaning] = {
    "delivered": meaning.DELIVERED,
    "deferral": meaning.DEFERRED,
    "hard_bounce": meaning.hard(),
    "soft_bounce": meaning.soft(),
    "spam": meaning.COMPLAINED,
    "unsub": meaning.UNSUBSCRIBED,
    "reject": meaning.SUPPRESSED,
}
REJECTIONS: dict[str, Meaning] = {
    "unsub": meaning.UNSUBSCRIBED,
    "spam": meaning.COMPLAINED,
    "invalid": meaning.hard(),
    "invalid-sender": meaning.OTHER,
    "rule": meaning.OTHER,
    "test-mode-limit": meaning.OTHER,
}
"""Why Mandrill did not try, by the reason of a `reject`; what it remembers as bounced is only suppressed there."""


@dataclass(frozen=True, slots=True)
class Mandrill:
    """The webhook's key, and its URL exactly as Mandrill knows it, for that is signed too."""

    name: ClassVar[str] = "mandrill"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Settings → Webhooks → Add a Webhook",
        tick=(
            "Message Is Delayed",
            "Message Is Bounced",
            "Message Is Soft-Bounced",
            "Message Is Marked As Spam",
            "Recipient Unsubscribes",
            "Message Is Rejected",
        ),
        keys=(
            Key("key", "the webhook's own page: Key"),
            Key("url", "the URL above, exactly as you gave it there: Mandrill signs it too"),
        ),
        notes=("Mandrill asks whether we answer before it saves the webhook: let us run first.",),
    )
    key: str = field(default="", repr=False)
    url: str = ""

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the signature. Raises NotAuthentic, NotConfigured or MalformedReport."""
        known = signatures.keys(self.key, SETTING)
        if not self.url:
            raise NotConfigured("the URL that Mandrill signs is not set: set webhooks.mandrill_url")
        given = signatures.required(headers, "X-Mandrill-Signature")
        signed = self.url + "".join(name + value for name, value in sorted(_form(body).items()))
        if not any(signatures.same(given, _signature(key, signed)) for key in known):
            raise NotAuthentic("the signature does not match the form, or webhooks.mandrill_url is not the URL signed")

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The events of the batch. Raises MalformedReport."""
        batch = payload.load(_form(body).get("mandrill_events", "").encode())
        return [_event(fields, now) for fields in payload.objects(batch)]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, signed."""
        message = {"email": address, "metadata": {"token": token}, "diag": "smtp;550 5.1.1 User unknown"}
        identifier = derived_id("sample", address, now)
        event = {"event": "hard_bounce", "_id": identifier, "ts": int(now.timestamp()), "msg": message}
        form = {"mandrill_events": json.dumps([event])}
        signed = self.url + "".join(name + value for name, value in form.items())
        signature = _signature(signatures.keys(self.key, SETTING)[0], signed)
        return {"X-Mandrill-Signature": signature}, urlencode(form).encode()


def _form(body: bytes) -> dict[str, str]:
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=10, errors="strict"))
    except (UnicodeDecodeError, ValueError) as error:
        raise MalformedReport("the body must be a form with mandrill_events") from error


def _signature(key: str, signed: str) -> str:
    return base64.b64encode(hmac.new(key.encode(), signed.encode(), hashlib.sha1).digest()).decode()


def _event(fields: Fields, now: datetime) -> Event:
    message = fields.child("msg")
    name = fields.text("event", "type")
    said = message.text("diag", "bounce_description")
    address = message.text("email") or fields.child("reject").text("email")
    means = _meaning(name, fields).refined(said)
    return Event(
        provider=Mandrill.name,
        id=derived_id(name, fields.text("_id"), fields.text("ts"), address),
        kind=means.kind,
        address=address,
        at=fields.at("ts", now=now),
        token=tokens.first(message.child("metadata").text("token"), *_listed(message)),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, name),
    )


def _meaning(name: str, fields: Fields) -> Meaning:
    if name == "reject":
        reason = fields.child("msg", "reject").text("reason") or fields.child("reject").text("reason")
        return REJECTIONS.get(reason, meaning.SUPPRESSED)
    return EVENTS.get(name, meaning.OTHER)


def _listed(message: Fields) -> list[str]:
    """Metadata comes as an object or, where it is each recipient's own, as a list of them."""
    return [one.text("token") for one in message.children("metadata")]
