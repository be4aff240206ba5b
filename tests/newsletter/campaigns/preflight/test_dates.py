"""The days that a mail names, in the languages it may be in."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from newsletter.campaigns.preflight import dates
from newsletter.content import compiler, samples
from newsletter.content.facts import Facets
from newsletter.content.headers import Envelope


@pytest.mark.parametrize(
    ("text", "language", "said"),
    [
        ("Wednesday, October 8, 2031", "en", []),
        ("Wed 8 October", "en", []),
        ("the 8th October 2031, and October 9th", "en", []),
        ("on Tuesday, October 8", "en", ["error weekday: “Tuesday, October 8”: 2031-10-08 is a Wednesday"]),
        ("Tue, Oct 8, 2031", "en", ["error weekday: “Tue, Oct 8, 2031”: 2031-10-08 is a Wednesday"]),
        ("until August 20", "en", ["warning past-date: “August 20” is past: it was 2031-08-20"]),
        ("since 2031-08-20", "en", ["warning past-date: “2031-08-20” is past: it was 2031-08-20"]),
        ("February 30", "en", ["error past-date: “February 30” is no day of the calendar"]),
        ("In January we meet", "en", []),  # after the event, and nearest to it
        ("Room 8 October-Haus 2031-10-08/3, 1031-2", "en", []),
        ("Mittwoch, 8. Oktober 2031", "de", []),
        ("Dienstag, den 8. Oktober", "de", ["error weekday: “Dienstag, den 8. Oktober”: 2031-10-08 is a Wednesday"]),
        ("miércoles, 8 de octubre de 2031", "es", []),
        ("martes 8 de octubre", "es", ["error weekday: “martes 8 de octubre”: 2031-10-08 is a Wednesday"]),
        ("mardi 8 octobre 2031", "fr", ["error weekday: “mardi 8 octobre 2031”: 2031-10-08 is a Wednesday"]),
        ("le 1er novembre", "fr", []),
        ("Tuesday, October 8", "de", []),  # not a date in German
        ("10月8日", "no-such", []),
    ],
)
def test_a_day_has_its_weekday_and_is_to_come(
    mail: Callable[..., Any], found: Callable[..., list[str]], text: str, language: str, said: list[str]
) -> None:
    assert found(dates.check(mail(text=text, language=language))) == said


def test_thanks_may_look_back_and_a_change_may_say_what_was(
    mail: Callable[..., Any], found: Callable[..., list[str]]
) -> None:
    assert found(dates.check(mail(text="on August 20", kind="thanks"))) == []
    before = samples.GATHERING.starts.replace(month=8, day=20)
    previous = samples.GATHERING.__class__.from_document(
        {**samples.GATHERING.to_document(), "starts": before.isoformat(), "ends": before.isoformat()}
    )
    assert found(dates.check(mail(text="not on August 20", kind="changed", about={"previous": previous}))) == []


@pytest.mark.parametrize("kind", ["save-the-date", "invitation", "reminder", "changed", "cancelled"])
def test_what_our_own_templates_say_of_the_day_is_right_in_every_region(
    mail: Callable[..., Any], found: Callable[..., list[str]], kind: str
) -> None:
    envelope = Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign="c")
    for facts in samples.facts(kind):
        for locale in ("en", "en-GB"):
            facets = Facets(locale=locale, timezone="Asia/Tokyo")
            raw = compiler.compile(kind, facts, facets, envelope=envelope).fill(samples.VALUES)
            assert found(dates.check(mail(raw=raw, facts=facts, kind=kind))) == []
