"""Payloads and mails as they arrive, and the token that our own mails carry."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

HERE = Path(__file__).parent


@pytest.fixture
def now() -> datetime:
    """The moment reports are received at."""
    return datetime(2021, 3, 1, 12, 0, tzinfo=UTC)


@pytest.fixture
def token() -> str:
    """A delivery token: 36 characters of lowercase base32."""
    return "mfrggzdfmztwq2lknnwg23tpobyxe43u72ab"


@pytest.fixture
def payload() -> Callable[[str], bytes]:
    """The bytes of a provider's report: `payload("postmark/bounce.json")`."""
    return lambda name: (HERE / "payloads" / name).read_bytes()


@pytest.fixture
def mail() -> Callable[[str], bytes]:
    """The bytes of a mail that came back: `mail("postfix-unknown.eml")`."""
    return lambda name: (HERE / "mails" / name).read_bytes()


@pytest.fixture
def mails() -> Path:
    """The folder of the mails that came back."""
    return HERE / "mails"
