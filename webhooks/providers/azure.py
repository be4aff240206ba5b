"""Azure Communication Services, through Event Grid: a shared secret in a header of the subscription, events in batches.

Nothing is signed; the header is a delivery property of the event subscription, marked secret. When the subscription is
made, Event Grid asks for a code to be repeated; or, where the subscription's schema is that of CloudEvents, by OPTIONS
whether its events are wanted.

https://learn.microsoft.com/en-us/azure/event-grid/communication-services-email-events
https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-event-grid-events-schema
https://learn.microsoft.com/en-us/azure/event-grid/end-point-validation-cloud-events-schema
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar

from webhooks import payload, signatures, tokens
from webhooks.errors import MalformedReport, NotAuthentic
from webhooks.events import Event, Reason, derived_id
from webhooks.payload import Fields
from webhooks.providers import meaning
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

HEADER = "X-Webhook-Secret"
SETTING = "webhooks.azure_secret"

REPORT = "Microsoft.Communication.EmailDeliveryReportReceived"
VALIDATION = "Microsoft.EventGrid.SubscriptionValidationEvent"

_EVENT_GRID = re.compile(r"(?:[a-z0-9-]+\.)*eventgrid\.azure\.(?:net|us|cn)", re.IGNORECASE)

STATUSES: dict[str, Meaning] = {
    "Delivered": meaning.DELIVERED,
    "Bounced": meaning.hard(),
    "Suppressed": meaning.SUPPRESSED,
    "Failed": meaning.soft(),
    "Quarantined": meaning.block(Reason.CONTENT),
    "FilteredSpam": meaning.block(Reason.CONTENT),
}


@dataclass(frozen=True, slots=True)
class Azure:
    """The secret that the event subscription sends in X-Webhook-Secret."""

    name: ClassVar[str] = "azure"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="Azure portal → Communication Services → Events → Event Subscription → Web Hook",
        tick=("Email Delivery Report Received",),
        keys=(Key("secret", "Delivery Properties: the header X-Webhook-Secret, static, marked as secret", ours=True),),
        notes=(
            "When the subscription is saved, Azure asks whether its events are wanted: let us run before you save it.",
            "Event Schema: Event Grid Schema or Cloud Event Schema v1.0, as you like.",
        ),
    )
    secret: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the secret. Raises NotAuthentic or NotConfigured."""
        known = signatures.keys(self.secret, SETTING)
        given = signatures.required(headers, HEADER)
        if not any(signatures.same(given, key) for key in known):
            raise NotAuthentic(f"{HEADER} is not our secret")

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The delivery reports of the batch; none for a validation. Raises MalformedReport."""
        return [_event(fields, now) for fields in _batch(body) if fields.text("eventType", "type") != VALIDATION]

    def answer(self, body: bytes) -> bytes:
        """Repeat the code of a validation; nothing for anything else."""
        codes = [one for one in _batch(body) if one.text("eventType") == VALIDATION]
        code = codes[0].child("data").text("validationCode") if codes else ""
        return json.dumps({"validationResponse": code}).encode() if code else b""

    def wants(self, origin: str) -> bool:
        """Whether it is Event Grid that asks, and there is a secret by which its events could be believed."""
        return bool(self.secret.strip()) and _EVENT_GRID.fullmatch(origin) is not None

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, with the secret."""
        event = {
            "id": derived_id("sample", address, now),
            "eventType": REPORT,
            "eventTime": now.isoformat(),
            "data": {
                "recipient": address,
                "internetMessageId": f"<{token}@sample.example>",
                "status": "Bounced",
                "deliveryStatusDetails": {"statusMessage": "550 5.1.1 User unknown"},
                "deliveryAttemptTimeStamp": now.isoformat(),
            },
        }
        return {HEADER: signatures.keys(self.secret, SETTING)[0]}, json.dumps([event]).encode()


def _batch(body: bytes) -> list[Fields]:
    """Event Grid posts a list in its own schema, and one object in that of CloudEvents."""
    try:
        return payload.objects(payload.load(body))
    except MalformedReport as error:
        raise MalformedReport(f"no Event Grid events: {error}") from error


def _event(fields: Fields, now: datetime) -> Event:
    data = fields.child("data")
    said = data.child("deliveryStatusDetails").text("statusMessage")
    address = data.text("recipient")
    means = meaning.OTHER
    if fields.text("eventType", "type") == REPORT:
        means = STATUSES.get(data.text("status"), meaning.OTHER).refined(said)
    names = ("deliveryAttemptTimeStamp", "deliveryAttemptTimestamp")
    at = (
        data.at(*names, now=now)
        if any(name in data.data for name in names)
        else fields.at("eventTime", "time", now=now)
    )
    return Event(
        provider=Azure.name,
        id=fields.text("id") or derived_id(data.text("messageId"), address, data.text("status")),
        kind=means.kind,
        address=address,
        at=at,
        token=tokens.first(data.text("internetMessageId")),
        bounce=means.bounce,
        reason=means.reason,
        status=means.status,
        detail=means.told(said, fields.text("eventType", "type")),
    )
