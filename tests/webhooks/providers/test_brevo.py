import json
from datetime import UTC, datetime

import pytest

from webhooks.errors import NotAuthentic
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.brevo import Brevo

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("hard-bounce", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("invalid-email", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("soft-bounce", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("deferred", Kind.DEFERRED, SOFT, Reason.GREYLISTED),
    ("blocked", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("blocked-by-receiver", Kind.BOUNCED, BLOCK, Reason.REPUTATION),
    ("spam", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("complaint", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("unsubscribed", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("delivered", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("opened", Kind.OTHER, None, Reason.UNKNOWN),
    ("request", Kind.OTHER, None, Reason.UNKNOWN),
    ("click", Kind.OTHER, None, Reason.UNKNOWN),
    ("unique-opened", Kind.OTHER, None, Reason.UNKNOWN),
    ("proxy-open", Kind.OTHER, None, Reason.UNKNOWN),
    ("unique-proxy-open", Kind.OTHER, None, Reason.UNKNOWN),
    ("error", Kind.OTHER, None, Reason.UNKNOWN),
    ("campaign-hard-bounce", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = Brevo().parse(payload(f"brevo/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("brevo", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ["list-addition", "contact-updated", "contact-deleted"])
def test_what_becomes_of_its_contacts_is_for_information(name, payload, now):
    (event,) = Brevo().parse(payload(f"brevo/{name}.json"), now=now)
    assert (event.kind, event.token) == (Kind.OTHER, None)


def test_a_batch_is_read_whole(payload, now):
    one = json.loads(payload("brevo/hard-bounce.json"))
    batch = json.dumps([one, {**one, "event": "spam"}]).encode()
    events = Brevo().parse(batch, now=now)
    assert [event.kind for event in events] == [Kind.BOUNCED, Kind.COMPLAINED]
    assert events[0].id != events[1].id


def test_a_bearer_token_is_believed_where_it_is_set(now):
    provider = Brevo(token="s3cret")
    provider.verify({"Authorization": "Bearer s3cret"}, b"[]", now=now)
    with pytest.raises(NotAuthentic):
        provider.verify({"Authorization": "Bearer other"}, b"[]", now=now)
