"""What is kept of a person is shown to whoever has a fresh link, and to nobody else; and is erased at their word."""

import hashlib
import json
from datetime import timedelta

import pytest
from sqlalchemy import func, insert, select, update

from newsletter import tables
from subscribers import attending
from subscribers import consent as evidence
from subscribers.links import ACCOUNT_WITHIN, Purpose
from subscribers.tables import consent, subscriber, suppression


def path(desk, person) -> str:
    return f"/account/{desk.link(Purpose.ACCOUNT, person.id)}"


@pytest.fixture
async def ana(member):
    return await member(first_name="Ana", last_name="Ruiz", timezone="Europe/Paris")


async def test_the_page_tells_everything_in_words(client, desk, ana, text, clock, loaded) -> None:
    async with desk.database.begin() as connection:
        event = await connection.scalar(select(tables.event.c.id).where(tables.event.c.slug == "closing"))
        values = {"slug": "closing/invitation", "event_id": event, "kind": "invitation", "created_at": clock()}
        campaign = await connection.scalar(insert(tables.campaign).values(values).returning(tables.campaign.c.id))
        sent = {"campaign_id": campaign, "subscriber_id": ana.id, "state": "sent", "at": clock()}
        await connection.execute(insert(tables.delivery).values(sent))
    page = text(await client.get(path(desk, ana)))
    for said in (
        "Ana Ruiz", "ana@example.org", "Paris", "Language English", "Everything in the series", "Asked to join, by you",
        "Confirmed the address, by you", "from 192.0.2.1", "SHA-256", "Closing <in> light", "was sent",
        "About your subscription waits for its turn", "open until 3:00 PM",
    ):  # fmt: skip
        assert said in page, said


async def test_what_happened_says_what_it_came_to(client, desk, ana, text) -> None:
    for form in (
        {"part": "details", "first_name": "Anna", "last_name": "", "timezone": "Europe/Vienna", "language": "en"},
        {"part": "choices", "scope": "everything", "events": ["opening"]},
        {"part": "rhythm", "rhythm": "weekly"},
        {"part": "pause", "length": "month"},
        {"part": "resume"},
        {"part": "details", "first_name": "", "timezone": "Europe/Vienna", "language": "en"},
    ):
        assert (await client.post(f"/preferences/{ana.preferences}", data=form)).status_code == 303
    page = text(await client.get(path(desk, ana)))
    happened = page[page.index("What happened") :]
    for said in (
        "First name: Anna", "Time zone: Vienna", "Follows: Everything in the series",
        "Wants to hear nothing of: Closing <in> light", "How often: a digest once a week",
        "Pause until: Sunday, February 14, 2021", "Pause until: –", "First name: –",
    ):  # fmt: skip
        assert happened.count(said) == 1, said


async def test_what_another_list_proved_is_told_with_the_text_that_was_agreed_to(
    client, desk, ana, text, clock
) -> None:
    told = {"file": "old.csv", "row": 2, "consented_at": "2020-12-03", "consent_source": "sheet at the door"}
    told |= {"consent_version": "2020-2", "consent_text": "Yes, write to me."}
    async with desk.database.begin() as connection:
        await evidence.record(connection, ana.id, "imported", actor="staff", now=clock(), detail=told)
        fields = {"tags": ["AFL", "Grantee"], "town": "Bonn"}
        await connection.execute(update(subscriber).where(subscriber.c.id == ana.id).values(fields=fields))
    page = text(await client.get(path(desk, ana)))
    digest = hashlib.sha256(b"Yes, write to me.").hexdigest()
    for said in (
        "Brought in from another list, by our staff", "Agreed on: 2020-12-03", "As is told by: sheet at the door",
        f"Yes, write to me. 2020-2 · SHA-256 {digest}", "tags AFL and Grantee", "town Bonn",
    ):  # fmt: skip
        assert said in page, page


async def test_an_answer_to_an_invitation_is_told_with_its_event(client, desk, ana, text) -> None:
    async with desk.database.begin() as connection:
        wish, now = attending.Answer.GOING, desk.clock()
        await attending.answer(connection, ana.id, "closing", wish, capacity=9, now=now)
    assert "Is coming to: Closing <in> light" in text(await client.get(path(desk, ana)))


async def test_the_file_holds_everything_and_reads_as_json(client, desk, ana) -> None:
    response = await client.get(f"{path(desk, ana)}/data.json")
    assert response.headers["content-disposition"] == 'attachment; filename="my-data.json"'
    kept = json.loads(response.content)
    assert kept["person"]["address"] == "ana@example.org"
    assert kept["person"]["choices"] == {"everything": True, "followed": [], "muted": []}
    assert [step["action"] for step in kept["evidence"]] == ["requested", "confirmed"]
    assert all(len(step["text_hash"]) == 64 and step["ip"] == "192.0.2.1" for step in kept["evidence"])
    assert {mail["kind"] for mail in kept["mails"]} == {"confirm", "welcome"}


@pytest.mark.parametrize("below", ["", "/data.json", "/erase"])
@pytest.mark.parametrize("purpose", [Purpose.PREFERENCES, Purpose.UNSUBSCRIBE, Purpose.CONFIRM])
async def test_a_link_from_a_mail_that_may_be_forwarded_opens_none_of_it(client, desk, ana, purpose, below) -> None:
    link = f"/account/{desk.link(purpose, ana.id)}{below}"
    answers = [await client.get(link), await client.post(link, data={"erase": "everything", "part": "name"})]
    for response in answers:
        assert response.status_code in (404, 405)
        assert "ana@example.org" not in response.text
    assert (await desk.person(ana.address)).last_name == "Ruiz"


@pytest.mark.parametrize("below", ["", "/data.json", "/erase"])
async def test_an_old_link_opens_nothing_and_offers_a_fresh_one(client, desk, ana, clock, below) -> None:
    link = f"{path(desk, ana)}{below}"
    clock.forward(ACCOUNT_WITHIN + timedelta(seconds=1))
    response = await client.get(link)
    assert response.status_code == 410
    assert 'href="/link?lang=en"' in response.text
    assert "ana@example.org" not in response.text
    if below != "/data.json":
        assert (await client.post(link, data={"erase": "everything", "part": "name"})).status_code == 410
    assert (await desk.person(ana.address)).last_name == "Ruiz"


@pytest.mark.parametrize("field", ["first_name", "last_name"])
async def test_a_name_that_carries_a_web_address_is_refused_beside_its_field(client, desk, ana, field) -> None:
    names = {"first_name": "Ana", "last_name": "Ruiz", field: "win at casino.ru"}
    response = await client.post(path(desk, ana), data={"part": "name", **names})
    assert response.status_code == 422
    assert f'id="{field}-error"' in response.text
    assert 'value="win at casino.ru"' in response.text  # to be put right
    assert "casino" not in (await desk.person(ana.address)).first_name


async def test_the_name_is_written_as_they_say_it_is_and_that_leaves_evidence(client, desk, ana, text) -> None:
    response = await client.post(path(desk, ana), data={"part": "name", "first_name": "Ána", "last_name": "Ruiz Gil"})
    assert "Saved." in text(await client.get(response.headers["location"].partition("#")[0]))
    after = await desk.person(ana.address)
    assert (after.first_name, after.last_name) == ("Ána", "Ruiz Gil")
    last = (await desk.evidence(ana.id))[-1]
    assert (last.action, last.actor, last.ip) == ("changed", "person", "192.0.2.1")
    assert (await client.post(path(desk, ana), data={"part": "leave"})).status_code == 400


async def test_erasing_is_asked_twice_done_at_once_and_leaves_a_hash(client, desk, ana, text) -> None:
    link = path(desk, ana)
    assert f"{link}/erase" in (await client.get(link)).text
    question = await client.get(f"{link}/erase")
    assert "Erase everything about you?" in text(question)
    assert await desk.person(ana.address) is not None
    assert (await client.post(f"{link}/erase")).status_code == 400
    assert await desk.person(ana.address) is not None
    response = await client.post(f"{link}/erase", data={"erase": "everything"})
    assert "Everything about you is erased" in text(await client.get(response.headers["location"]))
    assert await desk.person(ana.address) is None
    async with desk.database.read() as connection:
        assert await connection.scalar(select(func.count()).select_from(consent)) == 0
        assert list(await connection.scalars(select(suppression.c.reason))) == ["erased"]
    assert await desk.mails() == []


async def test_after_that_none_of_their_links_opens_anything(client, desk, ana) -> None:
    link = path(desk, ana)
    await client.post(f"{link}/erase", data={"erase": "everything"})
    for gone in (link, f"{link}/data.json", f"{link}/erase", f"/preferences/{ana.preferences}"):
        assert (await client.get(gone)).status_code == 404
    assert (await client.post(f"{link}/erase", data={"erase": "everything"})).status_code == 404


async def test_somebody_who_left_may_still_see_and_erase_what_is_kept(client, desk, ana, text) -> None:
    await client.post(f"/unsubscribe/{ana.unsubscribe}", data={"reason": "too many <mails>"})
    page = text(await client.get(path(desk, ana)))
    assert "Left, by you" in page
    assert "Your reason: too many <mails>" in page
    await client.post(f"{path(desk, ana)}/erase", data={"erase": "everything"})
    assert await desk.person(ana.address) is None
