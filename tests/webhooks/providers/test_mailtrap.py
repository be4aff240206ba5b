import json
from datetime import UTC, datetime

import pytest

from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.mailtrap import Mailtrap

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("delivery", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("bounce", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("bounce-spam", Kind.BOUNCED, BLOCK, Reason.POLICY),
    ("soft-bounce", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("spam", Kind.COMPLAINED, None, Reason.UNKNOWN),
    ("unsubscribe", Kind.UNSUBSCRIBED, None, Reason.UNKNOWN),
    ("suspension", Kind.BOUNCED, BLOCK, Reason.POLICY),
    ("reject", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("open", Kind.OTHER, None, Reason.UNKNOWN),
    ("click", Kind.OTHER, None, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = Mailtrap().parse(payload(f"mailtrap/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("mailtrap", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


def test_what_the_account_s_own_people_did_is_for_information(payload, now):
    updated, login = Mailtrap().parse(payload("mailtrap/activity-log.json"), now=now)
    assert (updated.kind, updated.address, login.kind, login.address) == (Kind.OTHER, "", Kind.OTHER, "")
    assert updated.id != login.id


def test_json_lines_are_read_too(payload, now):
    names = ("delivery", "spam")
    lines = [json.dumps(json.loads(payload(f"mailtrap/{name}.json"))["events"][0]) for name in names]
    events = Mailtrap().parse("\n".join(lines).encode(), now=now)
    assert [event.kind for event in events] == [Kind.DELIVERED, Kind.COMPLAINED]
    (event,) = Mailtrap().parse(lines[0].encode(), now=now)
    assert event.kind is Kind.DELIVERED
