"""Postmark: HTTP Basic authentication, one event a request, told apart by RecordType.

https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from webhooks import classification, payload, signatures, tokens
from webhooks.errors import MalformedReport
from webhooks.events import BounceClass, Event, Kind, Reason, derived_id

Meaning = tuple[Kind, BounceClass | None, Reason]

BOUNCES: dict[str, Meaning] = {
    "HardBounce": (Kind.BOUNCED, BounceClass.HARD, Reason.NO_SUCH_USER),
    "BadEmailAddress": (Kind.BOUNCED, BounceClass.HARD, Reason.NO_SUCH_USER),
    "Transient": (Kind.BOUNCED, BounceClass.SOFT, Reason.UNKNOWN),
    "SoftBounce": (Kind.BOUNCED, BounceClass.SOFT, Reason.UNKNOWN),
    "DnsError": (Kind.BOUNCED, BounceClass.SOFT, Reason.NETWORK),
    "Unknown": (Kind.BOUNCED, BounceClass.SOFT, Reason.UNKNOWN),
    "Blocked": (Kind.BOUNCED, BounceClass.BLOCK, Reason.POLICY),
    "SpamNotification": (Kind.BOUNCED, BounceClass.BLOCK, Reason.CONTENT),
    "VirusNotification": (Kind.BOUNCED, BounceClass.BLOCK, Reason.VIRUS),
    "DMARCPolicy": (Kind.BOUNCED, BounceClass.BLOCK, Reason.AUTHENTICATION),
    "SpamComplaint": (Kind.COMPLAINED, None, Reason.UNKNOWN),
    "Unsubscribe": (Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    "AutoResponder": (Kind.AUTO_REPLIED, None, Reason.UNKNOWN),
    "AddressChange": (Kind.AUTO_REPLIED, None, Reason.UNKNOWN),
    "ChallengeVerification": (Kind.AUTO_REPLIED, None, Reason.UNKNOWN),
}

SUPPRESSIONS: dict[str, Meaning] = {
    "HardBounce": (Kind.BOUNCED, BounceClass.HARD, Reason.SUPPRESSED),
    "SpamComplaint": (Kind.COMPLAINED, None, Reason.UNKNOWN),
    "ManualSuppression": (Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
}
"""SubscriptionChange says why in SuppressionReason: it is an unsubscribe only where a person or staff did it."""

NOTHING: Meaning = (Kind.OTHER, None, Reason.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Postmark:
    """The user name and password that the webhook's URL carries."""

    name: ClassVar[str] = "postmark"
    blocking: ClassVar[bool] = False
    username: str = ""
    password: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check user name and password. Raises NotAuthentic or NotConfigured."""
        setting = "webhooks.postmark_username and webhooks.postmark_password"
        signatures.basic(headers, self.username, self.password, setting)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The one event. Raises MalformedReport."""
        document = payload.load(body)
        if not isinstance(document, dict):
            raise MalformedReport("the body must be a JSON object with a RecordType")
        return [_event(payload.Fields(document), now)]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, with the credentials."""
        credentials = base64.b64encode(f"{self.username}:{self.password}".encode()).decode()
        document = {
            "RecordType": "Bounce",
            "ID": int(now.timestamp() * 1000),
            "Type": "HardBounce",
            "TypeCode": 1,
            "Name": "Hard bounce",
            "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
            "Details": "smtp;550 5.1.1 User unknown",
            "Email": address,
            "BouncedAt": now.isoformat(),
            "Metadata": {"token": token},
        }
        return {"Authorization": f"Basic {credentials}"}, json.dumps(document).encode()


def _event(fields: payload.Fields, now: datetime) -> Event:
    kind, bounce, reason = _meaning(fields)
    detail = fields.text("Details") or fields.text("Description")
    reading = classification.classify("", fields.text("Details"))
    if bounce and reading.bounce is bounce and reading.reason is not Reason.UNKNOWN:
        reason = reading.reason
    address = fields.text("Email", "Recipient")
    return Event(
        provider=Postmark.name,
        id=_identity(fields, address),
        kind=kind,
        address=address,
        at=fields.at("BouncedAt", "DeliveredAt", "ChangedAt", "ReceivedAt", now=now),
        token=tokens.first(fields.child("Metadata").text("token"), fields.text("MessageID")),
        bounce=bounce,
        reason=reason,
        status=reading.status,
        detail=detail,
    )


def _meaning(fields: payload.Fields) -> Meaning:
    match fields.text("RecordType"):
        case "Bounce":
            return BOUNCES.get(fields.text("Type"), NOTHING)
        case "SpamComplaint":
            return Kind.COMPLAINED, None, Reason.UNKNOWN
        case "Delivery":
            return Kind.DELIVERED, None, Reason.UNKNOWN
        case "SubscriptionChange" if fields.true("SuppressSending"):
            return SUPPRESSIONS.get(fields.text("SuppressionReason"), NOTHING)
        case _:
            return NOTHING


def _identity(fields: payload.Fields, address: str) -> str:
    """Only bounces and complaints have an ID."""
    record = fields.text("RecordType")
    moment = fields.text("DeliveredAt", "ChangedAt", "ReceivedAt")
    return (
        f"{record}-{fields.text('ID')}"
        if fields.text("ID")
        else derived_id(record, fields.text("MessageID"), address, moment)
    )
