from datetime import UTC, datetime, timedelta

import pytest

from webhooks import payload
from webhooks.errors import MalformedReport


def test_json_that_is_fine_is_read():
    assert payload.load(b'\xef\xbb\xbf{"a": [1, {"b": "\\"["}]}') == {"a": [1, {"b": '"['}]}


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b"\xff{}", "not UTF-8"),
        ("{}".encode("utf-16"), "not UTF-8"),
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b"hello", "not JSON"),
        (b'{"a": NaN}', "NaN is not JSON"),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON"),
        (b"[" * 41 + b"]" * 41, "more than 40 levels"),
        (b"[" * 2_000_000, "more than 40 levels"),
        (b'{"a":' * 200_000, "more than 40 levels"),
    ],
)
def test_anything_else_is_one_clear_error(body, words):
    with pytest.raises(MalformedReport, match=words):
        payload.load(body)


def test_brackets_inside_a_text_are_not_depth():
    assert payload.load(b'"' + b"[" * 1000 + b'"') == "[" * 1000


def test_a_text_that_never_ends_takes_no_long_time():
    with pytest.raises(MalformedReport):
        payload.load(b'"' + b'\\"' * 1_000_000)


def test_fields_of_the_wrong_type_read_as_empty():
    fields = payload.Fields.of({"n": 7, "list": [1], "flag": True, "null": None, "o": {"p": {"q": " x "}}})
    assert fields.text("n") == "7"
    assert fields.text("list", "flag", "null", "missing") == ""
    assert fields.child("o", "p").text("q") == "x"
    assert fields.child("n", "p").text("q") == ""
    assert payload.Fields.of("text").text("a") == ""
    assert fields.children("n") == []


def test_texts_lose_what_a_database_refuses():
    assert payload.Fields({"a": "x\x00y\ud800"}).text("a") == "xy"


@pytest.mark.parametrize(
    "headers", [[{"name": "Message-ID", "value": "x"}], [["Message-ID", "x"]], {"Message-ID": "x"}]
)
def test_a_header_is_found_in_each_shape_providers_use(headers):
    assert payload.Fields({"headers": headers}).header("message-id") == "x"
    assert payload.Fields({"headers": headers}).header("Subject") == ""


@pytest.mark.parametrize(
    "written",
    [
        "2021-03-01T09:00:00Z",
        "2021-03-01T10:00:00.0000000+01:00",
        "2021-03-01 09:00:00 UTC",
        "2021-03-01 09:00:00 +0000",
        "2021-03-01 09:00:00",
        1614589200,
        "1614589200",
        1614589200.5,
        "1614589200000",
    ],
)
def test_times_are_read_in_each_form_providers_write(written, now):
    found = payload.Fields({"at": written}).at("at", now=now)
    assert found - datetime(2021, 3, 1, 9, 0, tzinfo=UTC) < timedelta(seconds=1)
    assert found.tzinfo is not None


@pytest.mark.parametrize(
    "written", ["soon", None, [], True, "1e999", 1e300, -1e300, "9999-12-31T23:59:59-14:00", "2999-01-01T00:00:00Z"]
)
def test_a_time_that_is_none_or_lies_ahead_is_now(written, now):
    assert payload.Fields({"at": written}).at("at", now=now) == now
