import base64
import hashlib
import hmac
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from webhooks.errors import MalformedReport, NotConfigured
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.mandrill import Mandrill

HARD, SOFT = BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("hard-bounce", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("soft-bounce", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("deferral", Kind.DEFERRED, SOFT, Reason.GREYLISTED),
    ("spam", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("unsub", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("reject-bounced", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("reject-unsub", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("reject-spam", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("delivered", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("send", Kind.OTHER, None, Reason.UNKNOWN),
    ("open", Kind.OTHER, None, Reason.UNKNOWN),
    ("click", Kind.OTHER, None, Reason.UNKNOWN),
]


def form(events):
    return urlencode({"mandrill_events": events.decode()}).encode()


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = Mandrill().parse(form(payload(f"mandrill/{name}.json")), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("mandrill", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


def test_a_change_of_its_own_lists_is_for_information(payload, now):
    (event,) = Mandrill().parse(form(payload("mandrill/sync.json")), now=now)
    assert (event.kind, event.address) == (Kind.OTHER, "ana@school.example")


def test_the_test_that_it_posts_is_an_empty_batch(now):
    assert Mandrill().parse(b"mandrill_events=%5B%5D", now=now) == []


def test_a_published_signature_recipe_gives_what_we_compute(now):
    form_fields = {"b": "2", "a": "1"}
    digest = hmac.new(b"key", b"https://x.example/a1b2", hashlib.sha1).digest()
    headers = {"X-Mandrill-Signature": base64.b64encode(digest).decode()}
    Mandrill("key", "https://x.example/").verify(headers, urlencode(form_fields).encode(), now=now)


def test_without_its_own_url_nothing_is_believed(now):
    with pytest.raises(NotConfigured, match="mandrill_url"):
        Mandrill("key").verify({"X-Mandrill-Signature": "x"}, b"", now=now)


@pytest.mark.parametrize("body", ["ü".encode(), b"&".join([b"a=1"] * 100)])
def test_a_form_that_is_none_is_one_clear_error(body, now):
    with pytest.raises(MalformedReport, match="mandrill_events"):
        Mandrill("key", "https://x.example/").parse(body, now=now)
