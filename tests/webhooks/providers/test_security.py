"""The cases that every provider's reports are held against, whoever adds the next provider."""

import contextlib
import re
from dataclasses import replace
from datetime import timedelta

import pytest

from webhooks import endpoint
from webhooks.errors import MalformedReport, NotAuthentic, NotConfigured, TooLarge, WebhookError
from webhooks.providers import PROVIDERS, Rehearsing, Sampling, build
from webhooks.rehearsals import HEADER, NO_TOKEN, NOBODY, Rehearsals

KEYS = ["k" * 40]
NO_REPORTS = [
    b"",
    b"hello",
    b"{",
    b"\xff\xfe{}",
    '{"a": "ü"}'.encode("utf-16"),
    b"[" * 100_000,
    b'{"a":' * 100_000,
    b"7",
    b'"x"',
]
POSTED_AGAIN = {"mailgun": timedelta(hours=9), "ses": timedelta(hours=1)}
"""Who posts again under the first signature, and for how long; others sign each attempt anew."""
OTHER_SHAPES = [b"{}", b"[]", b"[{}]", b"null", b'{"events": 7}', b'{"events": [7]}', b"[[]]"]


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
    too_far = POSTED_AGAIN.get(dating.provider.name, timedelta(minutes=5)) + timedelta(minutes=1)
    with pytest.raises(NotAuthentic):
        receive(dating, dating.post(dating.body, now + direction * too_far), now)


def test_a_report_that_is_posted_again_under_its_first_signature_is_taken(dating, now):
    late = POSTED_AGAIN.get(dating.provider.name, timedelta(minutes=5)) - timedelta(minutes=1)
    assert receive(dating, dating.post(dating.body, now - late), now)


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


@pytest.mark.parametrize("body", NO_REPORTS, ids=range(len(NO_REPORTS)))
def test_a_signed_body_that_is_no_report_is_one_clear_error(party, now, body):
    with pytest.raises(WebhookError) as error:
        receive(party, party.post(body, now), now)
    assert error.value.status in (400, 401, 406)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("body", OTHER_SHAPES)
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
    assert all("quite_new" in event.detail for event in events), "by its name somebody finds out what it is"


def test_that_somebody_opened_a_mail_or_clicked_in_it_is_told_by_nothing_that_is_kept(naming, now):
    party, place = naming
    for name in ("open", "clicked", "email.opened", "amp_click", "MessageLoaded", "EmailEngagementTrackingReport"):
        body = re.sub(rf'"{place}": "[^"]+"'.encode(), f'"{place}": "{name}"'.encode(), party.body)
        for event in receive(party, party.post(body, now), now):
            assert event.kind == "other"
            assert name not in event.detail


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


# By a key that stands in for the provider's. It is the same list: what no provider's own key may do, such a key may not
# do either – and not much of what that may.


def sample(party, now, keys=KEYS):
    return Rehearsals(keys).sample(party.provider, now=now)


def stood_in(party, posted, now):
    """What was posted, beside the header by which the very key that signed it stands in for the provider's."""
    headers, body = posted
    return headers | Rehearsals(KEYS).vouch(party.stranger, party.public, now=now), body


def rehearse(provider, posted, now, keys=KEYS):
    headers, body = posted
    return Rehearsals(keys).receive(provider, headers, body, now=now)


def test_each_provider_either_shares_its_key_or_is_rehearsed(party):
    assert isinstance(party.provider, Sampling) != isinstance(party.provider, Rehearsing)


def test_a_sample_by_a_key_that_stands_in_is_believed_and_read_as_a_hard_bounce_of_nobody(rehearsing, now):
    (event,) = rehearse(rehearsing.provider, sample(rehearsing, now), now)
    assert (event.kind, event.bounce, event.address, event.token) == ("bounced", "hard", NOBODY, NO_TOKEN)


def test_each_test_makes_a_key_and_a_report_of_its_own(rehearsing, now):
    (first, one), (second, other) = (sample(rehearsing, now + timedelta(seconds=n)) for n in (0, 1))
    assert first[HEADER].split(".")[1] != second[HEADER].split(".")[1]
    ids = {event.id for body in (one, other) for event in rehearsing.provider.parse(body, now=now)}
    assert len(ids) == 2


def test_a_sample_proves_nothing_without_the_header(rehearsing, now):
    headers, body = sample(rehearsing, now)
    with pytest.raises(NotAuthentic):
        receive(rehearsing, ({name: value for name, value in headers.items() if name != HEADER}, body), now)


def test_no_key_stands_in_for_one_that_is_not_set(rehearsing, now):
    with pytest.raises(NotConfigured, match=r"webhooks\."):
        rehearse(build(rehearsing.provider.name, {}), sample(rehearsing, now), now)


def test_no_key_stands_in_where_another_of_the_provider_is_set(rehearsing, now):
    other = rehearsing.stranger
    if rehearsing.provider.name == "ses":  # its key is no setting: the topic is
        other = replace(other, topic_arn=f"{other.topic_arn}2")
    with pytest.raises(NotAuthentic, match="other keys"):
        rehearse(other, sample(rehearsing, now), now)


def test_only_who_has_our_keys_can_let_a_key_stand_in(rehearsing, now):
    posted = sample(rehearsing, now)
    assert rehearse(rehearsing.provider, posted, now, ["n" * 40, *KEYS]), "an older key of ours is honoured"
    with pytest.raises(NotAuthentic, match="other keys"):
        rehearse(rehearsing.provider, posted, now, ["n" * 40])


@pytest.mark.parametrize("place", [0, 1, 2])
def test_no_part_of_the_header_can_be_changed(rehearsing, now, place):
    headers, body = sample(rehearsing, now)
    parts = headers[HEADER].split(".")
    parts[place] = parts[place][:-2] + ("11" if parts[place][-2:] != "11" else "22")
    with pytest.raises(NotAuthentic, match="other keys"):
        rehearse(rehearsing.provider, (headers | {HEADER: ".".join(parts)}, body), now)


@pytest.mark.parametrize("header", ["", ".", "..", "x", "1.2.3", "é.é.é", "9" * 10_000])
def test_a_header_that_is_none_of_ours_is_refused(rehearsing, now, header):
    headers, body = sample(rehearsing, now)
    with pytest.raises(NotAuthentic):
        rehearse(rehearsing.provider, (headers | {HEADER: header}, body), now)


def test_a_key_stands_in_for_a_minute(rehearsing, now):
    posted = sample(rehearsing, now)
    assert rehearse(rehearsing.provider, posted, now + timedelta(seconds=60))
    with pytest.raises(NotAuthentic, match="over"):
        rehearse(rehearsing.provider, posted, now + timedelta(seconds=61))


def test_a_key_stands_in_for_one_provider_alone(party, sendgrid, postal, ses, now):
    headers, body = sample(party, now) if isinstance(party.provider, Rehearsing) else party.post(party.body, now)
    for other in (sendgrid, postal, ses):
        if other.provider.name != party.provider.name:
            of_another = {HEADER: sample(other, now)[0][HEADER]}
            with pytest.raises(NotAuthentic):
                rehearse(party.provider, (headers | of_another, body), now)


def test_no_header_is_good_for_two_providers_even_where_their_keys_are_the_same(now):
    both = [build(name, {f"{name}_public_key": "the same"}) for name in ("postal", "sendgrid")]
    assert len({Rehearsals(KEYS).vouch(provider, "x", now=now)[HEADER] for provider in both}) == 2


def test_no_key_stands_in_for_one_that_is_shared_with_us(sharing, now):
    headers, body = sharing.provider.sample(NOBODY, NO_TOKEN, now=now)
    with pytest.raises(NotAuthentic, match="shares its key"):
        rehearse(sharing.provider, (headers | Rehearsals(KEYS).vouch(sharing.provider, "x", now=now), body), now)


def test_a_sample_changed_on_the_way_is_refused(rehearsing, now):
    headers, body = sample(rehearsing, now)
    changed = body.replace(b"User unknown", b"User unknowm", 1)
    assert changed != body
    with pytest.raises(NotAuthentic, match="does not match"):
        rehearse(rehearsing.provider, (headers, changed), now)


def test_a_sample_is_taken_once(rehearsing, now):
    rehearsals, (headers, body) = Rehearsals(KEYS), sample(rehearsing, now)
    rehearsals.receive(rehearsing.provider, headers, body, now=now)
    with pytest.raises(NotAuthentic, match="before"):
        rehearsals.receive(rehearsing.provider, headers, body, now=now + timedelta(seconds=30))


def test_the_provider_s_own_report_is_not_believed_by_a_key_that_stands_in(rehearsing, now):
    headers, body = rehearsing.post(rehearsing.body, now)
    with pytest.raises(NotAuthentic, match="does not match"):
        rehearse(rehearsing.provider, ({**sample(rehearsing, now)[0], **headers}, body), now)


def test_a_report_of_a_person_is_refused_from_a_key_that_stands_in(rehearsing, now):
    posted = stood_in(rehearsing, rehearsing.post(rehearsing.body, now), now)
    assert endpoint.receive(rehearsing.stranger.believing(rehearsing.public), *posted, now=now), "it is signed well"
    with pytest.raises(NotAuthentic, match="nothing else"):
        rehearse(rehearsing.stranger, posted, now)


@pytest.mark.parametrize(("address", "is_genuine"), [("ana@school.example", False), (NOBODY, True)])
def test_a_sample_with_an_address_or_a_token_of_somebody_is_refused(rehearsing, now, token, address, is_genuine):
    provider = rehearsing.provider
    headers, body, public = provider.rehearse(address, token if is_genuine else NO_TOKEN, now=now)
    with pytest.raises(NotAuthentic, match="nothing else"):
        rehearse(provider, (headers | Rehearsals(KEYS).vouch(provider, public, now=now), body), now)


@pytest.mark.parametrize("body", [*NO_REPORTS, *OTHER_SHAPES], ids=range(len(NO_REPORTS) + len(OTHER_SHAPES)))
def test_a_key_that_stands_in_signs_nothing_but_a_sample(rehearsing, now, body):
    with pytest.raises(WebhookError) as error:
        rehearse(rehearsing.stranger, stood_in(rehearsing, rehearsing.post(body, now), now), now)
    assert error.value.status in (400, 401)
    assert "\n" not in str(error.value)


def test_a_body_over_the_cap_is_refused_from_a_key_that_stands_in_too(rehearsing, now):
    with pytest.raises(TooLarge):
        rehearse(rehearsing.provider, (sample(rehearsing, now)[0], b"x" * (endpoint.MAX_BODY + 1)), now)
