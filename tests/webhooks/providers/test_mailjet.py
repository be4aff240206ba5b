import json
from datetime import UTC, datetime

import pytest

from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.mailjet import Mailjet

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("bounce-hard", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-domain", Kind.BOUNCED, HARD, Reason.NO_SUCH_DOMAIN),
    ("bounce-soft", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("bounce-spam", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("blocked", Kind.BOUNCED, BLOCK, Reason.REPUTATION),
    ("blocked-preblocked", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("blocked-duplicate", Kind.OTHER, None, Reason.UNKNOWN),
    ("spam", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("unsub", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("sent", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("open", Kind.OTHER, None, Reason.UNKNOWN),
    ("click", Kind.OTHER, None, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = Mailjet().parse(payload(f"mailjet/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("mailjet", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("related", "error", "bounce", "reason"),
    [
        ("recipient", "user unknown", HARD, Reason.NO_SUCH_USER),
        ("recipient", "mailbox inactive", HARD, Reason.MAILBOX_DISABLED),
        ("recipient", "quota exceeded", SOFT, Reason.MAILBOX_FULL),
        ("domain", "invalid domain", HARD, Reason.NO_SUCH_DOMAIN),
        ("domain", "no mail host", SOFT, Reason.NETWORK),
        ("domain", "relay/access denied", BLOCK, Reason.RELAY_DENIED),
        ("domain", "greylisted", SOFT, Reason.GREYLISTED),
        ("domain", "typofix", SOFT, Reason.NO_SUCH_DOMAIN),
        ("spam", "sender blocked", BLOCK, Reason.REPUTATION),
        ("spam", "content blocked", BLOCK, Reason.CONTENT),
        ("spam", "policy issue", BLOCK, Reason.POLICY),
        ("system", "system issue", SOFT, Reason.SYSTEM),
        ("system", "protocol issue", SOFT, Reason.SYSTEM),
        ("system", "connection issue", SOFT, Reason.NETWORK),
        ("recipient", "an error of next year", HARD, Reason.NO_SUCH_USER),
        ("spam", "an error of next year", BLOCK, Reason.CONTENT),
        ("system", "an error of next year", SOFT, Reason.SYSTEM),
    ],
)
def test_an_error_that_lasts_is_hard_only_where_it_is_the_address_s(related, error, bounce, reason, payload, now):
    document = json.loads(payload("mailjet/bounce-hard.json"))
    document |= {"hard_bounce": True, "error_related_to": related, "error": error, "comment": ""}
    (event,) = Mailjet().parse(json.dumps(document).encode(), now=now)
    assert (event.bounce, event.reason) == (bounce, reason)


def test_events_of_its_older_shape_are_told_apart_by_the_id_they_have(payload, now):
    one = {"event": "sent", "email": "ana@school.example", "time": 1424873938}
    group = [{**one, "mj_message_id": number} for number in ("18858825588804172", "18858825588803684")]
    first, second = Mailjet().parse(json.dumps(group).encode(), now=now)
    assert first.id != second.id


def test_grouped_events_are_read_whole(payload, now):
    group = [json.loads(payload(f"mailjet/{name}.json")) for name in ("sent", "spam")]
    events = Mailjet().parse(json.dumps(group).encode(), now=now)
    assert [event.kind for event in events] == [Kind.DELIVERED, Kind.COMPLAINED]
