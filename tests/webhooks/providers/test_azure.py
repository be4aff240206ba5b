import json
from datetime import UTC, datetime

import pytest

from webhooks import endpoint
from webhooks.errors import NotAuthentic
from webhooks.events import BounceClass, Kind, Reason
from webhooks.providers.azure import Azure

BLOCK, HARD, SOFT = BounceClass.BLOCK, BounceClass.HARD, BounceClass.SOFT

EVENTS = [
    ("delivered", Kind.DELIVERED, None, Reason.UNKNOWN),
    ("bounced", Kind.BOUNCED, HARD, Reason.NO_SUCH_USER),
    ("suppressed", Kind.BOUNCED, SOFT, Reason.SUPPRESSED),
    ("failed", Kind.BOUNCED, SOFT, Reason.MAILBOX_FULL),
    ("quarantined", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("filtered-spam", Kind.BOUNCED, BLOCK, Reason.CONTENT),
    ("expanded", Kind.OTHER, None, Reason.UNKNOWN),
    ("engagement", Kind.OTHER, None, Reason.UNKNOWN),
]


@pytest.mark.parametrize(("name", "kind", "bounce", "reason"), EVENTS)
def test_each_event_is_read(name, kind, bounce, reason, payload, now, token):
    (event,) = Azure().parse(payload(f"azure/{name}.json"), now=now)
    assert (event.kind, event.bounce, event.reason) == (kind, bounce, reason)
    assert (event.provider, event.address, event.token) == ("azure", "ana@school.example", token)
    assert event.at.replace(microsecond=0) == datetime(2021, 3, 1, 9, 15, 30, tzinfo=UTC)


def test_the_code_of_a_validation_is_repeated(payload, now):
    body = payload("azure/validation.json")
    azure = Azure("let-me-in")
    assert endpoint.receive(azure, {"x-webhook-secret": "let-me-in"}, body, now=now) == []
    assert json.loads(endpoint.answer(azure, body)) == {"validationResponse": "512d38b6-c7b8-40c8-89fe-f46f9e9622b6"}


def test_a_report_is_answered_with_nothing(payload):
    assert endpoint.answer(Azure("let-me-in"), payload("azure/bounced.json")) == b""


def test_a_validation_without_the_secret_is_refused(payload, now):
    with pytest.raises(NotAuthentic):
        endpoint.receive(Azure("let-me-in"), {}, payload("azure/validation.json"), now=now)


def test_events_are_wanted_of_event_grid_alone_and_only_where_they_could_be_believed():
    assert Azure("let-me-in").wants("eventgrid.azure.net")
    assert not Azure("let-me-in").wants("eventgrid.azure.net.example.org")
    assert not Azure("").wants("eventgrid.azure.net")


def test_a_report_in_the_schema_of_cloud_events_is_read_just_so(payload, now, token):
    (report,) = json.loads(payload("azure/bounced.json"))
    cloud = {
        "specversion": "1.0",
        "id": report["id"],
        "source": report["topic"],
        "subject": report["subject"],
        "type": report["eventType"],
        "time": report["eventTime"],
        "data": {name: value for name, value in report["data"].items() if name != "deliveryAttemptTimeStamp"},
    }
    (event,) = Azure().parse(json.dumps(cloud).encode(), now=now)
    assert (event.kind, event.bounce, event.token) == (Kind.BOUNCED, HARD, token)
    assert event.at == datetime.fromisoformat(report["eventTime"])
