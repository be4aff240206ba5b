"""The form: what it takes, what it refuses and beside which field, and an answer that tells nobody who is in."""

import json
from dataclasses import replace
from datetime import timedelta

import httpx2
import pytest

from newsletter.constellation import store
from newsletter.constellation.model import EventKind
from newsletter.web import agreement
from subscribers import suppression
from subscribers.suppression import Reason


async def test_a_form_makes_a_pending_subscriber_and_a_mail_to_confirm(client, desk) -> None:
    response = await client.post("/join", data={"email": "Ana@Example.org", "first_name": " Ana  Maria ", "topics": []})
    assert response.status_code == 303
    assert response.headers["location"] == "/join/sent"
    ana = await desk.person("Ana@example.org")
    assert (ana.status, ana.first_name, ana.everything) == ("pending", "Ana Maria", True)
    assert await desk.mails() == [(ana.subscriber_id, "confirm")]


async def test_the_page_promises_stories_only_where_there_are_some(client, database, loaded, now, text) -> None:
    assert "A few mails around each event, and nothing else." in text(await client.get("/join"))
    story = replace(loaded.events[1], slug="a-story", kind=EventKind.STORY)
    async with database.begin() as connection:
        await store.load(connection, replace(loaded, events=(*loaded.events, story)), now + timedelta(seconds=1))
    assert "A few mails around each event, a story now and then, and nothing else." in text(await client.get("/join"))


async def test_the_evidence_names_the_form_the_address_and_the_text_that_was_shown(client, desk, settings) -> None:
    await client.post("/join", data={"email": "ana@example.org"})
    ana = await desk.person("ana@example.org")
    [evidence] = await desk.evidence(ana.subscriber_id)
    assert (evidence.action, evidence.source, evidence.ip) == ("requested", "form", "192.0.2.1")
    assert evidence.text_version == settings.joining.consent_version
    assert evidence.text_shown == agreement.TEXT


async def test_a_form_that_shows_an_older_text_does_not_claim_the_newer_one(client, desk) -> None:
    await client.post("/join", data={"email": "ana@example.org", "text_version": "2019-07"})
    ana = await desk.person("ana@example.org")
    [evidence] = await desk.evidence(ana.subscriber_id)
    assert (evidence.text_version, evidence.text_shown) == ("2019-07", "")


async def test_only_the_events_that_were_ticked_are_followed(client, desk) -> None:
    await client.post("/join", data={"email": "ana@example.org", "scope": "some", "topics": ["closing", "opening"]})
    ana = await desk.person("ana@example.org")
    assert not ana.everything
    assert ana.followed == {"opening", "closing"}


async def test_everything_wins_over_ticks_that_were_left(client, desk) -> None:
    await client.post("/join", data={"email": "ana@example.org", "scope": "everything", "topics": ["closing"]})
    assert (await desk.person("ana@example.org")).everything


async def test_a_multipart_form_is_taken_like_any_other(client, desk) -> None:
    fields = {"email": (None, "ana@example.org"), "timezone": (None, "Europe/Berlin")}
    assert (await client.post("/join", files=fields)).status_code == 303
    assert (await desk.person("ana@example.org")).timezone == "Europe/Berlin"


async def test_json_is_answered_in_json(client, desk) -> None:
    response = await client.post("/join", json={"email": "ana@example.org", "topics": ["closing"]})
    assert (response.status_code, response.json()) == (202, {"status": "check-your-mail"})
    ana = await desk.person("ana@example.org")
    assert ana.followed == {"closing"}
    [evidence] = await desk.evidence(ana.subscriber_id)
    assert evidence.source == "json"


async def test_a_form_of_another_origin_is_welcome(client) -> None:
    headers = {"Origin": "https://lanterns.example.org"}
    assert (await client.post("/join", data={"email": "ana@example.org"}, headers=headers)).status_code == 303


async def test_a_wrong_address_is_said_beside_its_field_and_what_was_typed_is_kept(client, desk, text) -> None:
    response = await client.post(
        "/join", data={"email": "ana@", "first_name": "<Ana>", "scope": "some", "topics": ["closing"]}
    )
    assert response.status_code == 422
    assert 'value="ana@"' in response.text
    assert 'value="&lt;Ana&gt;"' in response.text
    assert 'aria-describedby="email-error' in response.text
    assert "There must be something after the @-sign." in text(response)
    assert 'value="closing" checked' in response.text
    assert await desk.mails() == []


async def test_an_empty_form_asks_for_the_address(client, text) -> None:
    response = await client.post("/join", data={"email": ""})
    assert response.status_code == 422
    assert "Please fill in your e-mail address." in text(response)


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scope": "some"}, "topics"),
        ({"topics": ["clossing"]}, "topics"),
        ({"topics": ["lost"]}, "topics"),
        ({"timezone": "Mars/Olympus"}, "timezone"),
        ({"timezone": "../../etc/passwd"}, "timezone"),
        ({"first_name": "Win at https://casino.example"}, "first_name"),
        ({"last_name": "casino.ru"}, "last_name"),
        ({"first_name": "Visit example。com"}, "first_name"),
        ({"last_name": "casino.pizza"}, "last_name"),
        ({"first_name": "192.168.1.1/login"}, "first_name"),
        ({"first_name": "a\u202eb"}, "first_name"),
        ({"last_name": "a\u2066b"}, "last_name"),
        ({"first_name": "Ana\r\nBcc: all@example.org"}, "first_name"),
        ({"email": "a@b@c"}, "email"),
        ({"email": "ana@example.org\x00"}, "email"),
        ({"email": "ana@example.org\r\nBcc: all@example.org"}, "email"),
        ({"email": f"{'a' * 65}@example.org"}, "email"),
    ],
)
async def test_json_that_cannot_be_right_names_the_field(client, desk, fields: dict[str, object], field: str) -> None:
    response = await client.post("/join", json={"email": "ana@example.org", **fields})
    assert response.status_code == 422
    assert list(response.json()["errors"]) == [field]
    assert await desk.person("ana@example.org") is None


async def test_a_misspelt_event_is_told_the_nearest_right_one(client) -> None:
    response = await client.post("/join", json={"email": "ana@example.org", "topics": ["clossing"]})
    assert "Did you mean closing?" in response.json()["errors"]["topics"]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b'"ana@example.org"',
        b'{"email": 1}',
        b'{"email": {"a": 1}}',
        b'{"email": ["a", 1]}',
        b"\xff\xfe{}",
        b'{"email": ' + b"9" * 5000 + b"}",
        b"[" * 60_000,
    ],
)
async def test_json_that_is_none_is_400_and_changes_nothing(client, desk, body: bytes) -> None:
    response = await client.post("/join", content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == 400
    assert response.json()["error"]
    assert await desk.mails() == []


@pytest.mark.parametrize("part", ["details", "pause", "choices"])
@pytest.mark.parametrize("page", ["join", "link", "unsubscribe", "preferences"])
async def test_half_a_surrogate_pair_anywhere_in_json_is_no_fault_of_ours(client, member, page: str, part: str) -> None:
    ana = await member()
    path = f"/{page}/{getattr(ana, page)}" if hasattr(ana, page) else f"/{page}"
    fields = ("email", "topics", "first_name", "text_version", "timezone", "role", "reason", "until", "lang")
    body = json.dumps({"part": part, "scope": "some", **dict.fromkeys(fields, "a\ud800@example.org")})
    response = await client.post(path, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code in (303, 422)


async def test_half_a_surrogate_pair_in_a_name_is_dropped_and_in_an_address_refused(client, desk) -> None:
    name = json.dumps({"email": "ana@example.org", "first_name": "A\ud800na"})
    headers = {"Content-Type": "application/json"}
    assert (await client.post("/join", content=name, headers=headers)).status_code == 202
    assert (await desk.person("ana@example.org")).first_name == "Ana"
    address = json.dumps({"email": "a\ud800na@example.org"})
    assert (await client.post("/join", content=address, headers=headers)).status_code == 422


@pytest.mark.parametrize("kind", ["text/plain", "", "application/xml"])
async def test_another_kind_of_body_is_415(client, kind: str) -> None:
    response = await client.post("/join", content=b"email=ana@example.org", headers={"Content-Type": kind})
    assert response.status_code == 415


async def test_a_file_in_the_form_is_refused(client, desk) -> None:
    fields = {"email": (None, "ana@example.org"), "first_name": ("x.bin", b"1" * 100)}
    assert (await client.post("/join", files=fields)).status_code == 400
    assert await desk.mails() == []


async def test_everyone_gets_the_same_answer(client, desk, member, pending, settings, clock) -> None:
    await pending("pending@example.org")
    await member("active@example.org")
    gone = await member("gone@example.org")
    await client.post(f"/unsubscribe/{gone.unsubscribe}")
    key = settings.secrets.hash_key.get_secret_value()
    async with desk.database.begin() as connection:
        for local, reason in (("erased", Reason.ERASED), ("refused", Reason.REFUSED)):
            hashed = suppression.address_hash(f"{local}@example.org", key)
            await suppression.suppress(connection, hashed, reason, at=clock())
    answers = set()
    for local in ("new", "pending", "active", "gone", "erased", "refused"):
        response = await client.post("/join", data={"email": f"{local}@example.org"})
        answers.add((response.status_code, response.headers["location"], response.content))
        script = await client.post("/join", json={"email": f"{local}@example.org"})
        answers.add((script.status_code, "", script.content))
    assert len(answers) == 2


async def test_somebody_who_is_in_gets_their_link_and_stays_as_they_were(client, desk, member, clock) -> None:
    ana = await member("ana@example.org", scope="some", topics=["closing"])
    clock.forward(timedelta(hours=1))
    await client.post("/join", data={"email": "ana@example.org", "first_name": "Mallory"})
    after = await desk.person("ana@example.org")
    assert (after.status, after.first_name, after.followed) == ("active", "", {"closing"})
    assert (await desk.mails())[-1] == (ana.id, "link")


async def test_an_address_is_sent_three_confirmations_a_day_whoever_asks(client, desk, clock) -> None:
    for _ in range(5):
        assert (await client.post("/join", data={"email": "ana@example.org"})).status_code == 303
    assert len(await desk.mails()) == 3
    clock.forward(timedelta(days=1, seconds=1))
    await client.post("/join", data={"email": "ana@example.org"})
    assert len(await desk.mails()) == 4


async def test_so_many_in_all_however_the_address_is_spelt(client, desk, clock) -> None:
    for detail in ("", "+1", "+2", "+3", "+news"):
        assert (await client.post("/join", data={"email": f"ana{detail}@example.org"})).status_code == 303
    assert len(await desk.mails()) == 3
    clock.forward(timedelta(days=1, seconds=1))
    await client.post("/join", data={"email": "ana+news@example.org"})
    assert len(await desk.mails()) == 4
    assert {(await desk.person(f"ana{detail}@example.org")).status for detail in ("", "+news")} == {"pending"}


async def test_the_page_names_what_lies_ahead_and_neither_what_is_over_nor_what_is_cancelled(client, text) -> None:
    response = await client.get("/join")
    words = text(response)
    assert "Lanterns & Lamps" in words
    assert "Evenings of light" in words
    assert "Closing <in> light" in words
    assert "Prelude" not in words
    assert "Lost evening" not in words
    assert 'value="prelude"' not in response.text


async def test_before_a_constellation_is_loaded_there_is_nothing_to_join(serve, settings, desk, text) -> None:
    visitor: httpx2.AsyncClient = await serve(settings)
    page = await visitor.get("/join")
    assert page.status_code == 503
    assert "Opening soon" in text(page)
    assert (await visitor.post("/join", data={"email": "ana@example.org"})).status_code == 503
    assert (await visitor.post("/join", json={"email": "ana@example.org"})).status_code == 503
    assert await desk.mails() == []


async def test_a_constellation_that_is_loaded_again_shows_at_once(client, desk, constellation, text, clock) -> None:
    from dataclasses import replace

    from newsletter.constellation import store

    await client.get("/join")
    clock.forward(timedelta(minutes=1))
    async with desk.database.begin() as connection:
        await store.load(connection, replace(constellation, name="Candles"), clock())
    assert "Candles" in text(await client.get("/join"))


async def test_a_form_of_more_fields_than_any_of_ours_is_refused(client) -> None:
    refused = await client.post("/join", data={f"field{number}": "" for number in range(401)})
    assert refused.status_code == 400
