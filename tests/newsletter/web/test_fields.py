"""What the form asks, by the constellation's [form]: on the page, in JSON, and for the form in other sites."""

import re
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from newsletter.constellation import store
from newsletter.constellation.form import Form, Names, Role
from newsletter.constellation.model import Place
from subscribers.links import Purpose

ROLES = (Role("teacher", "Teacher", {"en": "Teacher", "de": "Lehrkraft"}), Role("student", "Student"))


@pytest.fixture
def form() -> Form:
    """What the form asks."""
    return Form(roles=ROLES)


@pytest.fixture
async def asking(client, desk, constellation, form: Form, now) -> httpx2.AsyncClient:
    """A visitor of the site whose constellation asks that."""
    async with desk.database.begin() as connection:
        await store.load(connection, replace(constellation, form=form), now.replace(hour=13))
    visitor: httpx2.AsyncClient = client
    return visitor


def names(page: str) -> set[str]:
    return set(re.findall(r'name="(\w+)"', page)) - {"viewport", "description", "lang", "text_version", "homepage"}


async def test_the_usual_form_asks_for_both_names_the_events_and_the_zone(client) -> None:
    page = (await client.get("/join")).text
    assert names(page) == {"email", "first_name", "last_name", "scope", "topics", "timezone"}


async def test_the_form_promises_a_reminder_only_where_one_comes(serve, settings, loaded, text) -> None:
    promise = "We send you a mail with a button to confirm, and remind you once."
    never = settings.joining.model_copy(update={"remind_after": timedelta(0)})
    for joining, promised in ((settings.joining, True), (never, False)):
        visitor = await serve(settings.model_copy(update={"joining": joining}))
        assert (promise in text(await visitor.get("/join"))) is promised
        assert (promise in (await visitor.get("/form.json")).json()["texts"]["confirm"]) is promised


@pytest.mark.parametrize(
    ("place", "shown"),
    [
        (Place(name="The Hall", address="1 Mill Lane"), "The Hall"),
        (Place(address="1 Mill Lane\nYork <UK>"), "1 Mill Lane York <UK>"),
        (Place(online="https://meet.example.org"), "online"),
    ],
)
async def test_wherever_it_takes_place_the_pages_say_where(
    client, desk, constellation, now, text, place, shown
) -> None:
    events = tuple(replace(one, place=place) for one in constellation.events)
    async with desk.database.begin() as connection:
        await store.load(connection, replace(constellation, events=events), now.replace(hour=13))
    for page in ("/join", "/events"):
        assert text(await client.get(page)).count(f"· {shown}") == 2, page


async def test_a_role_is_asked_in_the_visitors_language_and_kept_by_its_word(asking, desk) -> None:
    assert '<option value="teacher">Lehrkraft</option>' in (await asking.get("/join?lang=de")).text
    described = (await asking.get("/form.json?lang=fr")).json()["fields"][-1]
    assert (described["name"], described["label"]) == ("role", "Votre rôle")
    assert described["options"] == [["teacher", "Teacher"], ["student", "Student"]]
    await asking.post("/join", data={"email": "ana@example.org", "role": "teacher"})
    assert await desk.fields("ana@example.org") == {"role": "teacher"}


async def test_a_person_reads_their_role_among_their_data_as_the_form_did(asking, desk, text) -> None:
    await asking.post("/join", data={"email": "ana@example.org", "role": "teacher", "lang": "de"})
    ana = await desk.person("ana@example.org")
    page = text(await asking.get(f"/account/{desk.link(Purpose.ACCOUNT, ana.subscriber_id)}"))
    assert "Ihre Rolle Lehrkraft" in page


async def test_a_role_that_is_not_on_the_list_is_told_beside_its_field(asking, desk, text) -> None:
    response = await asking.post("/join", data={"email": "ana@example.org", "role": "<king>"})
    assert response.status_code == 422
    assert 'aria-describedby="role-error"' in response.text
    assert "Please choose from the list, or nothing." in text(response)
    told = await asking.post("/join", json={"email": "ana@example.org", "role": "<king>"})
    assert list(told.json()["errors"]) == ["role"]
    assert await desk.mails() == []


async def test_what_was_chosen_stays_chosen_when_something_else_is_wrong(asking) -> None:
    response = await asking.post("/join", data={"email": "ana@", "role": "student"})
    assert '<option value="student" selected>' in response.text


async def test_a_role_that_nobody_asks_for_is_not_kept(client, desk) -> None:
    assert (await client.post("/join", json={"email": "ana@example.org", "role": "king"})).status_code == 202
    assert await desk.fields("ana@example.org") == {}


class TestAFormThatAsksForLittle:
    """The address alone."""

    @pytest.fixture
    def form(self) -> Form:
        """Nothing beside it."""
        return Form(Names.NONE, events=False, timezone=False)

    async def test_it_shows_the_address_alone_and_joins_the_whole_series(self, asking, desk) -> None:
        assert names((await asking.get("/join")).text) == {"email"}
        described = (await asking.get("/form.json")).json()
        assert [field["name"] for field in described["fields"]] == ["email"]
        assert (described["events"], described["timezone"]) == (None, False)
        await asking.post("/join", data={"email": "ana@example.org"})
        assert (await desk.person("ana@example.org")).everything


class TestAFormThatAsksForAFirstName:
    """And for no other."""

    @pytest.fixture
    def form(self) -> Form:
        """The first name."""
        return Form(Names.FIRST)

    async def test_it_shows_the_first_alone(self, asking) -> None:
        assert names((await asking.get("/join")).text) == {"email", "first_name", "scope", "topics", "timezone"}
