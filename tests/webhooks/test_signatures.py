import base64
from datetime import UTC, datetime, timedelta

import pytest

from webhooks import signatures
from webhooks.errors import NotAuthentic, NotConfigured

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
BODY = b'{"test": 2432232314}'
HEADERS = {
    "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
    "webhook-timestamp": "1614265330",
    "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
}
AT = datetime.fromtimestamp(1614265330, UTC)


def verify(headers=HEADERS, body=BODY, secret=SECRET, now=AT, prefix="webhook"):
    return signatures.standard_webhooks(headers, body, secret, "webhooks.generic_secret", now=now, prefix=prefix)


def test_the_published_vector_is_accepted():
    assert verify() == "msg_p5jXN8AQM9LWM0D4loKWxJek"


def test_what_we_sign_is_the_published_vector():
    signed = signatures.sign_standard_webhooks(BODY, SECRET, identifier=HEADERS["webhook-id"], now=AT)
    assert signed == HEADERS


def test_the_reference_library_agrees():
    from standardwebhooks import Webhook

    now = datetime.now(UTC)
    headers = signatures.sign_standard_webhooks(BODY, SECRET, identifier="msg_1", now=now)
    assert Webhook(SECRET).verify(BODY, headers) == {"test": 2432232314}


@pytest.mark.parametrize("rename", [str.upper, str.title])
def test_the_case_of_header_names_does_not_matter(rename):
    assert verify({rename(name): value for name, value in HEADERS.items()})


def test_one_right_signature_among_several_is_enough():
    assert verify({**HEADERS, "webhook-signature": f"v1,AAAA v2,BBBB {HEADERS['webhook-signature']}"})


def test_each_of_two_keys_is_accepted_while_they_rotate():
    other = "whsec_" + base64.b64encode(b"another key").decode()
    assert verify(secret=f"{other} {SECRET}")


def test_the_old_header_names_are_accepted_where_asked_for():
    assert verify({name.replace("webhook", "svix"): value for name, value in HEADERS.items()}, prefix="svix")


@pytest.mark.parametrize("changed", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)])
def test_a_time_more_than_five_minutes_away_is_refused(changed):
    with pytest.raises(NotAuthentic, match="5 minutes"):
        verify(now=AT + changed)


@pytest.mark.parametrize("minutes", [5, -5])
def test_a_time_five_minutes_away_is_accepted(minutes):
    assert verify(now=AT + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {**HEADERS, "webhook-signature": ""},
        {**HEADERS, "webhook-signature": "v1,"},
        {**HEADERS, "webhook-signature": "v1,\udcff"},
        {**HEADERS, "webhook-signature": "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
        {**HEADERS, "webhook-id": "msg_other"},
        {**HEADERS, "webhook-timestamp": "1614265331"},
        {**HEADERS, "webhook-timestamp": "now"},
        {**HEADERS, "webhook-timestamp": "-1"},
        {**HEADERS, "webhook-timestamp": "²"},
        {**HEADERS, "webhook-timestamp": "1" * 400},
    ],
)
def test_any_other_headers_are_refused(headers):
    with pytest.raises(NotAuthentic):
        verify(headers)


def test_a_changed_body_is_refused():
    with pytest.raises(NotAuthentic):
        verify(body=BODY + b" ")


@pytest.mark.parametrize("secret", ["", "   ", "whsec_not base64!", "whsec_"])
def test_without_a_usable_secret_nothing_is_believed(secret):
    with pytest.raises(NotConfigured, match="generic_secret"):
        verify(secret=secret)


def authorization(text):
    return {"authorization": "Basic " + base64.b64encode(text.encode()).decode()}


def test_basic_credentials_are_compared_whole():
    signatures.basic(authorization("user:pass:word"), "user", "pass:word", "x")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        authorization("user:wrong"),
        authorization("wrong:pass"),
        authorization(":"),
        authorization("user"),
        {"authorization": "Basic"},
        {"authorization": "Basic ****"},
        {"authorization": "Basic ü"},
        {"authorization": "Bearer dXNlcjpwYXNz"},
    ],
)
def test_wrong_credentials_are_refused(headers):
    with pytest.raises(NotAuthentic):
        signatures.basic(headers, "user", "pass", "x")


@pytest.mark.parametrize(("username", "password"), [("", ""), ("user", ""), ("", "pass")])
def test_empty_credentials_never_match_empty_credentials(username, password):
    with pytest.raises(NotConfigured):
        signatures.basic(authorization(f"{username}:{password}"), username, password, "x")


def test_a_bearer_token_is_believed_and_any_other_refused():
    signatures.bearer({"authorization": "Bearer s3cret"}, "s3cret", "x")
    with pytest.raises(NotAuthentic):
        signatures.bearer({"authorization": "Bearer other"}, "s3cret", "x")
    with pytest.raises(NotConfigured):
        signatures.bearer({"authorization": "Bearer "}, "", "x")
