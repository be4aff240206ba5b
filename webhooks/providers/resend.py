"""Resend: signed by Svix, which is Standard Webhooks under an older name of the headers; one event a request.

The event's `created_at` is the same when it is posted again, so it makes the id; the signed time changes.

https://resend.com/docs/dashboard/webhooks/event-types
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from webhooks import payload, signatures, tokens
from webhooks.errors import MalformedReport
from webhooks.events import Event, Reason, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

EVENTS: dict[str, Meaning] = {
    "email.delivered": meaning.DELIVERED,
    "email.delivery_delayed": meaning.DEFERRED,
    "email.complained": meaning.COMPLAINED,
    "email.suppressed": meaning.SUPPRESSED,
}
PERMANENT = {
    "Suppressed": meaning.SUPPRESSED,
    "OnAccountSuppressionList": meaning.SUPPRESSED,
    "OnTenantSuppressionList": meaning.SUPPRESSED,
    "EmailValidationSuppressed": meaning.SUPPRESSED,
}
TRANSIENT = {
    "MailboxFull": meaning.soft(Reason.MAILBOX_FULL),
    "MessageTooLarge": meaning.block(Reason.TOO_BIG),
    "CustomTimeoutExceeded": meaning.soft(Reason.EXPIRED),
    "ContentRejected": meaning.block(Reason.CONTENT),
    "AttachmentRejected": meaning.block(Reason.CONTENT),
}


@dataclass(frozen=True, slots=True)
class Resend:
    """The webhook's signing secret, `whsec_…`."""

    name: ClassVar[str] = "resend"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Webhooks → Add Webhook",
        tick=("email.bounced", "email.complained", "email.delivered", "email.delivery_delayed", "email.suppressed"),
        keys=(Key("secret", "the webhook's own page: Signing Secret, whsec_…"),),
    )
    secret: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the signature and its time. Raises NotAuthentic or NotConfigured."""
        signatures.standard_webhooks(headers, body, self.secret, "webhooks.resend_secret", now=now, prefix="svix")

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The event, once for each recipient of the mail. Raises MalformedReport."""
        document = payload.load(body)
        if not isinstance(document, dict):
            raise MalformedReport("the body must be a JSON object with a type and data")
        return list(_events(Fields(document), now))

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, signed."""
        document = {
            "type": "email.bounced",
            "created_at": now.isoformat(),
            "data": {
                "email_id": derived_id("sample", address, now),
                "to": [address],
                "headers": [{"name": "Message-ID", "value": f"<{token}@sample.example>"}],
                "bounce": {"type": "Permanent", "subType": "General", "message": "550 5.1.1 User unknown"},
            },
        }
        body = json.dumps(document).encode()
        signed = signatures.sign_standard_webhooks(body, self.secret, identifier="msg_sample", now=now)
        return {name.replace("webhook", "svix"): value for name, value in signed.items()}, body


def _events(report: Fields, now: datetime) -> Iterator[Event]:
    data = report.child("data")
    said = _said(data)
    means = _meaning(report.text("type"), data.child("bounce")).refined(said)
    for address in data.texts("to") or [""]:
        yield Event(
            provider=Resend.name,
            id=derived_id(report.text("type"), data.text("email_id", "id"), report.text("created_at"), address),
            kind=means.kind,
            address=address,
            at=report.at("created_at", now=now),
            token=_token(data),
            bounce=means.bounce,
            reason=means.reason,
            status=means.status,
            detail=means.told(said, report.text("type")),
        )


def _said(data: Fields) -> str:
    """What the receiver said of a bounce, where that is known; else what Resend says."""
    bounce = data.child("bounce")
    theirs = " ".join(bounce.texts("diagnosticCode")) or bounce.text("message")
    return theirs or data.child("failed").text("reason") or data.child("suppressed").text("message")


def _meaning(name: str, bounce: Fields) -> Meaning:
    if name != "email.bounced":
        return EVENTS.get(name, meaning.OTHER)
    subtype = bounce.text("subType")
    match bounce.text("type"):
        case "Permanent":
            return PERMANENT.get(subtype, meaning.hard())
        case "" if "hard bounce" in bounce.text("message"):
            return meaning.hard()
        case _:
            return TRANSIENT.get(subtype, meaning.soft())


def _token(data: Fields) -> str | None:
    tag = data.child("tags").text("token")
    listed = [one.text("value") for one in data.children("tags") if one.text("name") == "token"]
    headers = [data.header(name) for name in ("Message-ID", "CFBL-Feedback-ID", "List-Unsubscribe")]
    return tokens.first(tag, *listed, *headers, data.text("message_id"))
