"""The calendars that programs follow: right, cheap to ask again, and nobody else's."""

from dataclasses import replace
from datetime import timedelta

import icalendar
import pytest

from newsletter.constellation import store
from subscribers.links import Purpose


def titles(response) -> dict[str, str]:
    """The entries of a calendar, and whether each takes place."""
    entries = icalendar.Calendar.from_ical(response.content).walk("VEVENT")
    return {str(entry["SUMMARY"]): str(entry["STATUS"]) for entry in entries}


async def test_the_series_has_every_event_and_says_what_is_off(client) -> None:
    response = await client.get("/calendar.ics")
    assert response.headers["content-type"] == "text/calendar; charset=utf-8; method=PUBLISH"
    assert titles(response) == {
        "Prelude": "CONFIRMED",
        "Opening": "CONFIRMED",
        "Lost evening": "CANCELLED",
        "Closing <in> light": "CONFIRMED",
    }
    calendar = icalendar.Calendar.from_ical(response.content)
    assert calendar["X-WR-CALNAME"] == "Lanterns & Lamps"


async def test_who_has_it_already_is_told_so_until_it_changes(client, database, loaded, clock) -> None:
    first = await client.get("/calendar.ics")
    assert first.status_code == 200
    known = {"If-None-Match": f'"other", {first.headers["etag"]}'}
    for method in ("GET", "HEAD"):
        again = await client.request(method, "/calendar.ics", headers=known)
        assert (again.status_code, again.content) == (304, b"")
        assert again.headers["etag"] == first.headers["etag"]
    head = await client.head("/calendar.ics")
    assert (head.status_code, head.headers["etag"]) == (200, first.headers["etag"])
    clock.forward(timedelta(days=1))
    moved = [replace(one, title="Opening, moved") if one.slug == "opening" else one for one in loaded.events]
    async with database.begin() as connection:
        await store.load(connection, replace(loaded, events=tuple(moved)), clock())
    changed = await client.get("/calendar.ics", headers=known)
    assert changed.status_code == 200
    assert "Opening, moved" in titles(changed)


async def test_one_event_is_a_file(client) -> None:
    response = await client.get("/events/opening.ics")
    assert response.headers["content-disposition"] == 'attachment; filename="opening.ics"'
    assert titles(response) == {"Opening": "CONFIRMED"}
    cancelled = await client.get("/events/lost.ics")
    assert "method=CANCEL" in cancelled.headers["content-type"]
    assert (await client.get("/events/nothing.ics")).status_code == 404


async def test_everyone_has_their_own_events_behind_their_own_link(client, desk, member) -> None:
    ana = await member(scope="some", topics=["closing"])
    link = f"/calendar/{desk.link(Purpose.CALENDAR, ana.id)}/events.ics"
    response = await client.get(link)
    assert titles(response) == {"Closing <in> light": "CONFIRMED"}
    assert response.headers["cache-control"] == "private, no-cache"
    again = await client.get(link, headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.CALENDAR])
async def test_a_link_for_something_else_opens_no_calendar(client, desk, member, purpose: Purpose) -> None:
    ana = await member()
    assert (await client.get(f"/calendar/{desk.link(purpose, ana.id)}/events.ics")).status_code == 404
    own = desk.link(Purpose.CALENDAR, ana.id)
    assert (await client.get(f"/preferences/{own}")).status_code == 404


async def test_who_has_left_has_no_calendar_any_more_and_is_told(client, desk, member, text) -> None:
    ana = await member()
    link = f"/calendar/{desk.link(Purpose.CALENDAR, ana.id)}/events.ics"
    assert (await client.get(link)).status_code == 200
    await client.post(f"/one-click/{ana.unsubscribe}", data={"List-Unsubscribe": "One-Click"})
    ended = await client.get(link)
    assert ended.status_code == 410
    assert "This calendar has ended" in text(ended)
    assert ana.address not in ended.text
