from dataclasses import replace
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest
from babel import Locale

from newsletter.constellation.model import Event
from newsletter.content import dates, samples

US, GB = Locale("en"), Locale("en", "GB")


def at(event: Event, zone: str, starts: tuple[int, ...], ends: tuple[int, ...]) -> Event:
    clock = ZoneInfo(zone)
    return replace(
        event,
        timezone=zone,
        starts=datetime(*starts, tzinfo=clock),  # type: ignore[misc, arg-type] # year to minute
        ends=datetime(*ends, tzinfo=clock),  # type: ignore[misc, arg-type] # year to minute
    )


OPENING = at(samples.GATHERING, "America/New_York", (2021, 2, 3, 15, 0), (2021, 2, 3, 17, 0))
CLOSING = at(samples.GATHERING, "America/New_York", (2021, 5, 6, 11, 0), (2021, 5, 7, 16, 0))


def test_an_event_states_its_day_and_its_hours_by_its_own_clock() -> None:
    assert dates.when(OPENING, US) == "Wednesday, February 3, 2021, 3:00 – 5:00 PM Eastern Time"
    assert dates.when(OPENING, GB) == "Wednesday, 3 February 2021, 15:00–17:00 Eastern Time"


def test_an_event_of_several_days_says_which() -> None:
    assert dates.days(CLOSING, US) == "Thursday, May 6 – Friday, May 7, 2021"
    assert dates.hours(CLOSING, US) == "Thu 11:00 AM – Fri 4:00 PM Eastern Time"
    assert dates.day_numbers(CLOSING) == "6–7"


def test_an_event_that_ends_at_midnight_is_of_one_day() -> None:
    late = at(OPENING, "America/New_York", (2021, 2, 3, 22, 0), (2021, 2, 4, 0, 0))
    assert dates.when(late, US) == "Wednesday, February 3, 2021, 10:00 PM – 12:00 AM Eastern Time"


@pytest.mark.parametrize(
    ("locale", "days", "short", "hours"),
    [
        ("en", "Wednesday, December 3 – Thursday, December 4, 2031", "Dec 3 – 4", "All day"),
        ("de", "Mittwoch, 3. Dezember – Donnerstag, 4. Dezember 2031", "3.–4. Dez.", "Ganztägig"),
        ("es", "miércoles, 3 de diciembre – jueves, 4 de diciembre de 2031", "3–4 dic", "Todo el día"),
        ("fr", "mercredi 3 décembre – jeudi 4 décembre 2031", "3–4 déc.", "Toute la journée"),
    ],
)
def test_whole_days_have_no_hours_anywhere(locale: str, days: str, short: str, hours: str) -> None:
    where = Locale(locale)
    assert dates.when(samples.CONFERENCE, where) == dates.days(samples.CONFERENCE, where) == days
    assert dates.short_days(samples.CONFERENCE, where) == short
    assert dates.hours(samples.CONFERENCE, where) == hours
    assert dates.hours_for_reader(samples.CONFERENCE, where, "America/New_York") == ""
    assert dates.start_for_reader(samples.CONFERENCE, where, "America/New_York") == ""
    assert dates.day_numbers(samples.CONFERENCE) == "3–4"


def test_a_story_has_a_moment() -> None:
    assert dates.hours(samples.STORY, US) == "8:00 AM United Kingdom Time"


def test_a_reader_elsewhere_is_told_the_hours_there() -> None:
    assert dates.hours_for_reader(OPENING, US, "Europe/Berlin") == "9:00 – 11:00 PM Central European Time"
    assert dates.start_for_reader(OPENING, US, "Europe/Berlin") == "9:00 PM Central European Time"


def test_a_reader_for_whom_it_is_another_day_is_told_the_day() -> None:
    assert dates.hours_for_reader(OPENING, US, "Asia/Tokyo") == "Thu 5:00 AM – Thu 7:00 AM Japan Time"


@pytest.mark.parametrize("zone", ["America/New_York", "America/Detroit", "America/Toronto"])
def test_a_reader_by_the_same_clock_is_not_told_twice(zone: str) -> None:
    assert dates.hours_for_reader(OPENING, US, zone) == ""
    assert dates.start_for_reader(OPENING, US, zone) == ""


def test_utc_is_called_utc() -> None:
    assert dates.zone_name(datetime(2021, 2, 3, tzinfo=ZoneInfo("UTC")), US) == "UTC"
    assert dates.zone_name(datetime(2021, 2, 3, tzinfo=UTC), US) == "UTC"


def test_a_locale_keeps_its_regions_order() -> None:
    assert dates.day(OPENING.starts, GB) == "Wednesday, 3 February"
    assert dates.day(OPENING.starts, US) == "Wednesday, February 3"
    assert dates.short_day(OPENING.starts, GB) == "3 Feb"
    assert dates.short_day(OPENING.starts, US) == "Feb 3"
    assert dates.clock(OPENING.starts, GB) == "15:00 Eastern Time"
