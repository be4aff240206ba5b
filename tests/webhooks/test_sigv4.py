"""Signature Version 4, held to the examples and the test suite that AWS publishes."""

from datetime import UTC, datetime

import pytest

from webhooks import sigv4
from webhooks.sigv4 import Credentials

SECRET = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
SUITE = Credentials("AKIDEXAMPLE", SECRET, "us-east-1", "service")
AT = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)


@pytest.mark.parametrize(
    ("method", "target", "signature"),
    [
        ("GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (
            "GET",
            "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        ("POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ],
)
def test_requests_of_the_published_suite_are_signed_as_it_says(method: str, target: str, signature: str) -> None:
    made = sigv4.headers(SUITE, method, f"https://example.amazonaws.com{target}", b"", AT)
    assert made["X-Amz-Date"] == "20150830T123600Z"
    assert made["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
        f"SignedHeaders=host;x-amz-date, Signature={signature}"
    )


def test_the_documented_example_with_a_header_of_its_own_is_signed_as_it_says() -> None:
    iam = Credentials("AKIDEXAMPLE", SECRET, "us-east-1", "iam")
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    extra = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    made = sigv4.headers(iam, "GET", url, b"", AT, extra)["Authorization"]
    assert "SignedHeaders=content-type;host;x-amz-date" in made
    assert made.endswith("Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7")


def test_a_plus_in_a_query_is_signed_as_a_plus() -> None:
    plus = sigv4.headers(SUITE, "GET", "https://example.amazonaws.com/?token=a+b", b"", AT)
    escaped = sigv4.headers(SUITE, "GET", "https://example.amazonaws.com/?token=a%2Bb", b"", AT)
    space = sigv4.headers(SUITE, "GET", "https://example.amazonaws.com/?token=a%20b", b"", AT)
    assert plus == escaped != space


def test_the_secret_stands_in_no_repr() -> None:
    assert SECRET not in repr(SUITE)
