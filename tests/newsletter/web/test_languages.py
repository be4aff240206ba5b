"""Which language a visitor meets: the form's, the browser's, the series' – and afterwards the one they joined in."""

import re

import pytest

from newsletter.setting_tables import ConsentTexts

ACCEPT = "accept-language"


def language(page) -> str:
    return re.search(r'<html lang="([^"]*)"', page.text)[1]


@pytest.mark.parametrize(
    ("asked", "spoken"),
    [
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("pt,fr;q=0.5", "fr"),
        ("en;q=0.1,es;q=0.9", "es"),
        ("de;q=0,fr;q=0.1", "fr"),
        ("pt", "en"),
        ("", "en"),
        ("de;q=none, ;;,*;q=0.1", "en"),
        ("x" * 5000, "en"),
    ],
)
async def test_a_page_is_in_the_language_that_the_browser_wants_most(client, asked: str, spoken: str) -> None:
    assert language(await client.get("/join", headers={ACCEPT: asked})) == spoken


async def test_the_address_goes_before_the_browser(client) -> None:
    page = await client.get("/join?lang=es", headers={ACCEPT: "de"})
    assert language(page) == "es"
    assert 'name="lang" value="es"' in page.text


async def test_a_language_we_do_not_speak_in_the_address_leaves_it_to_the_browser(client) -> None:
    assert language(await client.get("/join?lang=xx%00<b>", headers={ACCEPT: "de"})) == "de"


async def test_the_form_goes_before_the_browser_and_the_next_page_goes_on_in_it(client, desk) -> None:
    sent = await client.post("/join", data={"email": "ana@example.org", "lang": "fr-CA"}, headers={ACCEPT: "de"})
    assert (await desk.person("ana@example.org")).locale == "fr-CA"
    assert language(await client.get(sent.headers["location"], headers={ACCEPT: "de"})) == "fr"


async def test_without_a_named_language_the_browsers_is_kept(client, desk) -> None:
    await client.post("/join", data={"email": "ana@example.org"}, headers={ACCEPT: "de-CH, en;q=0.5"})
    assert (await desk.person("ana@example.org")).locale == "de-CH"


async def test_what_a_subscriber_opens_speaks_their_language_whatever_the_browsers_is(client, member, text) -> None:
    ana = await member(lang="de")
    welcome = await client.get(f"/confirm/{ana.confirm}", headers={ACCEPT: "fr"})
    assert "Willkommen. Sie sind dabei." in text(welcome)
    assert "Mittwoch, 3. Februar 2021" in text(welcome)
    preferences = await client.get(f"/preferences/{ana.preferences}", headers={ACCEPT: "fr"})
    assert (language(preferences), "6. Mai" in text(preferences)) == ("de", True)
    assert "Wien" in text(preferences)
    assert language(await client.get(f"/unsubscribe/{ana.unsubscribe}")) == "de"


async def test_an_error_is_said_in_the_language_of_the_page(client, text) -> None:
    refused = await client.post("/join", data={"email": "ana", "lang": "es"})
    assert refused.status_code == 422
    assert "Aún le falta la @" in text(refused)
    asked = await client.post("/join", json={"email": "ana@", "lang": "fr"})
    assert asked.json() == {"errors": {"email": "Il doit y avoir quelque chose après le signe @."}}


MISTAKES = [
    *({"email": email} for email in ("", "ana", "@example.org", "ana@", "ana@example", "a b@example.org")),
    *({"email": "ana@example.org", "first_name": name} for name in ("casino.ru", "Ana\u202e")),
    {"email": "ana@example.org", "timezone": "Nowhere"},
    {"email": "ana@example.org", "scope": "some"},
    {"email": "ana@example.org", "topics": ["openning"]},
    {"email": "postmaster@example.org"},
]


@pytest.mark.parametrize("spoken", ["de", "es", "fr"])
@pytest.mark.parametrize("entry", MISTAKES)
async def test_no_mistake_is_told_in_english(client, entry: dict[str, object], spoken: str) -> None:
    english = (await client.post("/join", json=entry | {"lang": "en"})).json()["errors"]
    told = (await client.post("/join", json=entry | {"lang": spoken})).json()["errors"]
    assert english.keys() == told.keys()
    assert [field for field in told if told[field] == english[field]] == []


async def test_a_page_that_is_not_there_says_so_in_the_browsers_language(client, text) -> None:
    assert "Hier ist keine Seite" in text(await client.get("/nothing-here", headers={ACCEPT: "de"}))


@pytest.mark.parametrize("spoken", ["de", "es", "fr"])
async def test_nothing_on_the_form_is_left_in_english(client, text, spoken: str) -> None:
    page = re.sub(r"<select.*</select>", "", (await client.get(f"/join?lang={spoken}")).text, flags=re.DOTALL)
    words = re.sub(r"<[^>]+>", " ", page)
    assert re.findall(r"\b(the|[Yy]ou|this|[Yy]our|and|from|what)\b", words) == []


async def test_the_evidence_holds_the_text_in_the_language_it_was_shown_in(client, desk, member) -> None:
    ana = await member(lang="de")
    requested, _ = await desk.evidence(ana.id)
    assert requested.text_shown.startswith("Ja, schreiben Sie mir zu dieser Veranstaltungsreihe.")


async def test_staffs_own_text_is_shown_in_the_visitors_language_where_there_is_one(serve, settings, loaded) -> None:
    own = {"consent_text": "100% mine", "consent_texts": ConsentTexts(de="Ganz meins")}
    joining = settings.joining.model_copy(update=own)
    client = await serve(settings.model_copy(update={"joining": joining}))
    assert "Ganz meins" in (await client.get("/join?lang=de")).text
    assert "100% mine" in (await client.get("/join?lang=fr")).text
