"""SendGrid: ECDSA over the timestamp and the raw body, events in batches.

https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/getting-started-event-webhook-security-features
https://www.twilio.com/docs/sendgrid/for-developers/tracking-events/event
"""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import ClassVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from webhooks import classification, payload, signatures, tokens
from webhooks.errors import NotAuthentic, NotConfigured
from webhooks.events import BounceClass, Event, Reason, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

EVENTS: dict[str, Meaning] = {
    "delivered": meaning.DELIVERED,
    "deferred": meaning.DEFERRED,
    "spamreport": meaning.COMPLAINED,
    "unsubscribe": meaning.UNSUBSCRIBED,
    "group_unsubscribe": meaning.UNSUBSCRIBED,
}
DROPS: dict[str, Meaning] = {
    "bounced address": meaning.SUPPRESSED,
    "unsubscribed address": meaning.UNSUBSCRIBED,
    "spam reporting address": meaning.COMPLAINED,
    "invalid": meaning.hard(),
    "spam content (if spam checker app enabled)": meaning.block(Reason.CONTENT),
}
"""Why SendGrid did not even try, by its `reason`; anything else is its own affair or ours."""
CLASSIFICATIONS: dict[str, Meaning] = {
    "content": meaning.block(Reason.CONTENT),
    "frequency": meaning.block(Reason.RATE_LIMITED),
    "mailbox": meaning.soft(),
    "reputation": meaning.block(Reason.REPUTATION),
    "technical": meaning.soft(Reason.SYSTEM),
}
"""What SendGrid made of a bounce, by the first word of `bounce_classification`; `Invalid Address` and `Unclassified`
say no more than the type does. A mailbox that is unavailable is gone only where the receiver says so."""

SIGNATURE, TIMESTAMP = "X-Twilio-Email-Event-Webhook-Signature", "X-Twilio-Email-Event-Webhook-Timestamp"
ALGORITHM = ec.ECDSA(hashes.SHA256())


@dataclass(frozen=True, slots=True)
class SendGrid:
    """The verification key of the signed event webhook: base64 of a DER public key on P-256."""

    name: ClassVar[str] = "sendgrid"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Settings → Mail Settings → Event Webhooks → Create new webhook",
        tick=("Bounced", "Dropped", "Deferred", "Delivered", "Spam Reports", "Unsubscribes", "Group Unsubscribes"),
        keys=(Key("public_key", "the same page: turn on Signed Event Webhook, save, and copy its Verification Key"),),
        trial="press Test Integration on the webhook's page, or send a mail through it",
    )
    public_key: str = ""

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the signature and its time. Raises NotAuthentic or NotConfigured."""
        key = _key(self.public_key)
        given = signatures.required(headers, SIGNATURE)
        timestamp = signatures.required(headers, TIMESTAMP)
        signatures.fresh(timestamp, now)
        try:
            signature = base64.b64decode(given, validate=True)
            key.verify(signature, timestamp.encode() + body, ALGORITHM)
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise NotAuthentic("the signature does not match the body") from error

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The events of the batch. Raises MalformedReport."""
        return [_event(fields, now) for fields in payload.objects(payload.load(body))]

    def rehearse(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes, str]:
        """A hard bounce, signed by a key made for it; and that key's public part, as SendGrid shows its own."""
        event = {
            "event": "bounce",
            "type": "bounce",
            "email": address,
            "timestamp": int(now.timestamp()),
            "sg_event_id": derived_id("sample", address, now),
            "smtp-id": f"<{token}@sample.example>",
            "token": token,
            "reason": "550 5.1.1 User unknown",
            "status": "5.1.1",
        }
        body, timestamp = json.dumps([event]).encode(), str(int(now.timestamp()))
        key = ec.generate_private_key(ec.SECP256R1())
        signature = base64.b64encode(key.sign(timestamp.encode() + body, ALGORITHM)).decode()
        public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
        return {SIGNATURE: signature, TIMESTAMP: timestamp}, body, base64.b64encode(public).decode()

    def believing(self, public: str) -> "SendGrid":
        """What that key signs is believed, and nothing else."""
        return replace(self, public_key=public)


def _key(text: str) -> ec.EllipticCurvePublicKey:
    if not text.strip():
        raise NotConfigured("no key is set for this provider: set webhooks.sendgrid_public_key")
    try:
        key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotConfigured("webhooks.sendgrid_public_key is no base64 public key") from error
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise NotConfigured("webhooks.sendgrid_public_key is not an elliptic curve key")
    return key


def _event(fields: Fields, now: datetime) -> Event:
    said = fields.text("reason", "response")
    address = fields.text("email")
    means = _meaning(fields, said).refined(said, fields.text("status"))
    identifier = fields.text("sg_event_id")
    return Event(
        provider=SendGrid.name,
        id=identifier or derived_id(fields.text("event"), fields.text("sg_message_id", "smtp-id"), address, said),
        kind=means.kind,
        address=address,
        at=fields.at("timestamp", now=now),
        token=tokens.first(fields.text("token"), fields.text("smtp-id")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, fields.text("event")),
    )


def _meaning(fields: Fields, said: str) -> Meaning:
    match fields.text("event"):
        case "bounce":
            return _bounce(fields, said)
        case "dropped":
            return DROPS.get(fields.text("reason").lower(), meaning.OTHER)
        case other:
            return EVENTS.get(other, meaning.OTHER)


def _bounce(fields: Fields, said: str) -> Meaning:
    stated = meaning.block() if fields.text("type") == "blocked" else meaning.hard()
    found = CLASSIFICATIONS.get(fields.text("bounce_classification").lower().partition(" ")[0], stated)
    is_gone = classification.classify(fields.text("status"), said).bounce is BounceClass.HARD
    return stated if is_gone and stated.bounce is BounceClass.HARD else found
