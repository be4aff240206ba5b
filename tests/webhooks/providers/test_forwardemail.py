import json
from datetime import UTC, datetime

import pytest

from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.forwardemail import ForwardEmail

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("recipient", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("block", Kind.BOUNCED, BLOCK, Reason.REPUTATION),
    ("spam", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("virus", Kind.BOUNCED, BLOCK, Reason.VIRUS),
    ("capacity", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("network", Kind.BOUNCED, SOFT, Reason.NETWORK),
    ("unknown", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = ForwardEmail().parse(payload(f"forwardemail/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("forwardemail", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("action", ["defer", "slowdown"])
def test_a_recipient_who_is_tried_again_is_not_gone(action, payload, now):
    document = json.loads(payload("forwardemail/recipient.json"))
    document["bounce"] |= {"action": action}
    document |= {"response": "the recipient could not be reached", "message": ""}
    (event,) = ForwardEmail().parse(json.dumps(document).encode(), now=now)
    assert (event.bounce, event.reason) == (SOFT, Reason.UNKNOWN)


def test_two_attempts_at_the_same_mail_are_two_events(payload, now):
    document = json.loads(payload("forwardemail/capacity.json"))
    later = json.dumps({**document, "bounced_at": "2021-03-01T10:15:30.000Z"}).encode()
    (first,) = ForwardEmail().parse(payload("forwardemail/capacity.json"), now=now)
    (second,) = ForwardEmail().parse(later, now=now)
    assert first.id != second.id
