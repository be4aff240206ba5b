import json
from datetime import UTC, datetime, timedelta

import pytest

from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.resend import Resend

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("bounced", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounced-diagnosed", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("bounced-untyped", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounced-suppressed", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("bounced-transient", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("bounced-content", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("bounced-undetermined", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("suppressed", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("complained", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("delivery-delayed", Kind.DEFERRED, SOFT, Reason.UNKNOWN),
    ("delivered", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("sent", Kind.OTHER, None, Reason.UNKNOWN),
    ("opened", Kind.OTHER, None, Reason.UNKNOWN),
    ("clicked", Kind.OTHER, None, Reason.UNKNOWN),
    ("failed", Kind.OTHER, None, Reason.UNKNOWN),
    ("scheduled", Kind.OTHER, None, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = Resend().parse(payload(f"resend/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("resend", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("received", "hello@news.example.org"),
        *((f"{what}-{how}", "") for what in ("contact", "domain") for how in ("created", "updated", "deleted")),
        ("suppression-added", ""),
        ("suppression-removed", ""),
    ],
)
def test_what_concerns_no_mail_of_ours_is_for_information(name, address, payload, now):
    (event,) = Resend().parse(payload(f"resend/{name}.json"), now=now)
    assert (event.kind, event.address, event.token) == (Kind.OTHER, address, None)


@pytest.mark.parametrize("name", ["CFBL-Feedback-ID", "List-Unsubscribe"])
def test_where_the_message_id_is_resend_s_own_another_header_of_ours_names_the_mail(name, payload, now, token):
    document = json.loads(payload("resend/bounced.json"))
    document["data"] |= {
        "message_id": "<111-222-333@email.example.com>",
        "tags": {},
        "headers": [
            {"name": "Message-ID", "value": "<111-222-333@email.example.com>"},
            {"name": name, "value": f"<mailto:unsubscribe+{token}@bounces.example.org>"},
        ],
    }
    (event,) = Resend().parse(json.dumps(document).encode(), now=now)
    assert event.token == token


@pytest.mark.parametrize("subtype", ["EmailValidationSuppressed", "OnTenantSuppressionList"])
def test_what_was_not_even_tried_buries_nobody(subtype, payload, now):
    document = json.loads(payload("resend/bounced-suppressed.json"))
    document["data"]["bounce"] |= {"type": "Permanent", "subType": subtype, "message": ""}
    (event,) = Resend().parse(json.dumps(document).encode(), now=now)
    assert (event.bounce, event.reason) == (SOFT, Reason.SUPPRESSED)


def test_two_events_about_no_mail_are_two(payload, now):
    document = json.loads(payload("resend/suppression-added.json"))
    other = {**document, "data": {**document["data"], "id": "another"}}
    ids = {Resend().parse(json.dumps(one).encode(), now=now)[0].id for one in (document, other)}
    assert len(ids) == 2


def test_the_same_event_posted_again_has_the_same_id(payload, now):
    first = Resend().parse(payload("resend/bounced.json"), now=now)
    again = Resend().parse(payload("resend/bounced.json"), now=now + timedelta(hours=5))
    other = Resend().parse(payload("resend/complained.json"), now=now)
    assert first[0].id == again[0].id != other[0].id
