"""Forward Email: an HMAC over the raw body, one bounce a request.

https://forwardemail.net/en/faq#do-you-support-bounce-webhooks
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
from webhooks.events import BounceClass, Event, Reason, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

HEADER = "X-Webhook-Signature"
SETTING = "webhooks.forwardemail_key"

CATEGORIES: dict[str, Meaning] = {
    "recipient": meaning.hard(),
    "block": meaning.block(Reason.REPUTATION),
    "blocklist": meaning.block(Reason.REPUTATION),
    "spam": meaning.block(Reason.CONTENT),
    "virus": meaning.block(Reason.VIRUS),
    "policy": meaning.block(),
    "message": meaning.block(Reason.CONTENT),
    "capacity": meaning.soft(Reason.MAILBOX_FULL),
    "greylist": meaning.soft(Reason.GREYLISTED),
    "network": meaning.soft(Reason.NETWORK),
    "dns": meaning.soft(Reason.NETWORK),
    "protocol": meaning.soft(Reason.SYSTEM),
}


@dataclass(frozen=True, slots=True)
class ForwardEmail:
    """The webhook signature payload verification key of the domain."""

    name: ClassVar[str] = "forwardemail"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="My Account → Domains → the domain → Advanced Settings → Bounce Webhook URL",
        tick=("there is nothing to tick: each bounce is posted",),
        keys=(Key("key", "the same page: Webhook Signature Payload Verification Key"),),
    )
    key: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the signature. Raises NotAuthentic or NotConfigured."""
        signatures.keys(self.key, SETTING)
        signatures.hmac_sha256_hex(signatures.required(headers, HEADER), body, self.key, SETTING)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The one bounce. Raises MalformedReport."""
        document = payload.load(body)
        if not isinstance(document, dict):
            raise MalformedReport("the body must be a JSON object with a bounce")
        return [_event(Fields(document), now)]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, signed."""
        document = {
            "email_id": derived_id("sample", address, now),
            "recipient": address,
            "headers": {"Message-ID": f"<{token}@sample.example>"},
            "bounce": {"action": "reject", "message": "550 5.1.1 User unknown", "category": "recipient"},
            "bounced_at": now.isoformat(),
        }
        body = json.dumps(document).encode()
        key = signatures.keys(self.key, SETTING)[0]
        return {HEADER: hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}, body


def _event(report: Fields, now: datetime) -> Event:
    bounce = report.child("bounce")
    said = report.text("response", "message") or bounce.text("message")
    address = report.text("recipient")
    means = _meaning(bounce) if bounce.data else meaning.OTHER
    means = means.refined(said, bounce.text("status"))
    headers = [report.header(name) for name in ("Message-ID", "CFBL-Feedback-ID")]
    return Event(
        provider=ForwardEmail.name,
        id=derived_id(report.text("email_id"), address, report.text("bounced_at")),
        kind=means.kind,
        address=address,
        at=report.at("bounced_at", now=now),
        token=tokens.first(*headers, report.text("list_unsubscribe")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=said,
    )


def _meaning(bounce: Fields) -> Meaning:
    """What is only deferred, or slowed down, is tried again: nobody is gone for it."""
    means = CATEGORIES.get(bounce.text("category"), meaning.soft())
    return meaning.soft() if means.bounce is BounceClass.HARD and bounce.text("action") != "reject" else means
