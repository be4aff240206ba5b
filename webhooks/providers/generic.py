"""Anything that can sign by Standard Webhooks and speak our own vocabulary: a relay's script, another program of ours.

The body is `{"events": [{"id", "type", "email", "token", "at", "class", "reason", "status", "detail"}]}`; `id`, `type`
and `email` or `token` are needed. `type` is an events.Kind; a bounce's class and reason, where they are not given, are
read from its status and detail.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import ClassVar, TypeVar

from webhooks import classification, payload, signatures
from webhooks.errors import MalformedReport
from webhooks.events import BounceClass, Event, Kind, Reason, derived_id
from webhooks.providers.guide import Guide, Key
from webhooks.providers.meaning import Meaning

T = TypeVar("T", BounceClass, Reason)

TYPES: dict[str, tuple[Kind, BounceClass | None]] = {
    **{kind.value: (kind, None) for kind in Kind},
    "hard": (Kind.BOUNCED, BounceClass.HARD),
    "soft": (Kind.BOUNCED, BounceClass.SOFT),
    "block": (Kind.BOUNCED, BounceClass.BLOCK),
    "bounce": (Kind.BOUNCED, None),
    "complaint": (Kind.COMPLAINED, None),
    "unsubscribe": (Kind.UNSUBSCRIBED, None),
    "auto-reply": (Kind.AUTO_REPLIED, None),
}


@dataclass(frozen=True, slots=True)
class Generic:
    """Standard Webhooks with a secret of ours, `whsec_…`; several, separated by spaces, while it is rotated."""

    name: ClassVar[str] = "generic"
    blocking: ClassVar[bool] = False
    guide: ClassVar[Guide] = Guide(
        where="any program of yours that signs by Standard Webhooks",
        tick=("bounced", "complained", "unsubscribed", "deferred", "delivered"),
        keys=(Key("secret", "the signing secret of that program, whsec_ and base64", ours=True),),
        notes=(
            'The body is {"events": [{"id", "type", "email", "token", "at", "class", "reason", "status", "detail"}]}.',
        ),
    )
    secret: str = field(default="", repr=False)

    def verify(self, headers: Mapping[str, str], body: bytes, *, now: datetime) -> None:
        """Check the signature and its time. Raises NotAuthentic or NotConfigured."""
        signatures.standard_webhooks(headers, body, self.secret, "webhooks.generic_secret", now=now)

    def parse(self, body: bytes, *, now: datetime) -> list[Event]:
        """The events of the batch. Raises MalformedReport."""
        document = payload.load(body)
        if not isinstance(document, dict) or not isinstance(document.get("events"), list):
            raise MalformedReport('the body must be {"events": [ … ]}')
        return [_event(fields, now) for fields in payload.objects(document["events"])]

    def sample(self, address: str, token: str, *, now: datetime) -> tuple[dict[str, str], bytes]:
        """A hard bounce, signed."""
        identifier = derived_id("sample", address, now)
        event = {
            "id": identifier,
            "type": "bounced",
            "class": "hard",
            "reason": "no-such-user",
            "email": address,
            "token": token,
            "at": now.isoformat(),
            "status": "5.1.1",
            "detail": "550 5.1.1 User unknown",
        }
        body = json.dumps({"events": [event]}).encode()
        return signatures.sign_standard_webhooks(body, self.secret, identifier=identifier, now=now), body


def _event(fields: payload.Fields, now: datetime) -> Event:
    identifier, address, token = fields.text("id"), fields.text("email"), fields.text("token").lower()
    if not identifier:
        raise MalformedReport('every event needs an "id", unique for good')
    if not (address or token):
        raise MalformedReport(f'event {identifier} needs an "email" or a "token"')
    kind, bounce = TYPES.get(fields.text("type"), (Kind.OTHER, None))
    reading = None
    if kind in (Kind.BOUNCED, Kind.DEFERRED):
        reading = classification.classify(fields.text("status"), fields.text("detail"))
    return Event(
        provider=Generic.name,
        id=identifier,
        kind=kind,
        address=address,
        at=fields.at("at", now=now),
        token=token or None,
        bounce=(_stated(BounceClass, fields.text("class")) or bounce or reading.bounce) if reading else None,
        reason=(_stated(Reason, fields.text("reason")) or reading.reason) if reading else Reason.UNKNOWN,
        status=fields.text("status"),
        detail=Meaning(kind).told(fields.text("detail"), fields.text("type")),
    )


def _stated(vocabulary: type[T], text: str) -> T | None:
    return vocabulary(text) if text in [member.value for member in vocabulary] else None
