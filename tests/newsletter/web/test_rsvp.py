"""The page that asks whether somebody comes: looking changes nothing, one press answers, by one's own link alone."""

from dataclasses import replace
from datetime import timedelta

import pytest

from newsletter.constellation import store
from subscribers import attending
from subscribers.links import Purpose
from subscribers.suppression import Reason


@pytest.fixture
def constellation(constellation):
    """The closing asks who comes, and has one place."""
    events = [replace(one, rsvp=True, capacity=1) if one.slug == "closing" else one for one in constellation.events]
    return replace(constellation, events=tuple(events))


@pytest.fixture
def link(desk, database):
    """The path behind the buttons of somebody's mail."""

    async def path(person, slug: str = "closing") -> str:
        async with database.read() as connection:
            stored = await store.find(connection, slug)
        return f"/rsvp/{desk.link(Purpose.RSVP, person.id, stored.id)}"

    return path


@pytest.fixture
def answers(database):
    """What somebody has answered."""

    async def read(person) -> dict[str, str]:
        async with database.read() as connection:
            return await attending.of(connection, person.id)

    return read


async def test_a_mails_button_only_says_which_answer_is_meant(client, member, link, answers, text) -> None:
    ana = await member()
    page = await client.get(f"{await link(ana)}?answer=not")
    assert "Are you coming?" in text(page)
    assert 'value="not" class="primary"' in page.text
    assert await answers(ana) == {}


async def test_the_hours_are_told_by_the_readers_clock_too_where_it_is_another(client, member, link, text) -> None:
    ana = await member(timezone="Europe/Berlin")
    page = text(await client.get(await link(ana)))
    assert "11:00 AM – 1:00 PM Eastern Time" in page
    assert "5:00 – 7:00 PM Central European Time where you are" in page
    for other in (await member("bo@example.org", timezone="America/Toronto"), await member("cy@example.org")):
        assert "where you are" not in text(await client.get(await link(other)))


async def test_one_press_answers_and_the_page_says_so(client, desk, member, link, answers, text) -> None:
    ana = await member()
    path = await link(ana)
    response = await client.post(path, data={"answer": "going"})
    assert response.status_code == 303
    page = await client.get(response.headers["location"])
    assert "You are coming: we look forward to it." in text(page)
    assert "/events/closing.ics" in page.text
    assert await answers(ana) == {"closing": "going"}
    last = (await desk.evidence(ana.id))[-1]
    assert (last.actor, last.ip, last.detail["after"]) == ("person", "192.0.2.1", "going")


async def test_who_is_too_many_waits_and_moves_up_when_a_place_becomes_free(
    client, desk, member, link, answers, text
) -> None:
    ana, bo = await member(), await member("bo@example.org")
    await client.post(await link(ana), data={"answer": "going"})
    assert "Every place is taken" in text(await client.get(await link(bo)))
    await client.post(await link(bo), data={"answer": "going"})
    assert "Your turn on the waiting list: 1." in text(await client.get(await link(bo)))
    await client.post(await link(ana), data={"answer": "not"})
    assert await answers(bo) == {"closing": "going"}
    assert (bo.id, "place") in await desk.mails()


@pytest.mark.parametrize("why", ["a pause", "a bounce"])
async def test_who_waits_and_gets_no_mail_is_told_that_others_go_before_them(
    client, desk, member, link, answers, stop, text, why
) -> None:
    ana, bo = await member(), await member("bo@example.org")
    for one in (ana, bo):
        await client.post(await link(one), data={"answer": "going"})
    if why == "a pause":
        await client.post(f"/preferences/{bo.preferences}", data={"part": "pause", "length": "month"})
    else:
        await stop(bo.address, Reason.HARD_BOUNCE)
    page = text(await client.get(await link(bo)))
    assert "There are still places" not in page
    assert (
        "No mail goes to you at present. As long as that is so, a place that becomes free is given to others." in page
    )
    assert await answers(bo) == {"closing": "waiting"}


async def test_a_link_answers_for_its_own_event_alone(client, member, link, answers) -> None:
    ana = await member()
    response = await client.post(await link(ana, "opening"), data={"answer": "going"})  # does not ask
    assert response.status_code == 303
    assert await answers(ana) == {}


@pytest.mark.parametrize("answer", ["", "waiting", "yes"])
async def test_an_answer_that_is_none_of_the_pages_own_is_400(client, member, link, answers, answer: str) -> None:
    ana = await member()
    assert (await client.post(await link(ana), data={"answer": answer})).status_code == 400
    assert await answers(ana) == {}


@pytest.mark.parametrize("purpose", [purpose for purpose in Purpose if purpose is not Purpose.RSVP])
async def test_a_link_for_something_else_answers_nothing(client, desk, member, answers, purpose: Purpose) -> None:
    ana = await member()
    path = f"/rsvp/{desk.link(purpose, ana.id, 1)}"
    assert (await client.post(path, data={"answer": "going"})).status_code == 404
    assert await answers(ana) == {}


async def test_after_it_is_over_the_page_says_so_and_keeps_nothing(client, clock, member, link, answers, text) -> None:
    ana = await member()
    path = await link(ana)
    clock.forward(timedelta(days=200))
    await client.post(path, data={"answer": "going"})
    assert "It is over" in text(await client.get(path))
    assert await answers(ana) == {}


async def test_the_page_of_preferences_asks_for_each_event_that_does(client, member, answers, text) -> None:
    ana = await member()
    path = f"/preferences/{ana.preferences}"
    page = await client.get(path)
    assert page.text.count('name="answer"') == 3
    response = await client.post(path, data={"part": "rsvp", "event": "closing", "answer": "maybe"})
    assert "You may be coming." in text(await client.get(response.headers["location"].partition("#")[0]))
    assert await answers(ana) == {"closing": "maybe"}
    await client.post(path, data={"part": "rsvp", "event": "opening", "answer": "going"})
    assert await answers(ana) == {"closing": "maybe"}


async def test_ones_own_calendar_and_ones_own_data_tell_what_was_answered(client, desk, member, link) -> None:
    ana = await member()
    feed = f"/calendar/{desk.link(Purpose.CALENDAR, ana.id)}/events.ics"
    for answer, status in (("maybe", "STATUS:TENTATIVE"), ("going", "STATUS:CONFIRMED"), ("not", None)):
        await client.post(await link(ana), data={"answer": answer})
        entries = (await client.get(feed)).text.split("BEGIN:VEVENT")
        closing = [entry for entry in entries if "SUMMARY:Closing" in entry]
        assert [status in entry for entry in closing] == ([True] if status else [])
    account = f"/account/{desk.link(Purpose.ACCOUNT, ana.id)}"
    assert "Is not coming to" in (await client.get(account)).text
    assert (await client.get(f"{account}/data.json")).json()["answers"] == {"closing": "not"}
