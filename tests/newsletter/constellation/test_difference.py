"""What a load would change, as people read it before it happens."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

from newsletter.constellation.difference import FieldChange, What, compare, concerns_calendars
from newsletter.constellation.model import Constellation, Event, Place

Make = Callable[..., Event]
Season = Callable[..., Constellation]


def whats(before: Constellation, after: Constellation) -> dict[str, What]:
    return {change.slug: change.what for change in compare(before, after).events}


def test_the_first_load_adds_everything(season: Season) -> None:
    difference = compare(None, season())
    assert difference.is_first
    assert [(change.slug, change.what) for change in difference.events] == [
        ("opening", What.ADDED),
        ("closing", What.ADDED),
    ]


def test_the_same_again_is_no_difference(season: Season) -> None:
    assert not compare(season(), season())


def test_events_are_added_and_removed_by_their_slug(season: Season, event: Make) -> None:
    assert whats(season(event()), season(event("start"))) == {"opening": What.REMOVED, "start": What.ADDED}


def test_a_new_start_or_end_moves_an_event_and_says_from_when_to_when(season: Season, event: Make) -> None:
    difference = compare(season(event()), season(event(starts="2021-02-04T15:00")))
    assert difference.events[0].what is What.MOVED
    assert difference.events[0].fields == (
        FieldChange("starts", "2021-02-03 15:00 EST", "2021-02-04 15:00 EST"),
        FieldChange("ends", "2021-02-03 17:00 EST", "2021-02-04 17:00 EST"),
    )
    assert whats(season(event()), season(event(hours=3))) == {"opening": What.MOVED}


def test_any_other_field_changes_it(season: Season, event: Make) -> None:
    difference = compare(season(event()), season(event(title="Begin", capacity=5)))
    assert difference.events[0].what is What.CHANGED
    assert difference.events[0].fields == (
        FieldChange("title", "Opening", "Begin"),
        FieldChange("capacity", "no limit", "5"),
    )


def test_a_mail_with_another_rule_is_named_and_the_others_are_not(season: Season, event: Make) -> None:
    mails = event().mails
    changed = event(mails=(replace(mails[0], days=-7), *mails[1:3]))
    assert compare(season(event()), season(changed)).events[0].fields == (
        FieldChange("invitation", "14d before the start at 09:00", "7d before the start at 09:00"),
        FieldChange("thanks", "1d after the end at 10:00", ""),
    )


def test_an_event_is_cancelled_and_restored(season: Season, event: Make) -> None:
    assert whats(season(event()), season(event(cancelled=True))) == {"opening": What.CANCELLED}
    assert whats(season(event(cancelled=True)), season(event())) == {"opening": What.RESTORED}


def test_the_constellation_s_own_fields_are_compared(season: Season) -> None:
    assert compare(season(), season(name="Autumn")).constellation == (FieldChange("name", "The season", "Autumn"),)


def test_calendars_must_learn_of_times_and_places_but_not_of_mails_and_seats(event: Make) -> None:
    before = event()
    assert concerns_calendars(before, replace(before, ends=before.ends + timedelta(hours=1)))
    assert concerns_calendars(before, replace(before, place=Place(name="Library")))
    assert not concerns_calendars(before, replace(before, mails=(), capacity=3))
