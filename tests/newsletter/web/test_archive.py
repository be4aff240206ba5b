"""What everybody may read: the series' page, each mail to nobody in particular, and the feed; and what nobody may."""

import re
import shutil
from dataclasses import replace
from datetime import timedelta
from xml.etree import ElementTree as Xml
from zoneinfo import ZoneInfo

import pytest
from structlog.testing import capture_logs

from newsletter import assets
from newsletter.campaigns import lifecycle, store, visibility
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Event, Place

TOKYO = ZoneInfo("Asia/Tokyo")
ATOM = {"a": "http://www.w3.org/2005/Atom"}


@pytest.fixture
def send(database, settings, clock):
    """Starts a campaign about an event, and answers the path of its mail."""

    async def started(slug: str, kind: str, *, expression: str = "", archived: bool | None = None) -> str:
        async with database.begin() as connection:
            draft = await store.draft(connection, slug, kind, now=clock(), expression=expression)
            if archived is not None:
                await visibility.choose(connection, draft.id, is_public=archived)
                draft = await store.find(connection, draft.slug)
            await lifecycle.start(connection, settings, draft, now=clock())
        clock.forward(timedelta(minutes=1))
        return f"/archive/{draft.slug}"

    return started


async def test_a_mail_is_read_without_anybodys_name_address_or_links(client, member, send) -> None:
    await member("ana@example.org", first_name="Ana")
    response = await client.get(await send("opening", "invitation"))
    assert response.status_code == 200
    assert "You are invited" in response.text
    assert "Ana" not in response.text
    assert "ana@example.org" not in response.text
    assert not re.search(r"/(preferences|unsubscribe|one-click|rsvp|account|confirm)/", response.text)
    assert "This is what Lanterns &amp; Lamps wrote" in response.text
    assert "script" not in response.headers["content-security-policy"]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"starts": timedelta(days=1), "ends": timedelta(days=1)}, "its event has moved"),
        ({"place": Place(name="The Mill")}, "its place has changed"),
        ({"cancelled": True}, "its event was called off"),
        ({"title": "Opening night"}, None),
    ],
)
async def test_a_mail_whose_event_is_not_as_it_says_any_more_says_so_until_that_is_over(
    client, database, constellation, clock, send, text, change, said
) -> None:
    path = await send("opening", "invitation")
    assert "since it was sent" not in text(await client.get(path))
    [event] = [one for one in constellation.events if one.slug == "opening"]
    changed = {name: getattr(event, name) + to if isinstance(to, timedelta) else to for name, to in change.items()}
    await load(database, constellation, clock, replace(event, **changed))
    page = await client.get(path)
    if said is None:
        assert "since it was sent" not in text(page)
        return
    assert said in text(page)
    assert '<p role="note"' in page.text
    assert 'href="https://news.example.org/events"' in page.text
    clock.forward(timedelta(days=60))
    assert said not in text(await client.get(path))


async def test_a_mail_whose_event_has_left_the_series_says_so(
    client, database, constellation, clock, send, text
) -> None:
    path = await send("opening", "invitation")
    await load(database, constellation, clock, None)
    assert "its event is no part of the series any more" in text(await client.get(path))


async def load(database, constellation, clock, changed: Event | None) -> None:
    """Load the series anew, with its opening as it is now, or without it."""
    events = [changed if one.slug == "opening" else one for one in constellation.events]
    async with database.begin() as connection:
        await constellations.load(connection, replace(constellation, events=tuple(filter(None, events))), clock())


async def test_the_page_of_the_series_has_its_events_and_its_mails(client, send, text) -> None:
    assert "What we have written" not in text(await client.get("/events"))
    await send("opening", "save-the-date")
    await send("opening", "invitation")
    page = await client.get("/events")
    said = text(page)
    assert said.index("Coming up") < said.index("Closing <in> light") < said.index("What has been")
    assert said.index("What has been") < said.index("Prelude")
    assert "Lost evening Cancelled" in said
    assert said.index("You are invited: Opening") < said.index("Save Feb 3: Opening"), "the latest first"
    assert "calendar.google.com" in page.text
    assert "webcal://news.example.org/calendar.ics" in page.text


async def test_the_feed_names_each_mail_once_and_is_not_sent_again_to_who_has_it(client, send) -> None:
    await send("opening", "save-the-date")
    latest = await send("opening", "invitation")
    response = await client.get("/feed.atom")
    assert response.headers["content-type"] == "application/atom+xml; charset=utf-8"
    feed = Xml.fromstring(response.content)
    entries = feed.findall("a:entry", ATOM)
    assert [entry.findtext("a:title", namespaces=ATOM) for entry in entries] == [
        "You are invited: Opening",
        "Save Feb 3: Opening",
    ]
    assert entries[0].findtext("a:id", namespaces=ATOM) == f"https://news.example.org{latest}"
    assert feed.findtext("a:updated", namespaces=ATOM) == entries[0].findtext("a:updated", namespaces=ATOM)
    again = await client.get("/feed.atom", headers={"If-None-Match": response.headers["etag"]})
    assert again.status_code == 304
    await send("closing", "invitation")
    assert (await client.get("/feed.atom", headers={"If-None-Match": response.headers["etag"]})).status_code == 200


@pytest.mark.parametrize(
    ("kind", "options", "is_public"),
    [
        ("invitation", {}, True),
        ("invitation", {"archived": False}, False),
        ("invitation", {"expression": 'role = "teacher"'}, False),
        ("invitation", {"expression": 'role = "teacher"', "archived": True}, True),
        ("reminder", {}, False),
        ("starting-soon", {}, False),
        ("starting-soon", {"archived": True}, True),
    ],
)
async def test_what_all_may_read_says_so_in_the_mail_and_nothing_else_is_there(
    client, database, send, kind, options, is_public
) -> None:
    path = await send("opening", kind, **options)
    assert (await client.get(path)).status_code == (200 if is_public else 404)
    assert (path in (await client.get("/events")).text) is is_public
    assert (path in (await client.get("/feed.atom")).text) is is_public
    async with database.read() as connection:
        facts = (await store.find(connection, f"opening/{kind}")).facts
    assert facts.archive_url == (f"https://news.example.org{path}" if is_public else "")


async def test_a_draft_is_nobodys_business(client, database, clock) -> None:
    async with database.begin() as connection:
        await store.draft(connection, "opening", "invitation", now=clock())
    assert (await client.get("/archive/opening/invitation")).status_code == 404


async def test_hidden_afterwards_it_is_gone_and_shown_again_it_is_back(client, database, send) -> None:
    path = await send("opening", "invitation")
    for is_public, status in ((False, 404), (True, 200)):
        async with database.begin() as connection:
            found = await store.find(connection, "opening/invitation")
            await visibility.choose(connection, found.id, is_public=is_public)
        assert (await client.get(path)).status_code == status


async def test_whoever_opens_a_mail_that_was_stopped_is_told_so_and_not_that_their_link_is_cut(
    client, database, clock, member, send, text
) -> None:
    await member("ana@example.org")
    path = await send("opening", "invitation")
    async with database.begin() as connection:
        await lifecycle.cancel(connection, await store.find(connection, "opening/invitation"), now=clock())
    stopped = await client.get(path)
    assert stopped.status_code == 410
    assert "This mail was stopped" in text(stopped)
    assert "may have been cut off" not in text(stopped)
    assert 'href="/events"' in stopped.text, "where that stands which holds now"
    assert "gestoppt" in text(await client.get(path, headers={"Accept-Language": "de"}))


async def test_what_is_taken_back_is_told_like_what_never_was(client, database, clock, member, send, text) -> None:
    await member("ana@example.org")
    path = await send("opening", "invitation")
    async with database.begin() as connection:
        await lifecycle.cancel(connection, await store.find(connection, "opening/invitation"), now=clock())
        await visibility.choose(connection, (await store.find(connection, "opening/invitation")).id, is_public=False)
        await store.draft(connection, "closing", "invitation", now=clock())
        await lifecycle.cancel(connection, await store.find(connection, "closing/invitation"), now=clock())
    hidden, never_sent, unknown = [await client.get(one) for one in (path, "/archive/closing/invitation", "/archive/x")]
    assert (hidden.status_code, never_sent.status_code, unknown.status_code) == (404, 404, 404)
    assert text(hidden) == text(never_sent) == text(unknown)
    assert "It may have been taken back" in text(hidden)


async def test_the_archive_shows_what_was_said_then(client, database, loaded, clock, send) -> None:
    path = await send("opening", "invitation")
    renamed = [replace(one, title="Another name") if one.slug == "opening" else one for one in loaded.events]
    async with database.begin() as connection:
        await constellations.load(connection, replace(loaded, events=tuple(renamed)), clock())
    response = await client.get(path)
    assert "Opening" in response.text
    assert "Another name" not in response.text


async def test_nobody_is_asked_by_the_copy_whether_they_come_nor_told_the_hour_where_they_are(
    client, database, loaded, clock, send
) -> None:
    away = {"rsvp": True, "timezone": "Asia/Tokyo"}
    asking = [
        replace(one, **away, starts=one.starts.astimezone(TOKYO), ends=one.ends.astimezone(TOKYO))
        if one.slug == "closing"
        else one
        for one in loaded.events
    ]
    async with database.begin() as connection:
        await constellations.load(connection, replace(loaded, events=tuple(asking)), clock())
    copy = await client.get(await send("closing", "invitation"))
    assert "Japan Time" in copy.text
    assert "where you are" not in copy.text
    assert "Are you coming?" not in copy.text


@pytest.mark.parametrize("slip", ["{{ evnt.title }}", "{% if %}"])
async def test_a_slip_in_a_template_of_staffs_own_costs_nobody_the_page_of_the_series(
    serve, settings, loaded, send, text, tmp_path, slip
) -> None:
    own = tmp_path / "templates" / "mail" / "invitation"
    shutil.copytree(assets.TEMPLATES / "mail" / "invitation", own)
    visitor = await serve(settings.model_copy(update={"templates": own.parent.parent}))
    path = await send("opening", "invitation")
    right = (own / "subject.txt").read_text()
    (own / "subject.txt").write_text(slip)
    with capture_logs() as lines:
        for page in ("/events", "/feed.atom", path):
            response = await visitor.get(page)
            assert response.status_code == 200
            assert "You are invited" in response.text
    assert {line["event"] for line in lines} == {"mail in the archive is shown by our template"}
    (own / "subject.txt").write_text(f"Ours: {right}")
    assert "Ours: You are invited: Opening" in text(await visitor.get("/events"))


async def test_a_mail_of_a_kind_whose_template_was_taken_away_is_not_shown_and_the_others_are(
    serve, settings, loaded, database, clock, send, text, tmp_path
) -> None:
    own = tmp_path / "templates" / "mail" / "open-day"
    shutil.copytree(assets.TEMPLATES / "mail" / "invitation", own)
    with_own = settings.model_copy(update={"templates": own.parent.parent})
    async with database.begin() as connection:
        draft = await store.draft(connection, "opening", "open-day", now=clock())
        await lifecycle.start(connection, with_own, draft, now=clock())
    await send("opening", "invitation")
    shutil.rmtree(own)
    visitor = await serve(with_own)
    page = await visitor.get("/events")
    assert "You are invited: Opening" in text(page)
    assert "/archive/opening/open-day" not in page.text
    assert (await visitor.get("/feed.atom")).status_code == 200
    assert (await visitor.get("/archive/opening/open-day")).status_code == 404
