"""For every provider: how it signs, so that one list of security cases can be held against all of them."""

import base64
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

import pytest

from webhooks import signatures
from webhooks.providers import PROVIDERS, Provider, build

Posted = tuple[dict[str, str], bytes]

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
STRANGE_SECRET = "whsec_" + base64.b64encode(b"somebody else's key").decode()


@dataclass(frozen=True)
class Party:
    """A provider as we have configured it, and as it signs: `post(body, at)` gives headers and body on the wire."""

    provider: Provider
    stranger: Provider
    """The same, configured with another key than it signs with."""
    post: Callable[[bytes, datetime], Posted]
    body: bytes
    batch: Callable[[int], bytes] | None = None
    signs_body: bool = True
    signs_time: bool = True


def basic(username: str, password: str) -> dict[str, str]:
    return {"Authorization": "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()}


@pytest.fixture
def generic(payload) -> Party:
    def post(body: bytes, at: datetime) -> Posted:
        return signatures.sign_standard_webhooks(body, SECRET, identifier="msg_1", now=at), body

    return Party(
        provider=build("generic", {"generic_secret": SECRET}),
        stranger=build("generic", {"generic_secret": STRANGE_SECRET}),
        post=post,
        body=payload("generic/batch.json"),
        batch=lambda count: json.dumps(
            {"events": [{"id": str(n), "email": "a@b.example"} for n in range(count)]}
        ).encode(),
    )


@pytest.fixture
def postmark(payload) -> Party:
    return Party(
        provider=build("postmark", {"postmark_username": "postmark", "postmark_password": "let-me-in"}),
        stranger=build("postmark", {"postmark_username": "postmark", "postmark_password": "other"}),
        post=lambda body, at: (basic("postmark", "let-me-in"), body),
        body=payload("postmark/hard-bounce.json"),
        signs_body=False,
        signs_time=False,
    )


@pytest.fixture(params=sorted(PROVIDERS))
def party(request: pytest.FixtureRequest) -> Party:
    """Every provider there is; one without a fixture of its own name fails here."""
    return request.getfixturevalue(request.param)
