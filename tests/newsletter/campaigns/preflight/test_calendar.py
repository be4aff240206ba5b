"""The calendar in a mail: ours is right, and each way to be wrong is told."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from newsletter import calendars
from newsletter.calendars import Entry, Method
from newsletter.campaigns.preflight import calendar
from newsletter.content import samples

GOOD = calendars.write(
    samples.CONSTELLATION, [Entry(samples.GATHERING, 0)], method=Method.PUBLISH, stamp=datetime(2031, 9, 1, tzinfo=UTC)
).decode()


def faults(text: str, method: str = "PUBLISH") -> list[str]:
    return list(calendar.faults(text.encode(), method, samples.GATHERING))


def test_ours_has_no_fault() -> None:
    assert faults(GOOD) == []
    assert list(calendar.faults(GOOD.encode(), "PUBLISH", None)) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("END:VEVENT", "END:VTODO"), "ends VTODO, which is not open"),
        (("END:VCALENDAR\r\n", ""), "does not end VCALENDAR"),
        (("BEGIN:VEVENT", "BEGIN VEVENT"), "has a line that is no property: BEGIN VEVENT"),
        (("\r\nUID:", "\r\nX-UID:"), "has an event without UID"),
        (("METHOD:PUBLISH", "METHOD:CANCEL"), "has the method CANCEL, its part PUBLISH"),
        (("T180000", "T190000"), "begins at 2031-10-08 18:00 UTC, the event at 2031-10-08 17:00 UTC"),
        (("BEGIN:VEVENT", "X-LONG:" + "x" * 80 + "\r\nBEGIN:VEVENT"), "has lines that are not folded at 75 bytes"),
        (("VEVENT", "VTODO"), "has no event"),
        (("VCALENDAR", "VCARD"), "is no VCALENDAR"),
    ],
)
def test_what_calendars_would_not_take_is_told(change: tuple[str, str], said: str) -> None:
    changed = GOOD.replace(*change)
    assert changed != GOOD
    assert any(fault.startswith(said) for fault in faults(changed)), faults(changed)


def test_one_that_is_not_in_utf8_is_told() -> None:
    assert list(calendar.faults("Grüße".encode("latin-1"), "PUBLISH", None)) == ["is not in UTF-8"]


def test_it_is_found_in_the_mail(mail: Callable[..., Any], found: Callable[..., list[str]]) -> None:
    assert found(calendar.check(mail(calendar="BEGIN:VCALENDAR\r\n"))) == [
        "error calendar: the calendar in the mail does not end VCALENDAR"
    ]
    assert found(calendar.check(mail())) == []
