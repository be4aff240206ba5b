"""MailerSend: an HMAC over the raw body, one event a request, in its first or its second shape.

Before it saves a webhook it posts a test to its URL and wants 2xx, though nobody can know the webhook's own secret yet:
that one post is signed by a secret which stands in its documentation, and is believed for nothing else.

https://developers.mailersend.com/api/v1/webhooks.html
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

SETTING = "webhooks.mailersend_secret"

_TEST = "webhook.test"
_TEST_SECRET = "test_Am3L1GuOIc4blLUuHqAPxxwkZaJyEk8G"  # noqa: S105 - known to all

EVENTS: dict[str, Meaning] = {
    "activity.delivered": meaning.DELIVERED,
    "activity.deferred": meaning.DEFERRED,
    "activity.hard_bounced": meaning.hard(),
    "activity.soft_bounced": meaning.soft(),
    "activity.spam_complaint": meaning.COMPLAINED,
    "activity.spam_complaints": meaning.COMPLAINED,
    "activity.unsubscribed": meaning.UNSUBSCRIBED,
    "activity.suppressed": meaning.SUPPRESSED,
}


@dataclass(frozen=True, slots=True)
class MailerSend:
    """The webhook's signing secret."""

    name: ClassVar[str] = "mailersend"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Domains → the domain → Webhooks → Add webhook",
        tick=(
            "activity.hard_bounced",
            "activity.soft_bounced",
            "activity.spam_complaint",
            "activity.unsubscribed",
            "activity.delivered",
        ),
        keys=(Key("secret", "the webhook's own page: Signing secret"),),
        notes=("MailerSend asks whether we answer before it saves the webhook: let us run first.",),
    )
    secret: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the signature. Raises NotAuthentic or NotConfigured."""
        if _is_test(headers, body):
            return
        signatures.keys(self.secret, SETTING)
        signatures.hmac_sha256_hex(signatures.required(headers, "Signature"), body, self.secret, SETTING)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The one event; none for the test that MailerSend posts when a webhook is made. Raises MalformedReport."""
        report = _report(body)
        return [] if report.text("type") == _TEST else [_event(report, now)]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, signed."""
        data = {
            "id": derived_id("sample", address, now),
            "type": "hard_bounced",
            "recipient": address,
            "message_id": f"<{token}@sample.example>",
            "meta": {"bounce_code": 550, "bounce_reason": "550 5.1.1 User unknown"},
        }
        document = {"type": "activity.hard_bounced", "created_at": now.isoformat(), "data": data}
        body = json.dumps(document).encode()
        key = signatures.keys(self.secret, SETTING)[0]
        return {"Signature": hmac.new(key.encode(), body, hashlib.sha256).hexdigest()}, body


def _is_test(headers: Mapping[str, str], body: bytes) -> bool:
    """Whether this is the test: it says nothing of anybody, so that anybody may post it."""
    signed = hmac.new(_TEST_SECRET.encode(), body, hashlib.sha256).hexdigest()
    given = signatures.header(headers, "Signature")
    return signatures.same(given.strip().lower(), signed) and _report(body).text("type") == _TEST


def _report(body: bytes) -> Fields:
    document = payload.load(body)
    if not isinstance(document, dict):
        raise MalformedReport("the body must be a JSON object with a type and data")
    return Fields(document)


def _event(report: Fields, now: datetime) -> Event:
    data = report.child("data")
    mail, morph, meta = data.child("email"), data.child("morph"), data.child("meta")
    said = meta.text("bounce_reason", "suppression_reason", "reject_reason") or morph.text("reason", "readable_reason")
    means = EVENTS.get(report.text("type"), meaning.OTHER).refined(said)
    address = data.text("email", "recipient") or mail.child("recipient").text("email")
    message = mail.child("message")
    return Event(
        provider=MailerSend.name,
        id=data.text("id") or derived_id(report.text("type"), address, report.text("created_at")),
        kind=means.kind,
        address=address,
        at=(data if "created_at" in data.data else report).at("created_at", now=now),
        token=tokens.first(*_candidates(data), *_candidates(mail), data.text("message_id"), message.text("id")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, report.text("type")),
    )


def _candidates(fields: Fields) -> list[str]:
    """A tag may be our token, and so may the Message-ID among the headers, which come as a list or an object."""
    return [*fields.texts("tags"), fields.header("Message-ID")]
