"""When a mail is due: by the calendar or by the clock, right across changes of the clock."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletter.constellation import planning
from newsletter.constellation.model import Anchor, Event, EventKind, Mail, MailKind

NEW_YORK = "America/New_York"
GRACE = timedelta(hours=6)


def local(moment: datetime, zone: str = NEW_YORK) -> str:
    return f"{moment.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M}"


def test_days_are_those_of_the_calendar_though_the_clock_changes_between(event: Callable[..., Event]) -> None:
    after_change = event(starts="2021-03-14T15:00")
    assert local(planning.due(after_change, Mail(MailKind.REMINDER, days=-1))) == "2021-03-13 15:00"
    assert local(planning.due(after_change, Mail(MailKind.INVITATION, days=-14))) == "2021-02-28 15:00"


def test_hours_are_those_that_pass(event: Callable[..., Event]) -> None:
    morning_of_the_change = event(starts="2021-03-14T03:30")
    mail = Mail(MailKind.STARTING_SOON, elapsed=timedelta(hours=-1))
    assert local(planning.due(morning_of_the_change, mail)) == "2021-03-14 01:30"


def test_an_hour_is_by_the_clock_of_the_constellation(event: Callable[..., Event]) -> None:
    zone = ZoneInfo("America/Los_Angeles")
    in_oakland = replace(event(), timezone=zone.key, starts=datetime(2021, 3, 24, 13, tzinfo=zone))
    due = planning.due(in_oakland, Mail(MailKind.REMINDER, days=-1, at=time(15), timezone=NEW_YORK))
    assert local(due) == "2021-03-23 15:00"


def test_after_counts_from_the_end(event: Callable[..., Event]) -> None:
    two_days = event(starts="2021-05-06T11:00", hours=29)
    thanks = Mail(MailKind.THANKS, Anchor.END, days=1, at=time(10), timezone=NEW_YORK)
    assert local(planning.due(two_days, thanks)) == "2021-05-08 10:00"


def test_an_hour_that_is_skipped_becomes_as_much_later(event: Callable[..., Event]) -> None:
    mail = Mail(MailKind.REMINDER, days=-1, at=time(2, 30), timezone=NEW_YORK)
    assert local(planning.due(event(starts="2021-03-15T15:00"), mail)) == "2021-03-14 03:30"


def test_of_an_hour_that_occurs_twice_the_first_is_meant(event: Callable[..., Event]) -> None:
    mail = Mail(MailKind.REMINDER, days=-1, at=time(1, 30), timezone=NEW_YORK)
    assert planning.due(event(starts="2021-11-08T15:00"), mail) == datetime(2021, 11, 7, 5, 30, tzinfo=UTC)


def test_a_skipped_hour_does_not_exist_and_a_repeated_one_does() -> None:
    zone = ZoneInfo(NEW_YORK)
    assert not planning.exists(datetime(2021, 3, 14, 2, 30), zone)  # noqa: DTZ001 - a clock on a wall
    assert planning.exists(datetime(2021, 11, 7, 1, 30), zone)  # noqa: DTZ001
    assert planning.exists(datetime(2021, 3, 14, 3, 0), zone)  # noqa: DTZ001


def test_a_mail_that_looks_forward_is_of_no_use_once_it_has_started(event: Callable[..., Event]) -> None:
    opening = event()
    due = opening.starts.astimezone(UTC) - timedelta(hours=1)
    assert planning.useless_from(opening, MailKind.STARTING_SOON, due, GRACE) == opening.starts


def test_thanks_may_be_late_by_the_grace_and_no_more(event: Callable[..., Event]) -> None:
    opening = event()
    due = opening.ends.astimezone(UTC) + timedelta(days=1)
    useless = planning.useless_from(opening, MailKind.THANKS, due, GRACE)
    assert due + GRACE < useless <= due + GRACE + timedelta(seconds=1)


ZONES = st.sampled_from(
    [NEW_YORK, "UTC", "Europe/London", "Australia/Lord_Howe", "America/St_Johns", "Asia/Kathmandu", "Pacific/Apia"]
)
EVERYWHERE = [
    ZoneInfo(name) for name in ("Pacific/Kiritimati", "Etc/GMT+12", "Australia/Lord_Howe", "Antarctica/Troll", NEW_YORK)
]
MOMENTS = st.datetimes(datetime(2011, 12, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 - bounds
DAYS = st.integers(-60, 60)


@st.composite
def events(draw: st.DrawFn) -> Event:
    zone = draw(ZONES)
    start = draw(MOMENTS).astimezone(ZoneInfo(zone))
    return Event("e", "E", EventKind.EVENT, start, (start.astimezone(UTC) + timedelta(hours=3)), zone)


@given(events(), DAYS, st.times(), ZONES, st.sampled_from(Anchor))
def test_an_hour_given_is_what_the_clock_shows_on_the_day_meant(
    event: Event, days: int, at: time, zone: str, anchor: Anchor
) -> None:
    due = planning.due(event, Mail(MailKind.REMINDER, anchor, days=days, at=at, timezone=zone)).astimezone(
        ZoneInfo(zone)
    )
    from_moment = event.starts if anchor is Anchor.START else event.ends
    wanted = datetime.combine(from_moment.astimezone(ZoneInfo(zone)).date() + timedelta(days=days), at)
    if planning.exists(wanted, ZoneInfo(zone)):
        assert due.replace(tzinfo=None, fold=0) == wanted
    else:
        assert due.replace(tzinfo=None) > wanted


@given(events(), st.integers(-60, -1) | st.integers(1, 60), st.times(), st.sampled_from(Anchor))
@settings(max_examples=40)
def test_a_mail_by_each_reader_s_clock_shows_its_hour_on_every_clock_and_on_the_right_side_of_the_event(
    event: Event, days: int, at: time, anchor: Anchor
) -> None:
    mail = Mail(MailKind.REMINDER, anchor, days=days, at=at, timezone=NEW_YORK, local=True)
    first, last = planning.span(event, mail)
    from_moment = event.starts if anchor is Anchor.START else event.ends
    for zone in EVERYWHERE:
        due = planning.due(event, mail, zone.key)
        assert first < due < last
        assert (due < from_moment) == (days < 0)
        wanted = datetime.combine(from_moment.astimezone(zone).date() + timedelta(days=days), at)
        if planning.exists(wanted, zone):
            assert due.astimezone(zone).replace(tzinfo=None, fold=0) == wanted


@st.composite
def conferences(draw: st.DrawFn) -> Event:
    zone, first = draw(ZONES), draw(st.dates(date(2012, 1, 15), date(2030, 1, 1)))
    ends = first + timedelta(days=draw(st.integers(1, 5)))
    starts, over = planning.midnight(first, zone), planning.midnight(ends, zone)
    return Event("e", "E", EventKind.EVENT, starts, over, zone, all_day=True)


@given(conferences(), st.integers(-60, -1) | st.integers(1, 60), st.none() | st.times(), ZONES, st.sampled_from(Anchor))
def test_days_before_and_after_whole_days_are_days_of_the_calendar_wherever_it_is(
    event: Event, days: int, at: time | None, zone: str, anchor: Anchor
) -> None:
    mail = Mail(MailKind.REMINDER, anchor, days=days, at=at, timezone=zone)
    due = planning.due(event, mail).astimezone(ZoneInfo(zone))
    day = event.starts.date() if anchor is Anchor.START else event.last_day
    wanted = datetime.combine(day + timedelta(days=days), at or time(9))
    if planning.exists(wanted, ZoneInfo(zone)):
        assert due.replace(tzinfo=None, fold=0) == wanted
    assert planning.due(Event.from_document(event.to_document()), mail) == due


@given(conferences(), st.integers(-60, 60), st.times(), st.sampled_from(Anchor))
@settings(max_examples=40)
def test_a_mail_of_whole_days_by_each_reader_s_clock_shows_its_hour_on_every_clock(
    event: Event, days: int, at: time, anchor: Anchor
) -> None:
    mail = Mail(MailKind.REMINDER, anchor, days=days, at=at, timezone=NEW_YORK, local=True)
    first, last = planning.span(event, mail)
    day = event.starts.date() if anchor is Anchor.START else event.last_day
    for zone in EVERYWHERE:
        due = planning.due(event, mail, zone.key)
        assert first < due < last
        wanted = datetime.combine(day + timedelta(days=days), at)
        if planning.exists(wanted, zone):
            assert due.astimezone(zone).replace(tzinfo=None, fold=0) == wanted


@given(conferences())
def test_whole_days_are_as_many_as_were_meant_whatever_the_clocks_do_at_midnight(event: Event) -> None:
    assert Event.from_document(event.to_document()) == event
    assert 1 <= event.days <= 5
    assert planning.midnight(event.last_day + timedelta(days=1), event.timezone) == event.ends


def test_a_day_that_begins_at_one_is_one_day() -> None:
    beirut = "Asia/Beirut"  # whose clocks skipped the midnight of 28 March 2021
    event = Event(
        "e",
        "E",
        EventKind.EVENT,
        planning.midnight(date(2021, 3, 27), beirut),
        planning.midnight(date(2021, 3, 28), beirut),
        beirut,
        all_day=True,
    )
    assert (event.ends.hour, event.days, event.last_day) == (1, 1, date(2021, 3, 27))


def test_a_reader_without_a_zone_or_with_an_unknown_one_lives_by_the_constellation_s_clock(
    event: Callable[..., Event],
) -> None:
    mail = Mail(MailKind.REMINDER, days=-1, at=time(9), timezone=NEW_YORK, local=True)
    assert planning.due(event(), mail, "") == planning.due(event(), mail, "Mars/Olympus") == planning.due(event(), mail)
    assert (
        local(planning.due(event(), mail, "Asia/Tokyo"), "Asia/Tokyo") == "2021-02-03 09:00"
    )  # it is on the 4th there


def test_a_mail_under_way_is_given_up_when_what_it_is_about_has_begun_and_a_notice_when_it_is_over(
    event: Callable[..., Event],
) -> None:
    assert planning.over_at(event(), "invitation") == event().starts
    assert planning.over_at(event(), "changed") == event().ends
    assert planning.over_at(event(), "thanks") is planning.over_at(None, "invitation") is None


@given(events(), st.integers(-(10**5), 10**5))
def test_elapsed_time_is_exact(event: Event, minutes: int) -> None:
    elapsed = timedelta(minutes=minutes)
    due = planning.due(event, Mail(MailKind.STARTING_SOON, elapsed=elapsed))
    assert due - event.starts.astimezone(UTC) == elapsed
    assert due.tzinfo is UTC


@given(events(), DAYS, st.none() | st.times(), ZONES)
def test_a_mail_is_due_at_the_same_moment_after_a_round_trip(
    event: Event, days: int, at: time | None, zone: str
) -> None:
    mail = Mail(MailKind.REMINDER, days=days, at=at, timezone=zone)
    kept = Mail.from_document(mail.to_document())
    assert kept == mail
    assert planning.due(Event.from_document(event.to_document()), kept) == planning.due(event, mail)


@pytest.mark.parametrize("zone", ["America/New_York", "Australia/Lord_Howe", "Europe/London"])
def test_every_moment_of_a_year_exists_on_its_own_clock(zone: str) -> None:
    there = ZoneInfo(zone)
    hours = (datetime(2021, 1, 1, tzinfo=UTC) + timedelta(minutes=30 * n) for n in range(48 * 365))
    assert all(planning.exists(moment.astimezone(there).replace(tzinfo=None), there) for moment in hours)
