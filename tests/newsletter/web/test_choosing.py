"""What is ticked on the page of choices: events, and kinds of events, and the one against the other."""

from dataclasses import replace
from datetime import datetime
from itertools import product

import pytest
from sqlalchemy import insert, select

from newsletter import catalogues
from newsletter.constellation.model import EventKind
from newsletter.web import choosing, look
from newsletter.web.choosing import NotSaved
from newsletter.web.forms import Form
from subscribers import audience, choices
from subscribers.audience import Rhythm
from subscribers.preferences import Preferences
from subscribers.tables import subscriber
from tests.newsletter.web.conftest import make_event

SILENT = "kind:story"


@pytest.fixture
def shown(constellation):
    """Two gatherings and two stories ahead."""
    stories = [
        make_event("dawn", "Dawn", datetime(2021, 2, 10, 8), EventKind.STORY),  # noqa: DTZ001 - its zone is added
        make_event("dusk", "Dusk", datetime(2021, 4, 10, 8), EventKind.STORY),  # noqa: DTZ001
    ]
    return look.look(replace(constellation, events=(*constellation.events, *stories)), "")


def person(*, everything=True, followed=(), muted=()) -> Preferences:
    sets = frozenset(followed), frozenset(muted)
    return Preferences(1, "ana@example.org", "", "", "en", "", "active", everything, *sets, None, Rhythm.EACH)


@pytest.fixture
def tick(shown, now):
    """Press the button with these ticked; what is chosen then."""

    def tick(who, scope, kinds, events):
        form = Form({"scope": (scope,), "kinds": tuple(kinds), "events": tuple(events)})
        return choosing.chosen(who, form, shown, catalogues.voice("en"), now)

    return tick


def after(found) -> Preferences:
    return person(everything=found.everything, followed=found.followed, muted=found.muted)


def ticks(who, shown, now) -> set[str]:
    return {event.slug for event in shown.upcoming(now) if choosing.comes(who, event)}


def test_a_kind_that_is_not_ticked_is_silent_whatever_is_ticked_below(tick, shown, now) -> None:
    found = tick(person(), "everything", ["event"], ["opening", "closing", "dawn", "dusk"])
    assert found == choices.of(everything=True, followed=(), muted=[SILENT])
    assert ticks(after(found), shown, now) == {"opening", "closing"}


def test_a_kind_that_is_ticked_again_brings_all_its_events_back(tick, shown, now) -> None:
    found = tick(person(muted=[SILENT]), "everything", ["event", "story"], ["opening", "closing"])
    assert found == choices.of(everything=True, followed=())


def test_one_story_of_a_silent_kind_is_wanted_by_name(tick, shown, now) -> None:
    found = tick(person(muted=[SILENT]), "everything", ["event"], ["opening", "closing", "dawn"])
    assert found == choices.of(everything=True, followed=["dawn"], muted=[SILENT])
    assert ticks(after(found), shown, now) == {"opening", "closing", "dawn"}


def test_one_story_muted_stays_muted_while_its_kind_comes_and_goes(tick, shown, now) -> None:
    every = ["opening", "closing", "dawn"]
    first = tick(person(), "everything", ["event", "story"], every)
    assert first.muted == {"dusk"}
    second = tick(after(first), "everything", ["event"], every)
    third = tick(after(second), "everything", ["event", "story"], ["opening", "closing"])
    assert third.muted == {"dusk"}


def test_no_kind_at_all_is_not_saved(tick) -> None:
    with pytest.raises(NotSaved) as caught:
        tick(person(), "everything", [], ["opening"])
    assert caught.value.field == "kinds"


STANCES = (None, "follow", "mute")
EVERYONE = [
    {topic: stance for topic, stance in zip(("*", "opening", "dawn", SILENT), stances, strict=True) if stance}
    for stances in product((None, "follow"), STANCES, STANCES, (None, "mute"))
]
"""Every way to choose between a gathering, a story, and stories at all."""


@pytest.mark.parametrize("stances", EVERYONE, ids=str)
def test_pressing_save_without_a_change_changes_nothing(tick, shown, now, stances) -> None:
    found = choices.of_stances(stances)
    who = after(found)
    wanted = [kind for kind, _, comes in choosing.kinds(who, shown) if comes]
    assert tick(who, "everything" if who.everything else "some", wanted, ticks(who, shown, now)) == found


async def test_what_is_ticked_is_what_is_sent(database, shown, now) -> None:
    async with database.begin() as connection:
        for number, stances in enumerate(EVERYONE, 1):
            row = {"address": f"p{number}@example.org", "normal": f"p{number}", "hash": f"{number}", "status": "active"}
            await connection.execute(insert(subscriber).values(id=number, joined_at=now, confirmed_at=now, **row))
            await choices.replace(connection, number, choices.of_stances(stances))
        for event in shown.upcoming(now):
            told = await connection.scalars(
                select(subscriber.c.id).where(audience.following(event.slug, event.kind)).order_by(subscriber.c.id)
            )
            ticked = [
                number
                for number, stances in enumerate(EVERYONE, 1)
                if choosing.comes(after(choices.of_stances(stances)), event)
            ]
            assert ticked == list(told)


@pytest.mark.parametrize("scope", ["everything", "some"])
@pytest.mark.parametrize("kinds", [(), ("event",), ("event", "story")])
@pytest.mark.parametrize("events", [(), ("dawn",), ("opening", "closing", "dawn", "dusk")])
def test_a_page_that_was_not_saved_shows_what_was_ticked(shown, now, scope, kinds, events) -> None:
    form = Form({"scope": (scope,), "kinds": kinds, "events": events})
    who = choosing.ticked(person(followed=["opening"], muted=["dusk"]), form, shown, now)
    assert who.everything is (scope == "everything")
    assert {kind for kind, _, comes in choosing.kinds(who, shown) if comes} == set(kinds)
    assert ticks(who, shown, now) == set(events)
