from datetime import UTC, datetime

import pytest

from webhooks.errors import NotAuthentic
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.sparkpost import SparkPost

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("bounce-1", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("bounce-10", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-20", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("bounce-21", Kind.BOUNCED, SOFT, Reason.NETWORK),
    ("bounce-22", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("bounce-23", Kind.BOUNCED, SOFT, Reason.TOO_BIG),
    ("bounce-24", Kind.BOUNCED, SOFT, Reason.EXPIRED),
    ("bounce-25", Kind.BOUNCED, BLOCK, Reason.POLICY),
    ("bounce-25-suppressed", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("bounce-30", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-40", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("bounce-50", Kind.BOUNCED, BLOCK, Reason.POLICY),
    ("bounce-51", Kind.BOUNCED, BLOCK, Reason.REPUTATION),
    ("bounce-52", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("bounce-53", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("bounce-54", Kind.BOUNCED, BLOCK, Reason.RELAY_DENIED),
    ("bounce-60", Kind.AUTO_REPLIED, None, Reason.UNKNOWN),
    ("bounce-70", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("bounce-80", Kind.OTHER, None, Reason.UNKNOWN),
    ("bounce-90", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("bounce-100", Kind.AUTO_REPLIED, None, Reason.UNKNOWN),
    ("out-of-band", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("delivery", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("delay", Kind.DEFERRED, SOFT, Reason.GREYLISTED),
    ("spam-complaint", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("spam-complaint-other", Kind.OTHER, None, Reason.UNKNOWN),
    ("policy-rejection", Kind.BOUNCED, BLOCK, Reason.POLICY),
    ("list-unsubscribe", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("link-unsubscribe", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("open", Kind.OTHER, None, Reason.UNKNOWN),
    ("injection", Kind.OTHER, None, Reason.UNKNOWN),
    ("click", Kind.OTHER, None, Reason.UNKNOWN),
    ("initial-open", Kind.OTHER, None, Reason.UNKNOWN),
    ("amp-open", Kind.OTHER, None, Reason.UNKNOWN),
    ("amp-click", Kind.OTHER, None, Reason.UNKNOWN),
    ("amp-initial-open", Kind.OTHER, None, Reason.UNKNOWN),
    ("generation-failure", Kind.OTHER, None, Reason.UNKNOWN),
    ("generation-rejection", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = SparkPost().parse(payload(f"sparkpost/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("sparkpost", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "address"),
    [
        ("relay-injection", "hello@news.example.org"),
        ("relay-rejection", "hello@news.example.org"),
        ("relay-delivery", ""),
        ("relay-tempfail", ""),
        ("relay-permfail", ""),
        ("sms-status", ""),
    ],
)
def test_mail_that_comes_in_by_it_and_short_messages_are_for_information(name, address, payload, now):
    (event,) = SparkPost().parse(payload(f"sparkpost/{name}.json"), now=now)
    assert (event.kind, event.address, event.token) == (Kind.OTHER, address, None)
    assert event.at == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


def test_a_ping_holds_no_events(payload, now):
    assert SparkPost().parse(payload("sparkpost/ping.json"), now=now) == []


def test_a_bearer_token_is_believed_where_it_is_set(now):
    provider = SparkPost(token="s3cret")
    provider.verify({"Authorization": "Bearer s3cret"}, b"[]", now=now)
    with pytest.raises(NotAuthentic):
        provider.verify({"Authorization": "Bearer other"}, b"[]", now=now)
