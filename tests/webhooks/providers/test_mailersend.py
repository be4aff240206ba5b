import hashlib
import hmac
from datetime import UTC, datetime

import pytest

from webhooks import endpoint
from webhooks.errors import NotAuthentic, NotConfigured
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.mailersend import MailerSend

HARD, SOFT = BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("hard-bounced", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("soft-bounced", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("deferred", Kind.DEFERRED, SOFT, Reason.UNKNOWN),
    ("spam-complaints", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("unsubscribed", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("suppressed", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("delivered", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("sent", Kind.OTHER, None, Reason.UNKNOWN),
    ("opened", Kind.OTHER, None, Reason.UNKNOWN),
    ("clicked", Kind.OTHER, None, Reason.UNKNOWN),
    ("clicked-unique", Kind.OTHER, None, Reason.UNKNOWN),
    ("opened-unique", Kind.OTHER, None, Reason.UNKNOWN),
    ("survey-opened", Kind.OTHER, None, Reason.UNKNOWN),
    ("survey-submitted", Kind.OTHER, None, Reason.UNKNOWN),
    ("first-hard-bounced", Kind.BOUNCED, HARD, Reason.NO_SUCH_DOMAIN),
    ("first-spam-complaint", Kind.COMPLAINED, None, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = MailerSend().parse(payload(f"mailersend/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("mailersend", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("identity-verified", "news@news.example.org"),
        ("maintenance-start", ""),
        ("maintenance-end", ""),
        ("inbound-forward-failed", ""),
        ("inbound-rejected", ""),
        ("single-verified", ""),
        ("list-verified", ""),
        ("bulk-completed", ""),
        ("on-hold-added", "ana@school.example"),
        ("on-hold-removed", "ana@school.example"),
        ("sms-sent", ""),
        ("sms-delivered", ""),
        ("sms-failed", ""),
    ],
)
def test_what_concerns_no_mail_of_ours_is_for_information(name, address, payload, now):
    (event,) = MailerSend().parse(payload(f"mailersend/{name}.json"), now=now)
    assert (event.kind, event.address, event.token) == (Kind.OTHER, address, None)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


PUBLISHED = "test_Am3L1GuOIc4blLUuHqAPxxwkZaJyEk8G"


def signed(body, secret):
    return {"Signature": hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}


@pytest.mark.parametrize("secret", ["", "s1gning-secret"])
def test_the_test_it_posts_before_it_saves_a_webhook_is_answered_also_without_a_key(secret, payload, now):
    body = payload("mailersend/test.json")
    assert endpoint.receive(MailerSend(secret), signed(body, PUBLISHED), body, now=now) == []


def test_the_test_signed_by_our_key_is_answered_too(payload, now):
    body = payload("mailersend/test.json")
    assert endpoint.receive(MailerSend("s1gning-secret"), signed(body, "s1gning-secret"), body, now=now) == []
    with pytest.raises(NotAuthentic):
        endpoint.receive(MailerSend("s1gning-secret"), signed(body, "other"), body, now=now)


def test_whatever_else_is_signed_by_the_published_secret_is_refused(payload, now):
    body = payload("mailersend/hard-bounced.json")
    with pytest.raises(NotAuthentic):
        endpoint.receive(MailerSend("s1gning-secret"), signed(body, PUBLISHED), body, now=now)
    with pytest.raises(NotConfigured):
        endpoint.receive(MailerSend(), signed(body, PUBLISHED), body, now=now)
