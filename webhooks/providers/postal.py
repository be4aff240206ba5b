"""Postal: RSA over the raw body, one event a request.

https://docs.postalserver.io/developer/webhooks
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
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_der_public_key

from webhooks import classification, payload, signatures, tokens
from webhooks.errors import MalformedReport, NotAuthentic, NotConfigured
from webhooks.events import Event, Reason, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

EVENTS: dict[str, Meaning] = {
    "MessageSent": meaning.DELIVERED,
    "MessageDelayed": meaning.DEFERRED,
    "MessageBounced": meaning.soft(),
}
"""A bounce that came back as a mail is reported without what it says; a failure of delivery is read by its words."""

SIGNATURE = "X-Postal-Signature-256"


@dataclass(frozen=True, slots=True)
class Postal:
    """The installation's public key as `postal default-dkim-record` prints it: base64 of a DER public key."""

    name: ClassVar[str] = "postal"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="the server → Webhooks → Add new webhook",
        tick=("MessageSent", "MessageDelayed", "MessageDeliveryFailed", "MessageHeld", "MessageBounced"),
        keys=(Key("public_key", "what `postal default-dkim-record` prints on the server, from behind p= to the ;"),),
        notes=("Output Style, where there is one: Postal.",),
    )
    public_key: str = ""

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the signature, SHA-256 or that of older versions. Raises NotAuthentic or NotConfigured."""
        key = _key(self.public_key)
        given = signatures.header(headers, SIGNATURE)
        algorithm: hashes.HashAlgorithm = hashes.SHA256()
        if not given:
            given, algorithm = signatures.required(headers, "X-Postal-Signature"), hashes.SHA1()  # noqa: S303  # see SES
        try:
            key.verify(base64.b64decode(given, validate=True), body, padding.PKCS1v15(), algorithm)
        except (InvalidSignature, binascii.Error, ValueError) as error:
            raise NotAuthentic("the signature does not match the body") from error

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The one event; none for mail that Postal received. Raises MalformedReport."""
        document = payload.load(body)
        if not isinstance(document, dict):
            raise MalformedReport("the body must be a JSON object with an event and a payload")
        report = Fields(document)
        message = report.child("payload", "original_message").data or report.child("payload", "message").data
        return [] if message.get("direction") == "incoming" else [_event(report, Fields(message), now)]

    def rehearse(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes, str]:
        """A hard failure, signed by a key made for it; and that key's public part, as PEM."""
        said = "550 5.1.1 User unknown"
        message = {"direction": "outgoing", "to": address, "message_id": f"{token}@sample.example"}
        document = {
            "event": "MessageDeliveryFailed",
            "timestamp": now.timestamp(),
            "payload": {"status": "HardFail", "output": said, "message": message},
            "uuid": derived_id("sample", address, now),
        }
        body, key = json.dumps(document).encode(), rsa.generate_private_key(65537, 2048)
        signature = base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()
        public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        return {SIGNATURE: signature}, body, public.decode()

    def believing(self, public: str) -> "Postal":
        """What that key signs is believed, and nothing else."""
        return replace(self, public_key=public)


def _key(text: str) -> rsa.RSAPublicKey:
    lines = [
        line for line in text.split() if "-----" not in line and line not in ("PUBLIC", "KEY-----", "BEGIN", "END")
    ]
    if not lines:
        raise NotConfigured("no key is set for this provider: set webhooks.postal_public_key")
    try:
        key = load_der_public_key(base64.b64decode("".join(lines), validate=True))
    except (ValueError, UnsupportedAlgorithm) as error:
        raise NotConfigured("webhooks.postal_public_key is no base64 public key") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise NotConfigured("webhooks.postal_public_key is not an RSA key")
    return key


def _event(report: Fields, message: Fields, now: datetime) -> Event:
    said = " ".join(filter(None, [report.child("payload").text("output"), report.child("payload").text("details")]))
    means = _meaning(report.text("event"), said).refined(said)
    address = message.text("to")
    return Event(
        provider=Postal.name,
        id=report.text("uuid") or derived_id(report.text("event"), report.text("timestamp"), message.text("id")),
        kind=means.kind,
        address=address,
        at=report.at("timestamp", now=now),
        token=tokens.first(message.text("message_id"), message.text("tag")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, report.text("event")),
    )


def _meaning(name: str, said: str) -> Meaning:
    match name:
        case "MessageDeliveryFailed":
            reading = classification.classify("", said)
            return Meaning(meaning.SUPPRESSED.kind, reading.bounce, reading.reason)
        case "MessageHeld" if classification.classify("", said).reason is Reason.SUPPRESSED:
            return meaning.SUPPRESSED
        case other:
            return EVENTS.get(other, meaning.OTHER)
