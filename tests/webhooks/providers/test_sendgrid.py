import json
from datetime import UTC, datetime, timedelta

import pytest

from webhooks.errors import NotAuthentic, NotConfigured
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.sendgrid import SendGrid
from webhooks.rehearsals import NO_TOKEN, NOBODY, Rehearsals

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("bounce", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-bare", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-full", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("blocked", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("dropped-bounced", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("dropped-unsubscribed", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("dropped-spam-reporter", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("dropped-invalid", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("dropped-quota", Kind.OTHER, None, Reason.UNKNOWN),
    ("deferred", Kind.DEFERRED, SOFT, Reason.GREYLISTED),
    ("spamreport", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("unsubscribe", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("group-unsubscribe", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("group-resubscribe", Kind.OTHER, None, Reason.UNKNOWN),
    ("delivered", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("processed", Kind.OTHER, None, Reason.UNKNOWN),
    ("open", Kind.OTHER, None, Reason.UNKNOWN),
    ("click", Kind.OTHER, None, Reason.UNKNOWN),
]

RSA_KEY = (
    "MFwwDQYJKoZIhvcNAQEBBQADSwAwSAJBAKNJE3BmdzwW5N0Vt4x1ZsSYQjSYwMOtvp1Sd0dLMYHBjnRVGwFvH+gWD8vCqgf1hA7FuqqBmCSKTtVc"
    "lWwFDPcCAwEAAQ=="
)


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = SendGrid().parse(payload(f"sendgrid/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("sendgrid", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("stated", "kind", "said", "bounce", "reason"),
    [
        ("Content", "bounce", "550 not taken", BLOCK, Reason.CONTENT),
        ("Reputation", "bounce", "550 not taken", BLOCK, Reason.REPUTATION),
        ("Frequency or Volume Too High", "bounce", "550 not taken", BLOCK, Reason.RATE_LIMITED),
        ("Technical Failure", "bounce", "550 not taken", SOFT, Reason.SYSTEM),
        ("Technical Failure", "blocked", "unable to get mx info", SOFT, Reason.SYSTEM),
        ("Mailbox Unavailable", "bounce", "550 not taken", SOFT, Reason.UNKNOWN),
        ("Mailbox Unavailable", "bounce", "550 5.1.1 User unknown", HARD, Reason.NO_SUCH_USER),
        ("Mailbox Unavailable", "blocked", "550 5.1.1 User unknown", SOFT, Reason.UNKNOWN),
        ("Invalid Address", "bounce", "550 not taken", HARD, Reason.NO_SUCH_USER),
        ("Unclassified", "bounce", "550 not taken", HARD, Reason.NO_SUCH_USER),
        ("Unclassified", "blocked", "550 not taken", BLOCK, Reason.POLICY),
    ],
)
def test_what_sendgrid_made_of_a_bounce_keeps_people_whom_no_words_of_the_receiver_bury(
    stated, kind, said, bounce, reason, payload, now
):
    (document,) = json.loads(payload("sendgrid/bounce-bare.json"))
    document |= {"bounce_classification": stated, "type": kind, "reason": said}
    (event,) = SendGrid().parse(json.dumps([document]).encode(), now=now)
    assert (event.bounce, event.reason) == (bounce, reason)


def test_what_becomes_of_the_account_is_for_information(payload, now):
    (event,) = SendGrid().parse(payload("sendgrid/account-suspended.json"), now=now)
    assert (event.kind, event.address, event.token) == (Kind.OTHER, "", None)


def test_the_provider_s_own_id_is_kept(payload, now):
    (event,) = SendGrid().parse(payload("sendgrid/bounce.json"), now=now)
    assert (event.id, event.status) == ("bounce-lC0Rc-FuQmKbnxCWxX1jRQ", "5.1.1")


@pytest.mark.parametrize("key", ["not base64!", "AAAA", RSA_KEY])
def test_a_key_that_is_none_is_one_clear_line(key, now):
    headers = {"X-Twilio-Email-Event-Webhook-Signature": "x", "X-Twilio-Email-Event-Webhook-Timestamp": "1"}
    with pytest.raises(NotConfigured, match="sendgrid_public_key"):
        SendGrid(key).verify(headers, b"[]", now=now)


def test_a_key_that_stands_in_signs_no_second_event_beside_its_sample(sendgrid, now):
    event = {"event": "bounce", "email": NOBODY, "token": NO_TOKEN}
    rehearsals = Rehearsals(["k" * 40])
    header = rehearsals.vouch(sendgrid.stranger, sendgrid.public, now=now)
    for others in ([event], [{**event, "email": "ana@school.example"}], [{"event": "unsubscribe"}]):
        headers, body = sendgrid.post(json.dumps([event, *others]).encode(), now)
        with pytest.raises(NotAuthentic, match="nothing else"):
            rehearsals.receive(sendgrid.stranger, headers | header, body, now=now)
    headers, body = sendgrid.post(json.dumps([event]).encode(), now)
    assert rehearsals.receive(sendgrid.stranger, headers | header, body, now=now)


def test_a_sample_signed_long_ago_is_refused_however_new_its_header(sendgrid, now):
    rehearsals = Rehearsals(["k" * 40])
    headers, body, public = sendgrid.provider.rehearse(NOBODY, NO_TOKEN, now=now - timedelta(minutes=6))
    headers |= rehearsals.vouch(sendgrid.provider, public, now=now)
    with pytest.raises(NotAuthentic, match="minutes away"):
        rehearsals.receive(sendgrid.provider, headers, body, now=now)
