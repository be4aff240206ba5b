import json
from datetime import UTC, datetime

import pytest

from webhooks import signatures
from webhooks.errors import NotAuthentic, Unacceptable
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.mailgun import Mailgun

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("failed-permanent", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("failed-permanent-generic", Kind.BOUNCED, SOFT, Reason.UNKNOWN),
    ("failed-suppressed-bounce", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("failed-suppressed-complaint", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("failed-suppressed-unsubscribe", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("failed-temporary", Kind.BOUNCED, SOFT, Reason.GREYLISTED),
    ("complained", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("unsubscribed", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("delivered", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("accepted", Kind.OTHER, None, Reason.UNKNOWN),
    ("opened", Kind.OTHER, None, Reason.UNKNOWN),
    ("clicked", Kind.OTHER, None, Reason.UNKNOWN),
    ("rejected", Kind.BOUNCED, BLOCK, Reason.POLICY),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = Mailgun().parse(payload(f"mailgun/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("mailgun", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


def test_the_token_that_is_used_once_is_the_id_so_that_no_second_event_goes_under_its_signature(payload, now):
    first = Mailgun().parse(payload("mailgun/delivered.json"), now=now)
    forged = Mailgun().parse(payload("mailgun/complained.json"), now=now)
    assert first[0].id == forged[0].id == "651869375b9df3c98fc15c4889b102119add1235c38fc92824"


def test_what_a_subaccount_sends_is_believed_by_the_key_of_the_account_above_it(mailgun, now):
    _, body = mailgun.post(mailgun.body, now)
    document = json.loads(body)
    document["signature"] |= {"parent-signature": document["signature"]["signature"], "signature": "0" * 64}
    mailgun.provider.verify({}, json.dumps(document).encode(), now=now)
    with pytest.raises(NotAuthentic):
        mailgun.stranger.verify({}, json.dumps(document).encode(), now=now)


def test_why_mailgun_itself_did_not_try_is_told(payload, now):
    (event,) = Mailgun().parse(payload("mailgun/rejected.json"), now=now)
    assert event.detail == "Sandbox subdomains are for test purposes only."


def test_a_password_besides_is_asked_for_where_it_is_set(mailgun, now):
    guarded = Mailgun("s1gning-key", "mailgun", "let-me-in")
    headers, body = mailgun.post(mailgun.body, now)
    guarded.verify(signatures.basic_header("mailgun", "let-me-in"), body, now=now)
    with pytest.raises(NotAuthentic):
        guarded.verify(headers, body, now=now)


@pytest.mark.parametrize("body", [b"hello", b"[]", b'{"signature": {}}'])
def test_what_can_never_be_read_is_told_not_to_come_again(body, mailgun, now):
    with pytest.raises((Unacceptable, NotAuthentic)):
        mailgun.provider.verify({}, body, now=now)
    assert Unacceptable.status == 406
