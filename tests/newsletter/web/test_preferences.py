"""The page of a subscriber: each part is saved by its own button, shown as saved, and leaves evidence."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, product

import pytest
from sqlalchemy import insert, update

from newsletter.constellation import store
from newsletter.constellation.model import EventKind
from newsletter.demo.browser import Browser
from subscribers import choices, consent, directory, preferences
from subscribers.audience import Rhythm
from subscribers.links import Purpose
from subscribers.suppression import Reason
from subscribers.tables import subscriber
from tests.newsletter.web.conftest import make_event


async def save(client, ana, part: str, **fields: object):
    response = await client.post(f"/preferences/{ana.preferences}", data={"part": part, **fields})
    return await client.get(response.headers["location"].partition("#")[0]) if response.status_code == 303 else response


async def test_not_this_event_keeps_everything_else(client, desk, member, text) -> None:
    ana = await member()
    page = await save(client, ana, "choices", scope="everything", events=["opening"])
    assert "Saved." in text(page)
    after = await desk.person(ana.address)
    assert (after.everything, after.muted) == (True, {"closing"})
    assert 'value="closing" checked' not in page.text
    assert 'value="opening" checked' in page.text


async def test_only_these_events(client, desk, member) -> None:
    ana = await member()
    await save(client, ana, "choices", scope="some", events=["closing"])
    after = await desk.person(ana.address)
    assert (after.everything, after.followed, after.muted) == (False, {"prelude", "closing"}, set())


async def test_what_the_page_no_longer_offers_stays_as_it_was(client, desk, member, clock) -> None:
    ana = await member(scope="some", topics=["opening", "closing"])
    clock.forward(timedelta(days=30))  # the opening is over
    await save(client, ana, "choices", scope="some", events=["closing"])
    assert (await desk.person(ana.address)).followed == {"opening", "closing"}


async def test_an_event_that_does_not_exist_cannot_be_ticked(client, desk, member) -> None:
    ana = await member()
    await save(client, ana, "choices", scope="some", events=["closing", "*", "made-up", "lost"])
    assert (await desk.person(ana.address)).followed == {"prelude", "closing"}  # the prelude is over, and was followed


CHOSEN = [
    dict(zip(("*", "prelude", "opening", "closing", "kind:story"), stances, strict=True))
    for stances in product(("follow", None), ("follow", None), ("follow", "mute", None), ("mute", None), ("mute", None))
]
NAMES = ("", "Ana", "J.R. “Ana” O’Neil & Söhne <3", "visit www.example.com")
LANGUAGES = ("en", "en-GB", "de-AT", "es-419", "fr", "it", "")
ZONES = ("", "UTC", "Europe/Berlin", "Asia/Calcutta", "US/Eastern")


async def test_a_page_that_is_saved_as_it_is_shown_changes_nothing(client, desk, constellation, clock) -> None:
    story = make_event("dawn", "Dawn", datetime(2021, 3, 1, 8), EventKind.STORY)  # noqa: DTZ001 - its zone is added
    browser, people = Browser(client), {}
    about = zip(CHOSEN, cycle(NAMES), cycle(LANGUAGES), cycle(ZONES), cycle(Rhythm), strict=False)
    async with desk.database.begin() as connection:
        await store.load(connection, replace(constellation, events=(*constellation.events, story)), clock())
        for number, (chosen, name, locale, timezone, rhythm) in enumerate(about, 1):
            row = {"first_name": name, "locale": locale, "timezone": timezone, "rhythm": rhythm, "status": "active"}
            row |= {"address": f"p{number}@example.org", "normal": f"p{number}@example.org", "hash": f"h{number}"}
            await connection.execute(insert(subscriber).values(joined_at=clock(), confirmed_at=clock(), **row))
            stances = {topic: stance for topic, stance in chosen.items() if stance}
            await choices.replace(connection, number, choices.of_stances(stances))
            people[number] = await directory.entry(connection, number)
    for number, before in people.items():
        token = desk.link(Purpose.PREFERENCES, number)
        for part in ("choices", "rhythm", "details"):
            page = await browser.open(f"/preferences/{token}")
            shown = await browser.press(page, *page.button(value=part))
            assert (shown.status, f"?saved={part}" in shown.url) == (200, True), (shown.text, before)
        async with desk.database.read() as connection:
            assert await directory.entry(connection, number) == before
            assert await consent.evidence(connection, number) == []


async def test_nothing_ticked_is_not_saved_and_less_is_offered(client, desk, member, text) -> None:
    ana = await member()
    page = await save(client, ana, "choices", scope="some")
    assert page.status_code == 422
    assert "take a pause or leave below" in text(page)
    assert (await desk.person(ana.address)).everything


async def test_somebody_to_whom_mail_was_stopped_reads_so_and_how_to_come_back(client, member, stop, text) -> None:
    ana, bo, cy = await member(), await member("bo@example.org"), await member("cy@example.org")
    await stop(bo.address, Reason.HARD_BOUNCE)
    await stop(cy.address, Reason.STAFF)
    fine, bounced, by_staff = [text(await client.get(f"/preferences/{one.preferences}")) for one in (ana, bo, cy)]
    assert "No mail comes at present" not in fine
    assert "No mail comes at present" in bounced
    assert "join anew" in bounced
    assert "No mail comes at present" in by_staff
    assert "join anew" not in by_staff
    assert "write to hello@lanterns.example.org" in by_staff


async def test_every_change_leaves_evidence_and_no_change_leaves_none(client, desk, member) -> None:
    ana = await member()
    await save(client, ana, "choices", scope="some", events=["closing"])
    await save(client, ana, "choices", scope="some", events=["closing"])
    await save(client, ana, "details", first_name="Ana", timezone="Europe/Paris")
    await save(client, ana, "pause", length="month")
    await save(client, ana, "resume")
    await save(client, ana, "leave")
    steps = [(step.action, step.actor, step.ip) for step in await desk.evidence(ana.id)]
    person = ("person", "192.0.2.1")
    actions = ["requested", "confirmed", "changed", "changed", "paused", "changed", "left"]
    assert steps == [(action, *person) for action in actions]


async def test_what_one_person_chose_is_on_nobody_elses_page_however_often_pages_are_written(client, member) -> None:
    ana = await member(first_name="Ana", lang="de")
    bo = await member("bo@example.org", first_name="Bo", lang="de")
    clara = await member("clara@example.org", first_name="Clara", lang="fr")
    await save(client, ana, "choices", scope="some", events=["closing"])
    await save(client, ana, "rhythm", rhythm="weekly")
    await save(client, ana, "details", timezone="Europe/Paris")
    wrong = await save(client, bo, "pause", until="2020-01-01")
    assert "Bitte wählen Sie einen Tag" in wrong.text
    for _ in range(2):
        of_ana, of_bo, of_clara = [
            (await client.get(f"/preferences/{who.preferences}")).text for who in (ana, bo, clara)
        ]
        assert 'value="weekly" checked' in of_ana
        assert 'value="Europe/Paris" selected' in of_ana
        assert 'value="opening" checked' not in of_ana
        for other in (of_bo, of_clara):
            assert 'value="each" checked' in other
            assert 'value="Europe/Paris" selected' not in other
            assert 'value="opening" checked' in other
            assert 'value="Ana"' not in other
        assert "Bitte wählen Sie einen Tag" not in of_bo
        assert ("Wie oft" in of_ana, "Wie oft" in of_bo, "Wie oft" in of_clara) == (True, True, False)


async def test_name_and_time_zone_are_kept(client, desk, member) -> None:
    ana = await member()
    page = await save(client, ana, "details", first_name="  Ána\u200b ", timezone="Europe/Paris")
    after = await desk.person(ana.address)
    assert (after.first_name, after.timezone) == ("Ána", "Europe/Paris")
    assert 'value="Europe/Paris" selected' in page.text


async def test_a_time_zone_that_the_list_does_not_offer_is_not_lost(client, desk, member, clock) -> None:
    ana = await member()
    async with desk.database.begin() as connection:
        await preferences.settle(connection, ana.id, timezone="US/Eastern", now=clock())
    page = await client.get(f"/preferences/{ana.preferences}")
    assert '<option value="US/Eastern" selected>' in page.text
    await save(client, ana, "details", first_name="Ana", timezone="US/Eastern")
    assert (await desk.person(ana.address)).timezone == "US/Eastern"


async def test_a_time_zone_that_does_not_exist_is_refused(client, desk, member) -> None:
    ana = await member()
    assert (await save(client, ana, "details", first_name="Eve", timezone="Nowhere")).status_code == 422
    assert (await desk.person(ana.address)).first_name == ""


async def test_a_name_that_carries_a_web_address_is_refused_here_too_but_not_held_against_whoever_has_it(
    client, desk, member
) -> None:
    ana = await member(first_name="Ana")
    refused = await save(client, ana, "details", first_name="Ana casino.ru", timezone="Europe/Paris")
    assert refused.status_code == 422
    assert "no web or e-mail address" in refused.text
    unseen = await save(client, ana, "details", first_name="Ben\u202e", timezone="Europe/Paris")
    assert (unseen.status_code, "a mark of direction" in unseen.text) == (422, True)
    person = await desk.person(ana.address)
    assert (person.first_name, person.timezone) == ("Ana", "")
    async with desk.database.begin() as connection:
        await connection.execute(update(subscriber).values(first_name="Ana example.org"))
    assert (
        await save(client, ana, "details", first_name="Ana example.org", timezone="Europe/Paris")
    ).status_code == 200
    assert (await desk.person(ana.address)).timezone == "Europe/Paris"


async def test_a_pause_ends_as_its_day_begins_by_the_clock_of_the_person(client, desk, member, text) -> None:
    ana = await member(timezone="Asia/Tokyo")
    page = await save(client, ana, "pause", until="2021-03-31")
    assert (await desk.person(ana.address)).paused_until == datetime(2021, 3, 30, 15, tzinfo=UTC)
    assert "until Wednesday, March 31, 2021" in text(page)


async def test_a_pause_of_two_weeks_and_its_end(client, desk, member, text) -> None:
    ana = await member()
    await save(client, ana, "pause", length="two-weeks")
    assert (await desk.person(ana.address)).paused_until == datetime(2021, 1, 29, 5, tzinfo=UTC)
    page = await save(client, ana, "resume")
    assert (await desk.person(ana.address)).paused_until is None
    assert "goes on as before" in text(page)


async def test_a_pause_that_is_over_is_not_shown(client, member, clock, text) -> None:
    ana = await member()
    await save(client, ana, "pause", length="two-weeks")
    clock.forward(timedelta(days=20))
    assert "You are taking a pause" not in text(await client.get(f"/preferences/{ana.preferences}"))


@pytest.mark.parametrize(
    "until", ["", "tomorrow", "2021-01-15", "2020-01-01", "2031-01-01", "9999-12-31", "2021-02-30", "0001-01-01"]
)
async def test_a_pause_until_no_possible_day_is_refused(client, desk, member, until: str) -> None:
    ana = await member()
    page = await save(client, ana, "pause", until=until)
    assert page.status_code == 422
    assert 'aria-describedby="until-error"' in page.text
    assert (await desk.person(ana.address)).paused_until is None


async def test_what_is_not_saved_stays_in_its_fields_to_be_put_right(client, member, text) -> None:
    ana = await member(first_name="Ana", timezone="Europe/Berlin")
    about = {"first_name": "casino.ru", "timezone": "Asia/Tokyo", "language": "fr"}
    page = await save(client, ana, "details", **about)
    assert "Your mail, Ana" in text(page)
    assert [one in page.text for one in ('value="casino.ru"', 'value="Asia/Tokyo" selected')] == [True, True]
    assert 'value="fr" lang="fr" selected' in page.text
    assert 'value="2020-01-01"' in (await save(client, ana, "pause", until="2020-01-01")).text
    nothing = await save(client, ana, "choices", scope="some")
    assert re.findall('value="([a-z]+)" checked', nothing.text) == ["some", "each"]
    as_before = await client.get(f"/preferences/{ana.preferences}")
    assert "casino.ru" not in as_before.text
    assert 'value="everything" checked' in as_before.text


async def test_leaving_is_one_press_and_then_the_page_offers_the_way_back(client, desk, member, text) -> None:
    ana = await member()
    page = await save(client, ana, "leave")
    assert "You have left" in text(page)
    assert 'href="/join?lang=en"' in page.text
    assert (await desk.person(ana.address)).status == "left"


async def test_somebody_who_left_or_never_confirmed_changes_nothing_here(client, desk, member, pending, text) -> None:
    bo = await pending("bo@example.org")
    assert "is not confirmed yet" in text(await save(client, bo, "pause", length="month"))
    assert (await desk.person(bo.address)).paused_until is None
    ana = await member()
    await save(client, ana, "leave")
    assert "You have left" in text(await save(client, ana, "choices", scope="some", events=["closing"]))
    assert (await desk.person(ana.address)).everything


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_looking_changes_nothing_whatever_the_address_bar_says(client, desk, member, method: str) -> None:
    ana = await member()
    before = await desk.evidence(ana.id)
    query = "?part=leave&saved=leave&scope=some&length=month&<script>"
    assert (await client.request(method, f"/preferences/{ana.preferences}{query}")).status_code == 200
    assert await desk.evidence(ana.id) == before


async def test_a_form_that_is_not_the_pages_own_is_400(client, member) -> None:
    ana = await member()
    for part in ("", "erase", "__class__"):
        assert (await client.post(f"/preferences/{ana.preferences}", data={"part": part})).status_code == 400


async def test_a_link_signed_by_an_older_key_still_works(serve, settings, client, desk, member) -> None:
    ana = await member()
    keys = ["n" * 40, *(key.get_secret_value() for key in settings.secrets.signing_keys)]
    secrets = settings.secrets.model_copy(
        update={"signing_keys": tuple(type(settings.secrets.hash_key)(k) for k in keys)}
    )
    rotated = await serve(settings.model_copy(update={"secrets": secrets}))
    assert (await rotated.get(f"/preferences/{ana.preferences}")).status_code == 200


async def test_choosing_only_some_keeps_what_is_over_so_that_its_thanks_still_come(
    client, desk, member, database, clock
) -> None:
    ana = await member()
    clock.forward(timedelta(days=30))  # the opening is over, its thanks are due tomorrow
    await save(client, ana, "choices", scope="some", events=["closing"])
    assert (await desk.person(ana.address)).followed == {"prelude", "opening", "closing"}


async def test_what_was_muted_stays_muted_when_only_some_is_chosen_after_it_is_over(
    client, desk, member, clock
) -> None:
    ana = await member()
    await save(client, ana, "choices", scope="everything", events=["closing"])  # not the opening
    clock.forward(timedelta(days=30))
    await save(client, ana, "choices", scope="some", events=["closing"])
    assert "opening" not in (await desk.person(ana.address)).followed


async def test_the_page_behind_a_mails_foot_shows_no_more_of_the_person_than_the_mail(client, desk, member) -> None:
    ana = await member(first_name="Ana", last_name="Ruizgomez")
    page = await client.get(f"/preferences/{ana.preferences}")
    assert "Ana" in page.text
    for unseen in ("Ruizgomez", "192.0.2.1", "/account/"):
        assert unseen not in page.text
    await save(client, ana, "details", first_name="Ana", last_name="Other")
    assert (await desk.person(ana.address)).last_name == "Ruizgomez"


async def test_the_way_to_ones_data_goes_to_the_address_and_at_most_so_often(client, desk, member, text) -> None:
    ana = await member()
    for _ in range(5):
        page = await save(client, ana, "link")
        assert "on its way to your address" in text(page)
        assert "/account/" not in page.text
    assert (await desk.mails()).count((ana.id, "link")) == 3


async def test_a_language_is_kept_and_spoken_and_the_region_is_not_lost(client, desk, member, text) -> None:
    ana = await member(lang="en-GB")
    await save(client, ana, "details", first_name="Ana", timezone="", language="en")
    assert (await desk.person(ana.address)).locale == "en-GB"
    page = await save(client, ana, "details", first_name="Ana", timezone="", language="de")
    assert (await desk.person(ana.address)).locale == "de"
    assert "Ihre Mails, Ana" in text(page)
    await save(client, ana, "details", first_name="Ana", timezone="", language="tlh")
    assert (await desk.person(ana.address)).locale == "de"


@pytest.mark.parametrize("rhythm", ["weekly", "essentials"])
async def test_a_rhythm_is_saved_shown_and_leaves_evidence(client, desk, member, rhythm) -> None:
    ana = await member()
    page = await save(client, ana, "rhythm", rhythm=rhythm)
    assert f'value="{rhythm}" checked' in page.text
    assert (await desk.evidence(ana.id))[-1].detail["after"] == {"rhythm": rhythm}
    page = await save(client, ana, "rhythm", rhythm="each")
    assert 'value="each" checked' in page.text


@pytest.mark.parametrize("days", [30, 300], ids=["theirs is over", "all are over"])
async def test_whose_events_are_over_chooses_how_often_and_ticks_nothing(client, desk, member, clock, days) -> None:
    ana = await member(scope="some", topics=["opening"])
    clock.forward(timedelta(days=days))
    page = await save(client, ana, "rhythm", rhythm="weekly")
    assert 'value="weekly" checked' in page.text
    after = await desk.person(ana.address)
    assert (after.rhythm, after.followed) == ("weekly", {"opening"})


async def test_a_rhythm_that_there_is_not_is_refused(client, desk, member) -> None:
    ana = await member()
    assert (await save(client, ana, "rhythm", rhythm="hourly")).status_code == 400
    assert (await desk.person(ana.address)).rhythm == "each"


async def test_why_somebody_left_is_kept_if_they_say_so(client, desk, member) -> None:
    ana, bo = await member(), await member("bo@example.org")
    await save(client, ana, "leave", reason=" Too many\nmails\u202e ")
    assert (await desk.evidence(ana.id))[-1].detail == {"reason": "Too many mails"}
    await save(client, bo, "leave", reason="")
    assert (await desk.evidence(bo.id))[-1].detail == {}
