import base64
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from webhooks.errors import NotAuthentic, NotConfigured
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.postal import Postal

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("sent", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("delayed", Kind.DEFERRED, SOFT, Reason.GREYLISTED),
    ("failed", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("failed-blocked", Kind.BOUNCED, BLOCK, Reason.REPUTATION),
    ("failed-unclear", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("held", Kind.OTHER, None, Reason.UNKNOWN),
    ("held-suppressed", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("bounced", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("clicked", Kind.OTHER, None, Reason.UNKNOWN),
    ("loaded", Kind.OTHER, None, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = Postal().parse(payload(f"postal/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("postal", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize("name", ["incoming"])
def test_mail_that_postal_received_is_not_ours(name, payload, now):
    assert Postal().parse(payload(f"postal/{name}.json"), now=now) == []


@pytest.mark.parametrize("name", ["dns-error", "limit-approaching", "limit-exceeded"])
def test_what_concerns_no_mail_is_for_information(name, payload, now):
    (event,) = Postal().parse(payload(f"postal/{name}.json"), now=now)
    assert (event.kind, event.address) == (Kind.OTHER, "")


def test_the_signature_of_older_versions_is_believed(postal, rsa_keys, now):
    signature = rsa_keys[0].sign(b"{}", padding.PKCS1v15(), hashes.SHA1())
    postal.provider.verify({"X-Postal-Signature": base64.b64encode(signature).decode()}, b"{}", now=now)


def test_a_wrong_new_signature_is_not_saved_by_a_right_old_one(postal, rsa_keys, now):
    signature = base64.b64encode(rsa_keys[0].sign(b"{}", padding.PKCS1v15(), hashes.SHA1())).decode()
    with pytest.raises(NotAuthentic):
        postal.provider.verify({"X-Postal-Signature": signature, "X-Postal-Signature-256": "AAAA"}, b"{}", now=now)


def test_a_key_in_pem_is_read_too(postal, now):
    body = base64.b64encode(b"").decode()
    pem = f"-----BEGIN PUBLIC KEY-----\n{postal.provider.public_key}\n-----END PUBLIC KEY-----{body}"
    headers, raw = postal.post(b"{}", now)
    Postal(pem).verify(headers, raw, now=now)


@pytest.mark.parametrize("key", ["not base64!", "AAAA"])
def test_a_key_that_is_none_is_one_clear_line(key, now):
    with pytest.raises(NotConfigured, match="postal_public_key"):
        Postal(key).verify({"X-Postal-Signature-256": "x"}, b"{}", now=now)
