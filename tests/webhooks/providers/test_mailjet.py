import json
from datetime import UTC, datetime

import pytest

from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.mailjet import Mailjet

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("bounce-hard", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-domain", Kind.BOUNCED, HARD, Reason.NO_SUCH_DOMAIN),
    ("bounce-soft", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("bounce-spam", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("blocked", Kind.BOUNCED, BLOCK, Reason.REPUTATION),
    ("blocked-preblocked", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("blocked-duplicate", Kind.OTHER, None, Reason.UNKNOWN),
    ("spam", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("unsub", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("sent", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("open", Kind.OTHER, None, Reason.UNKNOWN),
    ("click", Kind.OTHER, None, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = Mailjet().parse(payload(f"mailjet/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("mailjet", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


def test_grouped_events_are_read_whole(payload, now):
    group = [json.loads(payload(f"mailjet/{name}.json")) for name in ("sent", "spam")]
    events = Mailjet().parse(json.dumps(group).encode(), now=now)
    assert [event.kind for event in events] == [Kind.DELIVERED, Kind.COMPLAINED]
