"""A mail to look at, made of the parts that a test is about."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import Any

import pytest

from newsletter.campaigns.preflight.mail import Mail
from newsletter.content import samples
from newsletter.content.facts import Facts

NOW = datetime(2031, 9, 1, 12, 0, tzinfo=UTC)
OWN = "https://news.example.org/unsubscribe/token"
ADDRESS = samples.CONSTELLATION.postal_address

MakeMail = Callable[..., Mail]


@pytest.fixture
def facts() -> Facts:
    """A campaign about the evening of lanterns, on Wednesday, October 8, 2031."""
    return samples.facts("invitation")[0]


@pytest.fixture
def mail(facts: Facts) -> MakeMail:
    """A mail without a fault, and then changed; `html` is what stands in its body beside what it owes."""

    def make(
        html: str = "",
        *,
        text: str = "Hello",
        subject: str = "An evening of lanterns",
        preheader: str = "Pupils and teachers show each other.",
        calendar: str = "",
        owed: bool = True,
        way_out: bool = True,
        about: dict[str, Any] | None = None,
        **changes: Any,
    ) -> Mail:
        message = EmailMessage(policy=SMTP)
        message["From"], message["To"] = "Orchard <news@orchard.example.org>", "Zoë <zoe@example.org>"
        message["Subject"], message["Date"], message["Message-ID"] = (
            subject,
            format_datetime(NOW),
            "<1@orchard.example.org>",
        )
        message["List-Unsubscribe"], message["List-Unsubscribe-Post"] = f"<{OWN}>", "List-Unsubscribe=One-Click"
        duties = f"{ADDRESS if owed else ''} {OWN if way_out else ''}"
        message.set_content(f"{text}\n{duties}\n")
        footer = f'<p>{ADDRESS if owed else ""} <a href="{OWN if way_out else "https://x.example"}">Unsubscribe</a></p>'
        hidden = f'<div style="display:none;max-height:0">{preheader}</div>'
        message.add_alternative(f"<html><body>{hidden}<h1>Lanterns</h1>{html}{footer}</body></html>", subtype="html")
        if calendar:
            message.add_attachment(calendar.encode(), maintype="text", subtype="calendar", params={"method": "PUBLISH"})
        values: dict[str, Any] = {
            "reader": "en",
            "people": 1,
            "language": "en",
            "kind": "invitation",
            "facts": replace(facts, **about or {}),
            "now": NOW,
            "raw": message.as_bytes(),
            "own_links": frozenset({OWN}),
        }
        return Mail(**{**values, **changes})

    return make


@pytest.fixture
def found() -> Callable[[Iterator[Any]], list[str]]:
    """What a check found, as `severity rule: text`."""
    return lambda findings: [f"{one.severity} {one.rule}: {one.text}" for one in findings]
