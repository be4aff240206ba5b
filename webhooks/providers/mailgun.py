"""Mailgun: an HMAC over a timestamp and a token, which stand in the body beside the event.

The event itself is not signed. What protects it is that the token is used once — it is the event's id, so a second
event under it is a repetition — and, where configured, a user name and password in the webhook's URL.

When Mailgun posts a report again, for eight hours, it is under the first signature: were an old one refused as it is of
others, whatever happened during an outage of ours would be lost. What is posted again by anybody else changes nothing.

https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/securing-webhooks
https://documentation.mailgun.com/docs/mailgun/user-manual/webhooks/webhook-retries
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import ClassVar

from webhooks import payload, signatures, tokens
from webhooks.errors import MalformedReport, NotAuthentic, Unacceptable
from webhooks.events import Event, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

SETTING = "webhooks.mailgun_signing_key"
TOLERANCE = timedelta(hours=9)
"""Mailgun says not to be strict about the time, and posts again after 5, 10 and 15 minutes, 1, 2 and 4 hours."""

EVENTS: dict[str, Meaning] = {
    "delivered": meaning.DELIVERED,
    "complained": meaning.COMPLAINED,
    "unsubscribed": meaning.UNSUBSCRIBED,
    "rejected": meaning.block(),
}
FAILURES: dict[str, Meaning] = {
    "bounce": meaning.hard(),
    "suppress-bounce": meaning.SUPPRESSED,
    "suppress-complaint": meaning.COMPLAINED,
    "suppress-unsubscribe": meaning.UNSUBSCRIBED,
}
"""Permanent failures by their `reason`; of all others none is held against the address."""


@dataclass(frozen=True, slots=True)
class Mailgun:
    """The HTTP webhook signing key, and optionally the user name and password in the webhook's URL.

    What a subaccount sends is signed by its own key and by that of the account above it: either will do.
    """

    name: ClassVar[str] = "mailgun"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Sending → Webhooks → the domain → Add webhook, once for each event",
        tick=("Permanent Failure", "Temporary Failure", "Spam Complaints", "Unsubscribes", "Delivered Messages"),
        keys=(
            Key("signing_key", "Sending → Webhooks: HTTP webhook signing key"),
            Key("username", "the URL; it may be left out, but Mailgun does not sign what it reports", ours=True),
            Key("password", "the URL, beside the name", ours=True),
        ),
        login=True,
    )
    signing_key: str = field(default="", repr=False)
    username: str = ""
    password: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the signature in the body. Raises NotAuthentic, NotConfigured or Unacceptable."""
        signatures.keys(self.signing_key, SETTING)
        if self.username or self.password:
            signatures.basic(headers, self.username, self.password, "webhooks.mailgun_username and mailgun_password")
        signature = _document(body).child("signature")
        timestamp, token = signature.text("timestamp"), signature.text("token")
        if not (timestamp and token and signature.text("signature")):
            raise NotAuthentic("the body carries no signature")
        signed = f"{timestamp}{token}".encode("utf-8", "replace")
        given = [signature.text(name) for name in ("signature", "parent-signature") if signature.text(name)]
        signatures.hmac_sha256_hex(given, signed, self.signing_key, SETTING)
        signatures.fresh(timestamp, now, within=TOLERANCE)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The one event. Raises Unacceptable."""
        document = _document(body)
        if "event-data" not in document.data:
            raise Unacceptable('the body must hold "event-data"')
        return [_event(document.child("event-data"), document.child("signature").text("token"), now)]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, signed, with the credentials where they are set."""
        timestamp, once = str(int(now.timestamp())), derived_id("sample", address, now)
        key = signatures.keys(self.signing_key, SETTING)[0]
        digest = hmac.new(key.encode(), f"{timestamp}{once}".encode(), hashlib.sha256).hexdigest()
        document = {
            "signature": {"timestamp": timestamp, "token": once, "signature": digest},
            "event-data": {
                "event": "failed",
                "severity": "permanent",
                "reason": "bounce",
                "timestamp": now.timestamp(),
                "recipient": address,
                "user-variables": {"token": token},
                "delivery-status": {"code": 550, "message": "5.1.1 User unknown"},
            },
        }
        headers = signatures.basic_header(self.username, self.password) if self.password else {}
        return headers, json.dumps(document).encode()


def _document(body: bytes) -> Fields:
    """Mailgun repeats for eight hours whatever it is told but 406."""
    try:
        document = payload.load(body)
    except MalformedReport as error:
        raise Unacceptable(str(error)) from error
    if not isinstance(document, dict):
        raise Unacceptable("the body must be a JSON object")
    return Fields(document)


def _event(data: Fields, token: str, now: datetime) -> Event:
    status = data.child("delivery-status")
    told = status.text("message", "description") or data.child("reject").text("reason")
    said = " ".join(filter(None, [status.text("code"), told]))
    means = _meaning(data).refined(said, status.text("enhanced-code"))
    return Event(
        provider=Mailgun.name,
        id=token,
        kind=means.kind,
        address=data.text("recipient"),
        at=data.at("timestamp", now=now),
        token=tokens.first(
            data.child("user-variables").text("token"), data.child("message", "headers").text("message-id")
        ),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, data.text("event")),
    )


def _meaning(data: Fields) -> Meaning:
    match data.text("event"), data.text("severity"):
        case "failed", "permanent":
            return FAILURES.get(data.text("reason"), meaning.soft())
        case "failed", _:
            return meaning.soft()
        case event, _:
            return EVENTS.get(event, meaning.OTHER)
