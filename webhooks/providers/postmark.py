"""Postmark: HTTP Basic authentication, one event a request, told apart by RecordType.

https://postmarkapp.com/developer/webhooks/webhooks-overview
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from webhooks import payload, signatures, tokens
from webhooks.errors import MalformedReport
from webhooks.events import Event, Reason, derived_id
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

BOUNCES: dict[str, Meaning] = {
    "HardBounce": meaning.hard(),
    "BadEmailAddress": meaning.hard(),
    "Transient": meaning.soft(),
    "SoftBounce": meaning.soft(),
    "DnsError": meaning.soft(Reason.NETWORK),
    "Unknown": meaning.soft(),
    "Blocked": meaning.block(),
    "SpamNotification": meaning.block(Reason.CONTENT),
    "VirusNotification": meaning.block(Reason.VIRUS),
    "DMARCPolicy": meaning.block(Reason.AUTHENTICATION),
    "SpamComplaint": meaning.COMPLAINED,
    "Unsubscribe": meaning.UNSUBSCRIBED,
    "AutoResponder": meaning.AUTO_REPLIED,
    "AddressChange": meaning.AUTO_REPLIED,
    "ChallengeVerification": meaning.AUTO_REPLIED,
}

SUPPRESSIONS: dict[str, Meaning] = {
    "HardBounce": meaning.hard(Reason.SUPPRESSED),
    "SpamComplaint": meaning.COMPLAINED,
    "ManualSuppression": meaning.UNSUBSCRIBED,
}
"""SubscriptionChange says why in SuppressionReason: a manual one is an unsubscribe where the recipient made it."""


@dataclass(frozen=True, slots=True)
class Postmark:
    """The user name and password that the webhook's URL carries."""

    name: ClassVar[str] = "postmark"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Servers → the server → the message stream → Webhooks → Add webhook",
        tick=("Delivery", "Bounce", "Spam Complaint", "Subscription Change"),
        keys=(
            Key("username", "Basic auth credentials", ours=True),
            Key("password", "Basic auth credentials", ours=True),
        ),
    )
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
        return signatures.basic_header(self.username, self.password), json.dumps(document).encode()


def _event(fields: payload.Fields, now: datetime) -> Event:
    means = _meaning(fields).refined(fields.text("Details"))
    address = fields.text("Email", "Recipient")
    return Event(
        provider=Postmark.name,
        id=_identity(fields, address),
        kind=means.kind,
        address=address,
        at=fields.at("BouncedAt", "DeliveredAt", "ChangedAt", "ReceivedAt", now=now),
        token=tokens.first(fields.child("Metadata").text("token"), fields.text("MessageID")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(fields.text("Details", "Description"), _name(fields)),
    )


def _meaning(fields: payload.Fields) -> Meaning:
    match fields.text("RecordType"):
        case "Bounce":
            return BOUNCES.get(fields.text("Type"), meaning.OTHER)
        case "SpamComplaint":
            return meaning.COMPLAINED
        case "Delivery":
            return meaning.DELIVERED
        case "SubscriptionChange" if fields.true("SuppressSending") and not _is_by_staff(fields):
            return SUPPRESSIONS.get(fields.text("SuppressionReason"), meaning.OTHER)
        case _:
            return meaning.OTHER


def _is_by_staff(fields: payload.Fields) -> bool:
    """Whether somebody at the account, or at Postmark, has put the address on its list: no word of the person's."""
    return fields.text("SuppressionReason") == "ManualSuppression" and fields.text("Origin") in ("Customer", "Admin")


def _name(fields: payload.Fields) -> str:
    return " ".join(filter(None, [fields.text("RecordType"), fields.text("Type", "SuppressionReason")]))


def _identity(fields: payload.Fields, address: str) -> str:
    """Only bounces and complaints have an ID."""
    record = fields.text("RecordType")
    moment = fields.text("DeliveredAt", "ChangedAt", "ReceivedAt")
    return (
        f"{record}-{fields.text('ID')}"
        if fields.text("ID")
        else derived_id(record, fields.text("MessageID"), address, moment)
    )
