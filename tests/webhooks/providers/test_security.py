"""The cases that every provider's reports are held against, whoever adds the next provider."""

import contextlib
import re
from datetime import timedelta

import pytest

from webhooks import endpoint
from webhooks.errors import MalformedReport, NotAuthentic, NotConfigured, TooLarge, WebhookError
from webhooks.providers import PROVIDERS, Sampling, build


def receive(party, posted, now, provider=None):
    headers, body = posted
    return endpoint.receive(provider or party.provider, headers, body, now=now)


def test_a_report_signed_with_our_key_is_read(party, now):
    events = receive(party, party.post(party.body, now), now)
    assert events
    assert {event.provider for event in events} == {party.provider.name}
    assert all(event.id and event.at <= now for event in events)


def test_a_provider_without_a_key_is_refused(party, now):
    with pytest.raises(NotConfigured, match=r"webhooks\."):
        receive(party, party.post(party.body, now), now, build(party.provider.name, {}))


def test_a_report_signed_with_another_key_is_refused(party, now):
    with pytest.raises(NotAuthentic):
        receive(party, party.post(party.body, now), now, party.stranger)


def test_a_report_without_any_proof_is_refused(party, now):
    with pytest.raises(NotAuthentic):
        receive(party, ({}, party.body), now)


def test_a_body_changed_on_the_way_is_refused(signing, now):
    headers, body = signing.post(signing.body, now)
    changed = body.replace(b"example", b"exampie", 1)
    assert changed != body
    with pytest.raises(NotAuthentic):
        receive(signing, (headers, changed), now)


@pytest.mark.parametrize("direction", [1, -1])
def test_a_report_signed_long_ago_or_ahead_is_refused(dating, now, direction):
    with pytest.raises(NotAuthentic):
        receive(dating, dating.post(dating.body, now + direction * timedelta(minutes=61)), now)


def test_a_report_posted_twice_carries_the_same_ids(party, now):
    posted = party.post(party.body, now)
    first, again = receive(party, posted, now), receive(party, posted, now + timedelta(minutes=1))
    assert [event.id for event in first] == [event.id for event in again]


def test_ids_are_unique_within_a_report(party, now):
    identifiers = [event.id for event in receive(party, party.post(party.body, now), now)]
    assert len(set(identifiers)) == len(identifiers)


def test_a_body_over_the_cap_is_refused_before_it_is_read(party, now):
    with pytest.raises(TooLarge):
        receive(party, ({}, b"x" * (endpoint.MAX_BODY + 1)), now)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"hello",
        b"{",
        b"\xff\xfe{}",
        '{"a": "ü"}'.encode("utf-16"),
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"7",
        b'"x"',
    ],
    ids=["empty", "text", "cut", "bytes", "utf-16", "deep list", "deep object", "number", "string"],
)
def test_a_signed_body_that_is_no_report_is_one_clear_error(party, now, body):
    with pytest.raises(WebhookError) as error:
        receive(party, party.post(body, now), now)
    assert error.value.status in (400, 401, 406)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"[{}]", b"null", b'{"events": 7}', b'{"events": [7]}', b"[[]]"])
def test_a_signed_body_of_another_shape_is_refused_or_empty_but_never_crashes(party, now, body):
    posted = party.post(body, now)
    with contextlib.suppress(WebhookError):
        assert all(event.kind == "other" for event in receive(party, posted, now))


def test_a_kind_of_event_that_nobody_knows_yet_is_noted_and_nothing_follows(naming, now):
    party, place = naming
    body = re.sub(rf'"{place}": "[^"]+"'.encode(), f'"{place}": "quite_new"'.encode(), party.body)
    events = receive(party, party.post(body, now), now)
    assert len(events) == len(receive(party, party.post(party.body, now), now))
    assert {(event.kind, event.bounce) for event in events} == {("other", None)}


def test_a_batch_over_the_cap_is_refused(batching, now):
    assert len(receive(batching, batching.post(batching.batch(3), now), now)) == 3
    with pytest.raises((TooLarge, MalformedReport)):
        receive(batching, batching.post(batching.batch(endpoint.MAX_EVENTS + 1), now), now)


def test_each_refusal_is_answered_as_the_providers_retries_expect(party, now):
    """4xx is not worth sending again; Mailgun alone goes on for hours unless it is told 406."""
    said = {}
    for name, posted, provider in (
        ("no key", party.post(party.body, now), build(party.provider.name, {})),
        ("another key", party.post(party.body, now), party.stranger),
        ("too large", ({}, b"x" * (endpoint.MAX_BODY + 1)), party.provider),
    ):
        with pytest.raises(WebhookError) as error:
            receive(party, posted, now, provider)
        said[name] = error.value.status
    assert said == {"no key": 403, "another key": 401, "too large": 413}


@pytest.mark.parametrize("name", sorted(PROVIDERS))
def test_keys_are_not_shown_by_repr(name):
    values = {f"{name}_{key}": "hunter2" for key in ("secret", "password", "key", "token")}
    assert "hunter2" not in repr(build(name, values))


def test_a_sample_is_believed_and_read_as_a_hard_bounce(sharing, now, token):
    assert isinstance(sharing.provider, Sampling)
    (event,) = receive(sharing, sharing.provider.sample("ana@school.example", token, now=now), now)
    assert (event.kind, event.bounce, event.address, event.token) == ("bounced", "hard", "ana@school.example", token)
