"""A small constellation, as a file and as values, and ways to change one thing about it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from newsletter.constellation import file as files
from newsletter.constellation.model import Anchor, Brand, Constellation, Event, EventKind, Mail, MailKind, Place, Sender

NEW_YORK = "America/New_York"

CONTENT = """\
[constellation]
slug = "season"
name = "The season"
timezone = "America/New_York"
website = "https://season.example.org"
contact = "hello@season.example.org"
postal_address = "1 Example Street, Lexington, KY 40508, USA"

[constellation.sender]
name = "The season"
email = "news@season.example.org"

[mails]
invitation = { offset = "-2w", at = "09:00" }
reminder = { offset = "-1d", at = "15:00" }
starting-soon = { offset = "-1h" }
thanks = { after = "+1d", at = "10:00" }

[[event]]
slug = "opening"
title = "Opening"
kind = "event"
starts = 2021-02-03T15:00:00
ends = 2021-02-03T17:00:00
place = { online = "https://meet.example.org/opening" }

[[event]]
slug = "a-story"
title = "A story"
kind = "story"
published = 2021-03-10T08:00:00
url = "https://season.example.org/story"
"""


@pytest.fixture
def content() -> str:
    """A constellation file in which everything is right."""
    return CONTENT


@pytest.fixture
def read(tmp_path: Path) -> Callable[[str], Constellation]:
    """Read a text as a constellation file."""

    def read_text(text: str) -> Constellation:
        path = tmp_path / "season.toml"
        path.write_text(text, encoding="utf-8")
        return files.read(path)

    return read_text


@pytest.fixture
def faults(read: Callable[[str], Constellation]) -> Callable[[str], list[str]]:
    """Every line of the error that a text gives as a constellation file, the file's name left out."""

    def faults_of(text: str) -> list[str]:
        with pytest.raises(files.ConstellationError) as caught:
            read(text)
        return [line.split("season.toml:", 1)[1] for line in str(caught.value).splitlines()]

    return faults_of


@pytest.fixture
def mails() -> tuple[Mail, ...]:
    """The mails of an event: two by the calendar, one by the clock, one after the end."""
    return (
        Mail(MailKind.INVITATION, days=-14, at=time(9), timezone=NEW_YORK),
        Mail(MailKind.REMINDER, days=-1, at=time(15), timezone=NEW_YORK),
        Mail(MailKind.STARTING_SOON, elapsed=timedelta(hours=-1)),
        Mail(MailKind.THANKS, Anchor.END, days=1, at=time(10), timezone=NEW_YORK),
    )


@pytest.fixture
def event(mails: tuple[Mail, ...]) -> Callable[..., Event]:
    """An event, some of its fields as a test wants them; `starts` is by the clock in New York."""

    def make(slug: str = "opening", starts: str = "2021-02-03T15:00", hours: int = 2, **changes: Any) -> Event:
        start = datetime.fromisoformat(starts).replace(tzinfo=ZoneInfo(NEW_YORK))
        made = Event(
            slug=slug,
            title=slug.title(),
            kind=EventKind.EVENT,
            starts=start,
            ends=start + timedelta(hours=hours),
            timezone=NEW_YORK,
            place=Place(online="https://meet.example.org"),
            mails=mails,
        )
        return replace(made, **changes)

    return make


@pytest.fixture
def season(event: Callable[..., Event]) -> Callable[..., Constellation]:
    """A constellation of the events given, or of an opening and a closing."""

    def make(*events: Event, **changes: Any) -> Constellation:
        made = Constellation(
            slug="season",
            name="The season",
            tagline="",
            timezone=NEW_YORK,
            language="en",
            website="https://season.example.org",
            contact="hello@season.example.org",
            postal_address="1 Example Street",
            organisers=("One", "Another"),
            sender=Sender("The season", "news@season.example.org", "hello@season.example.org"),
            brand=Brand("#5b2a86", "#f2a900"),
            events=events or (event(), event("closing", "2021-05-06T11:00", hours=29)),
        )
        return replace(made, **changes)

    return make
