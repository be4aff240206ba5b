"""The values: they survive JSON as they are, and say of themselves what people ask."""

import json
from collections.abc import Callable
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from newsletter import assets
from newsletter.constellation import file as files
from newsletter.constellation.model import Anchor, Constellation, Event, Mail, MailKind, Place


def test_a_constellation_survives_json_as_it_is() -> None:
    sample = files.read(assets.TEMPLATES / "init" / "constellation.toml")
    assert Constellation.from_document(json.loads(json.dumps(sample.to_document()))) == sample


def test_a_repeated_hour_keeps_which_of_the_two_it_is(event: Callable[..., Event]) -> None:
    second = datetime(2021, 11, 7, 1, 30, fold=1, tzinfo=ZoneInfo("America/New_York"))
    kept = Event.from_document(event(ends=second).to_document())
    assert kept.ends.fold == 1
    assert kept.ends.utcoffset() == timedelta(hours=-5)


@pytest.mark.parametrize(
    ("mail", "rule"),
    [
        (Mail(MailKind.INVITATION, days=-14, at=time(9)), "14d before the start at 09:00"),
        (Mail(MailKind.STARTING_SOON, elapsed=timedelta(hours=-1)), "1h before the start"),
        (Mail(MailKind.STARTING_SOON, elapsed=timedelta(minutes=-90)), "90m before the start"),
        (Mail(MailKind.THANKS, Anchor.END, days=1, at=time(10)), "1d after the end at 10:00"),
        (Mail(MailKind.STORY), "at the start"),
    ],
)
def test_a_mail_says_its_rule(mail: Mail, rule: str) -> None:
    assert mail.rule == rule


@pytest.mark.parametrize(("hours", "days"), [(2, 1), (9, 1), (10, 2), (29, 2)])
def test_an_event_counts_the_days_it_touches(event: Callable[..., Event], hours: int, days: int) -> None:
    assert event(hours=hours).days == days  # from 15:00: nine hours end at midnight


def test_a_place_of_which_nothing_is_known_is_false() -> None:
    assert not Place()
    assert Place(name="Library")


def test_an_event_is_found_by_its_slug_and_a_mail_by_its_kind(season: Callable[..., Constellation]) -> None:
    opening = season().event("opening")
    assert opening is not None
    assert opening.mail("reminder") is not None
    assert opening.mail("story") is None
    assert season().event("nothing") is None
