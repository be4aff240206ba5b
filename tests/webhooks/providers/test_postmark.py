import json
from datetime import UTC, datetime

import pytest

from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.postmark import Postmark

HARD, SOFT, BLOCK = BounceClass.HARD, BounceClass.SOFT, BounceClass.BLOCK
POSTMARK = Postmark("postmark", "let-me-in")


@pytest.mark.parametrize(
    ("name", "kind", "bounce", "reason"),
    [
        ("hard-bounce", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
        ("bad-address", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
        ("transient", Kind.BOUNCED, SOFT, Reason.GREYLISTED),
        ("soft-bounce", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
        ("dns-error", Kind.BOUNCED, SOFT, Reason.NETWORK),
        ("blocked", Kind.BOUNCED, BLOCK, Reason.REPUTATION),
        ("spam-notification", Kind.BOUNCED, BLOCK, Reason.CONTENT),
        ("dmarc-policy", Kind.BOUNCED, BLOCK, Reason.AUTHENTICATION),
        ("virus", Kind.BOUNCED, BLOCK, Reason.VIRUS),
        ("auto-responder", Kind.AUTO_REPLIED, None, Reason.UNKNOWN),
        ("challenge", Kind.AUTO_REPLIED, None, Reason.UNKNOWN),
        ("unsubscribe", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
        ("spam-complaint", Kind.COMPLAINED, None, Reason.UNKNOWN),
        ("delivery", Kind.DELIVERED, None, Reason.UNKNOWN),
        ("subscription-manual", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
        ("subscription-hard-bounce", Kind.BOUNCED, HARD, Reason.SUPPRESSED),
        ("subscription-spam", Kind.COMPLAINED, None, Reason.UNKNOWN),
        ("subscription-reactivated", Kind.OTHER, None, Reason.UNKNOWN),
        ("open", Kind.OTHER, None, Reason.UNKNOWN),
        ("click", Kind.OTHER, None, Reason.UNKNOWN),
        ("address-change", Kind.AUTO_REPLIED, None, Reason.UNKNOWN),
        ("unconfirmed", Kind.OTHER, None, Reason.UNKNOWN),
        ("subscribe", Kind.OTHER, None, Reason.UNKNOWN),
        ("open-relay-test", Kind.OTHER, None, Reason.UNKNOWN),
        ("manually-deactivated", Kind.OTHER, None, Reason.UNKNOWN),
        ("smtp-api-error", Kind.OTHER, None, Reason.UNKNOWN),
        ("inbound-error", Kind.OTHER, None, Reason.UNKNOWN),
        ("template-failed", Kind.OTHER, None, Reason.UNKNOWN),
    ],
)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = POSTMARK.parse(payload(f"postmark/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.address, event.token) == ("ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)
    assert event.id


@pytest.mark.parametrize("origin", ["Customer", "Admin"])
def test_whom_staff_put_on_the_list_by_hand_has_not_unsubscribed(origin, payload, now):
    document = json.loads(payload("postmark/subscription-manual.json"))
    (event,) = Postmark().parse(json.dumps({**document, "Origin": origin}).encode(), now=now)
    assert event.kind is Kind.OTHER
    for reason, kind in (("HardBounce", Kind.BOUNCED), ("SpamComplaint", Kind.COMPLAINED)):
        told = {**document, "Origin": origin, "SuppressionReason": reason}
        (event,) = Postmark().parse(json.dumps(told).encode(), now=now)
        assert event.kind is kind


def test_a_bounce_keeps_what_the_receiver_said(payload, now):
    (event,) = POSTMARK.parse(payload("postmark/hard-bounce.json"), now=now)
    assert event.id == "Bounce-4323372036854775807"
    assert event.status == "5.1.1"
    assert event.detail == "smtp;550 5.1.1 The email account that you tried to reach does not exist."


def test_reports_without_an_id_of_their_own_differ_by_what_they_say(payload, now):
    names = ["delivery", "subscription-manual", "open"]
    identifiers = {POSTMARK.parse(payload(f"postmark/{name}.json"), now=now)[0].id for name in names}
    assert len(identifiers) == len(names)
