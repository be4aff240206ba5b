"""What is written is read back by two libraries as what was meant, to the minute and the last comma."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import icalendar
import pytest
import vobject
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter import calendars
from newsletter.calendars import Entry, Method, Standing
from newsletter.calendars.zones import definition
from newsletter.constellation.model import Constellation, Event, EventKind, Place
from newsletter.content import samples

NOW = datetime(2031, 9, 1, 9, 30, tzinfo=UTC)
SERIES = samples.CONSTELLATION


def made(timezone: str, starts: str, ends: str, **changes: object) -> Event:
    zone = ZoneInfo(timezone)
    return replace(
        samples.GATHERING,
        timezone=timezone,
        starts=datetime.fromisoformat(starts).astimezone(zone),
        ends=datetime.fromisoformat(ends).astimezone(zone),
        **changes,
    )


def written(*events: Event, series: Constellation = SERIES, method: Method = Method.PUBLISH, **options: str) -> bytes:
    return calendars.write(series, [Entry(event, 3) for event in events], method=method, stamp=NOW, **options)


def test_an_entry_says_all_there_is_to_know(read) -> None:
    place = Place(name="The Quay; Hall 2", address="1 Quay,\nHarbour \\ East", online="https://meet.example.org/a?b=1")
    event = replace(samples.WALK, title="Ödüller, “prizes”; & a \\ slash", summary="One.\n\nTwo, too.", place=place)
    method, entries = read(written(event))
    assert method == "PUBLISH"
    assert entries == {
        calendars.uid("orchard", "walk"): {
            "starts": event.starts.astimezone(UTC),
            "ends": event.ends.astimezone(UTC),
            "SUMMARY": "Ödüller, “prizes”; & a \\ slash",
            "LOCATION": "The Quay; Hall 2, 1 Quay,\nHarbour \\ East",
            "DESCRIPTION": "One.\n\nTwo, too.\n\nhttps://meet.example.org/a?b=1",
            "URL": "",
            "STATUS": "CONFIRMED",
            "SEQUENCE": 3,
            "ORGANIZER": "mailto:hello@orchard.example.org",
            "CONFERENCE": "https://meet.example.org/a?b=1",
            "stamp": NOW,
        }
    }


@pytest.mark.parametrize(
    ("timezone", "starts", "ends"),
    [
        ("America/New_York", "2021-03-13T20:00-05:00", "2021-03-14T10:00-04:00"),  # over the hour that is left out
        ("America/New_York", "2021-11-07T01:30-04:00", "2021-11-07T01:30-05:00"),  # from the first 1:30 to the second
        ("Australia/Lord_Howe", "2021-04-03T23:00+11:00", "2021-04-04T03:00+10:30"),  # half an hour
        ("Africa/Casablanca", "2021-04-10T10:00+01:00", "2021-05-20T10:00+01:00"),  # twice in five weeks
        ("Asia/Kathmandu", "2021-04-03T10:00+05:45", "2021-04-05T12:00+05:45"),  # several days, no summer time
        ("Europe/London", "2031-10-08T18:00+01:00", "2031-10-08T20:00+01:00"),
        ("UTC", "2021-04-03T10:00+00:00", "2021-04-03T12:00+00:00"),
    ],
)
def test_an_hour_is_the_same_moment_whatever_the_clocks_do(read, timezone: str, starts: str, ends: str) -> None:
    event = made(timezone, starts, ends)
    _, entries = read(written(event))
    ((entry),) = entries.values()
    assert (entry["starts"], entry["ends"]) == (event.starts.astimezone(UTC), event.ends.astimezone(UTC))


@settings(max_examples=30, deadline=None)
@given(
    zone=st.sampled_from(
        ["America/New_York", "Europe/Dublin", "Australia/Lord_Howe", "Africa/Casablanca", "Asia/Tokyo"]
    ),
    hours=st.integers(0, 24 * 365 * 5),
)
def test_the_zones_definition_alone_tells_what_its_clock_shows(zone: str, hours: int) -> None:
    """As a program without a database of zones would use it."""
    at = datetime(2020, 6, 1, tzinfo=UTC) + timedelta(hours=hours)
    lines = "\r\n".join(definition(zone, at, at))
    onsets = []
    for part in icalendar.Component.from_ical(lines).subcomponents:
        onset = part["DTSTART"].dt - part["TZOFFSETFROM"].td
        onsets.append((onset.replace(tzinfo=UTC), part["TZOFFSETTO"].td))
    _, offset = max(one for one in onsets if one[0] <= at)
    assert offset == at.astimezone(ZoneInfo(zone)).utcoffset()


@settings(max_examples=60, deadline=None)
@given(
    title=st.text(st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"]), min_size=1, max_size=200).filter(
        str.strip
    )
)
def test_no_title_breaks_the_calendar_and_no_line_is_too_long(title: str) -> None:
    raw = written(replace(samples.GATHERING, title=title))
    assert max(map(len, raw.split(b"\r\n"))) <= 75
    assert b"\n" not in raw.replace(b"\r\n", b"")
    (entry,) = icalendar.Calendar.from_ical(raw).walk("VEVENT")
    assert str(entry["SUMMARY"]) == title


def test_a_name_cannot_end_its_parameter(read) -> None:
    sender = replace(SERIES.sender, name='A "B":mailto:x@example.org')
    _, entries = read(written(samples.GATHERING, series=replace(SERIES, sender=sender)))
    assert [entry["ORGANIZER"] for entry in entries.values()] == ["mailto:hello@orchard.example.org"]


def test_whole_days_are_days_in_every_calendar_until_the_day_after_the_last() -> None:
    raw = written(samples.CONFERENCE)
    assert b"\r\nDTSTART;VALUE=DATE:20311203\r\nDTEND;VALUE=DATE:20311205\r\n" in raw
    assert b"VTIMEZONE" not in raw, "a day needs no clock"
    (entry,) = icalendar.Calendar.from_ical(raw).walk("VEVENT")
    assert (entry["DTSTART"].dt, entry["DTEND"].dt) == (date(2031, 12, 3), date(2031, 12, 5))
    (other,) = vobject.readOne(raw.decode()).vevent_list
    assert (other.dtstart.value, other.dtend.value) == (date(2031, 12, 3), date(2031, 12, 5))
    google = parse_qs(urlsplit(calendars.google(samples.CONFERENCE)).query)
    assert (google["dates"], "ctz" in google) == (["20311203/20311205"], False)
    outlook = parse_qs(urlsplit(calendars.outlook(samples.CONFERENCE)).query)
    assert (outlook["startdt"], outlook["enddt"], outlook["allday"]) == (["2031-12-03"], ["2031-12-05"], ["true"])
    assert "allday" not in calendars.outlook(samples.WALK)
    assert b"DTSTART;TZID=Asia/Tokyo:20311120T100000" in written(samples.CONFERENCE, samples.WALK)


def test_a_story_is_nothing_to_go_to(read) -> None:
    _, entries = read(written(samples.GATHERING, samples.STORY, samples.WALK, name="The series"))
    assert [entry["SUMMARY"] for entry in entries.values()] == [samples.GATHERING.title, samples.WALK.title]
    assert samples.STORY.kind is EventKind.STORY


def test_what_is_cancelled_or_not_sure_says_so(read) -> None:
    entries = [
        Entry(replace(samples.GATHERING, cancelled=True), 4),
        Entry(samples.WALK, 0, Standing.TENTATIVE),
    ]
    _, found = read(calendars.write(SERIES, entries, method=Method.PUBLISH, stamp=NOW))
    assert [entry["STATUS"] for entry in found.values()] == ["CANCELLED", "TENTATIVE"]
    method, found = read(written(samples.GATHERING, method=Method.CANCEL))
    assert (method, [entry["STATUS"] for entry in found.values()]) == ("CANCEL", ["CANCELLED"])


def test_the_name_of_an_event_outlives_all_but_its_slugs() -> None:
    moved = replace(
        SERIES, name="Another", website="https://else.example", sender=replace(SERIES.sender, email="x@else.example")
    )
    assert (
        written(samples.GATHERING).split(b"UID:")[1][:36]
        == written(samples.GATHERING, series=moved).split(b"UID:")[1][:36]
    )
    assert len({calendars.uid("orchard", "a"), calendars.uid("orchard", "b"), calendars.uid("meadow", "a")}) == 3


def test_the_links_fill_in_the_same_event() -> None:
    event = made("America/New_York", "2021-11-07T01:30-05:00", "2021-11-07T03:00-05:00", title="A & B: c+d")
    google = parse_qs(urlsplit(calendars.google(event)).query)
    assert google["text"] == ["A & B: c+d"]
    assert (google["dates"], google["ctz"]) == (["20211107T013000/20211107T030000"], ["America/New_York"])
    outlook = parse_qs(urlsplit(calendars.outlook(event)).query)
    assert (outlook["startdt"], outlook["subject"]) == (["2021-11-07T01:30:00-05:00"], ["A & B: c+d"])
    assert "+" not in calendars.outlook(event)
    long = calendars.google(replace(event, summary="word " * 900))
    assert len(long) < 2000
