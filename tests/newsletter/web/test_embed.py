"""The form in other sites: what its script is given, who may ask for it, and that it stays small."""

import json
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from newsletter import assets
from newsletter.constellation import file, store
from newsletter.web import agreement
from tests.conftest import make_settings

SCHOOL = "https://www.school.example"
STRANGER = "https://stranger.example"
PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}
SIX_KB = 6 * 1024


@pytest.fixture
async def shared(serve, database_url, loaded) -> httpx2.AsyncClient:
    """A visitor of the site whose form the school's site may show."""
    visitor: httpx2.AsyncClient = await serve(make_settings(database_url, web={"form_origins": [SCHOOL]}))
    return visitor


async def test_the_script_and_all_that_it_asks_for_weigh_less_than_6_kb_on_the_wire(
    serve, settings, database, now
) -> None:
    season = file.read(assets.TEMPLATES / "init" / "constellation.toml")
    async with database.begin() as connection:
        await store.load(connection, season, now)
    visitor = await serve(settings)
    weight = 0
    for path in ("/form.js", "/form.json", "/proof.js"):
        async with visitor.stream("GET", path, headers={"Accept-Encoding": "gzip"}) as response:
            assert response.headers["content-encoding"] == "gzip"
            weight += len(b"".join([piece async for piece in response.aiter_raw()]))
    assert weight < SIX_KB


async def test_who_cannot_unpack_is_sent_the_script_as_it_is(client) -> None:
    response = await client.get("/form.js", headers={"Accept-Encoding": "identity"})
    assert "content-encoding" not in response.headers
    assert response.text == (assets.TEMPLATES / "pages" / "form.js").read_text(encoding="utf-8")


async def test_any_site_may_load_the_script_and_keep_it_for_an_hour(client) -> None:
    response = await client.get("/form.js")
    assert response.headers["content-type"].startswith("text/javascript")
    assert response.headers["cross-origin-resource-policy"] == "cross-origin"
    assert response.headers["cache-control"] == "public, max-age=3600"


async def test_where_it_says_what_becomes_of_data_stands_beside_every_form_and_at_each_pages_foot(
    client, database, settings, loaded, now
) -> None:
    told, link = "What becomes of your data", 'href="https://lanterns.example.org/privacy"'
    before = await client.get("/join")
    assert told not in before.text
    assert "Imprint" not in before.text
    assert (await client.get("/form.json")).json()["privacy"] == ""
    season = replace(loaded, privacy="https://lanterns.example.org/privacy", imprint="https://lanterns.example.org/us")
    async with database.begin() as connection:
        await store.load(connection, season, now + timedelta(seconds=1))
    page = (await client.get("/join")).text
    assert page.count(link) == 2
    assert told in page
    assert '<a href="https://lanterns.example.org/us">Imprint</a>' in page
    assert (await client.get("/form.json")).json()["privacy"] == season.privacy


async def test_the_form_is_described_with_what_lies_ahead_and_the_text_to_agree_to(client, settings) -> None:
    form = (await client.get("/form.json")).json()
    assert [field["name"] for field in form["fields"]] == ["email", "first_name", "last_name"]
    assert [event["slug"] for event in form["events"]["list"]] == ["opening", "closing"]
    assert form["consent"] == {"version": settings.joining.consent_version, "text": agreement.TEXT}
    assert form["texts"]["join"] == "Join Lanterns & Lamps"
    assert "--button-light: #5b2a86" in form["style"]


async def test_the_form_speaks_the_language_it_is_asked_in_then_the_browsers(client) -> None:
    named = (await client.get("/form.json?lang=de-AT", headers={"Accept-Language": "fr"})).json()
    assert (named["lang"], named["fields"][0]["label"]) == ("de-AT", "E-Mail-Adresse")
    heard = (await client.get("/form.json", headers={"Accept-Language": "fr"})).json()
    assert heard["lang"] == "fr"


async def test_when_all_is_over_the_form_asks_about_no_events(client, clock) -> None:
    clock.moment = clock.moment.replace(year=2022)
    assert (await client.get("/form.json")).json()["events"] is None


async def test_before_a_constellation_is_loaded_no_form_is_described(serve, settings) -> None:
    visitor = await serve(settings)
    assert (await visitor.get("/form.json")).status_code == 503


async def test_a_site_in_the_settings_is_let_in_before_and_when_it_asks(shared) -> None:
    asked = await shared.options("/join", headers={"Origin": SCHOOL, **PREFLIGHT})
    assert asked.status_code == 200
    assert asked.headers["access-control-allow-origin"] == SCHOOL
    assert "POST" in asked.headers["access-control-allow-methods"]
    assert "access-control-allow-credentials" not in asked.headers
    for path in ("/form.json", "/join"):
        answered = await shared.get(path, headers={"Origin": SCHOOL})
        assert answered.headers["access-control-allow-origin"] == SCHOOL
        assert "Origin" in answered.headers["vary"]


@pytest.mark.parametrize("origin", [STRANGER, "null", f"{SCHOOL}.stranger.example", f"{SCHOOL}:8443", "*"])
async def test_any_other_site_is_refused(shared, desk, origin: str) -> None:
    asked = await shared.options("/join", headers={"Origin": origin, **PREFLIGHT})
    assert asked.status_code == 400
    assert "access-control-allow-origin" not in asked.headers
    for response in (
        await shared.get("/form.json", headers={"Origin": origin}),
        await shared.post("/join", json={"email": "ana@example.org"}, headers={"Origin": origin}),
    ):
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize("headers", [{"Access-Control-Request-Method": "DELETE"}, {**PREFLIGHT, "X-Mine": "1"}])
async def test_a_method_or_header_that_the_form_has_no_use_for_is_refused(shared, headers: dict[str, str]) -> None:
    if "X-Mine" in headers:
        headers = {**PREFLIGHT, "Access-Control-Request-Headers": "x-mine"}
    assert (await shared.options("/join", headers={"Origin": SCHOOL, **headers})).status_code == 400


@pytest.mark.parametrize("path", ["/preferences/x", "/confirm/x", "/unsubscribe/x", "/health"])
async def test_a_site_in_the_settings_may_ask_for_nothing_but_the_form(shared, path: str) -> None:
    asked = await shared.options(path, headers={"Origin": SCHOOL, **PREFLIGHT})
    assert asked.status_code == 405
    assert "access-control-allow-origin" not in (await shared.get(path, headers={"Origin": SCHOOL})).headers


async def test_options_without_a_question_is_told_what_there_is(shared) -> None:
    response = await shared.options("/join", headers={"Origin": SCHOOL})
    assert (response.status_code, response.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")


@pytest.mark.parametrize(
    ("sent", "status"), [(b'{"email": "ana@"}', 422), (b"{", 400), (b'{"email": "' + b"a" * 70_000, 413)]
)
async def test_a_site_in_the_settings_can_read_what_went_wrong(shared, sent: bytes, status: int) -> None:
    headers = {"Origin": SCHOOL, "Content-Type": "application/json"}
    response = await shared.post("/join", content=sent, headers=headers)
    assert response.status_code == status
    assert response.headers["access-control-allow-origin"] == SCHOOL


@pytest.mark.parametrize(("origin", "source"), [(SCHOOL, f"json at {SCHOOL}"), (STRANGER, "json")])
async def test_the_evidence_names_the_site_where_the_settings_do(shared, desk, origin: str, source: str) -> None:
    await shared.post("/join", content=json.dumps({"email": "ana@example.org"}), headers=_from(origin))
    ana = await desk.person("ana@example.org")
    [evidence] = await desk.evidence(ana.subscriber_id)
    assert evidence.source == source


@pytest.mark.parametrize(("guess", "kept"), [("Europe/Berlin", "Europe/Berlin"), ("Mars/Olympus", ""), ("", "")])
async def test_the_browsers_zone_is_kept_where_it_is_known_and_no_mistake_where_not(
    client, desk, guess: str, kept: str
) -> None:
    response = await client.post("/join", json={"email": "ana@example.org", "browser_timezone": guess})
    assert response.status_code == 202
    assert (await desk.person("ana@example.org")).timezone == kept


def _from(origin: str) -> dict[str, str]:
    return {"Origin": origin, "Content-Type": "application/json"}
