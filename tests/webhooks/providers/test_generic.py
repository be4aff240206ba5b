import json

import pytest

from webhooks.errors import MalformedReport
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.generic import Generic

GENERIC = Generic("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")


def test_a_batch_is_read_in_our_own_vocabulary(payload, now):
    events = GENERIC.parse(payload("generic/batch.json"), now=now)
    assert [(event.id, event.kind, event.bounce, event.reason) for event in events] == [
        ("1", Kind.BOUNCED, BounceClass.HARD, Reason.NO_SUCH_USER),
        ("2", Kind.BOUNCED, BounceClass.SOFT, Reason.MAILBOX_FULL),
        ("3", Kind.BOUNCED, BounceClass.BLOCK, Reason.REPUTATION),
        ("4", Kind.COMPLAINED, None, Reason.UNKNOWN),
        ("5", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
        ("6", Kind.DELIVERED, None, Reason.UNKNOWN),
        ("7", Kind.AUTO_REPLIED, None, Reason.UNKNOWN),
        ("8", Kind.DEFERRED, BounceClass.SOFT, Reason.GREYLISTED),
        ("9", Kind.OTHER, None, Reason.UNKNOWN),
    ]


def test_a_token_is_read_whatever_its_case(payload, now, token):
    assert [event.token for event in GENERIC.parse(payload("generic/batch.json"), now=now)][:2] == [token, None]


def test_an_event_without_a_time_happened_now(now):
    (event,) = GENERIC.parse(b'{"events": [{"id": "1", "type": "delivered", "email": "a@b.example"}]}', now=now)
    assert event.at == now


@pytest.mark.parametrize(
    ("event", "words"),
    [({"type": "bounced", "email": "a@b.example"}, 'needs an "id"'), ({"id": "7", "type": "bounced"}, "event 7 needs")],
)
def test_an_event_that_names_nobody_or_has_no_id_is_refused_with_its_place(event, words, now):
    with pytest.raises(MalformedReport, match=words):
        GENERIC.parse(json.dumps({"events": [event]}).encode(), now=now)


def test_a_class_or_reason_we_do_not_know_is_read_from_the_reply(now):
    event = {
        "id": "1",
        "type": "bounced",
        "email": "a@b.example",
        "class": "worst",
        "reason": "dunno",
        "status": "5.1.1",
    }
    (read,) = GENERIC.parse(json.dumps({"events": [event]}).encode(), now=now)
    assert (read.bounce, read.reason) == (BounceClass.HARD, Reason.NO_SUCH_USER)
