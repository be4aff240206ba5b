"""Proof of work: solved as any client of ALTCHA's solves it, spent once, and what becomes of who has none."""

import base64
import json
import re
from datetime import timedelta
from typing import Any

import altcha
import httpx2
import pytest
from sqlalchemy import func, select

from newsletter.setting_tables import Joining
from newsletter.tables import spent_challenge
from newsletter.web import proof
from newsletter.web.proof import Nothing, Proofs, Shown, TooSoon
from tests.conftest import make_settings

ASKED = {"proof_of_work": "asked", "proof_iterations": 1, "most_an_hour_without_proof_from_network": 2}
REQUIRED = {**ASKED, "proof_of_work": "required"}


@pytest.fixture
def joining() -> dict[str, object]:
    """Settings under which whoever has no scripts may press once more."""
    return ASKED


@pytest.fixture
async def visitor(serve, database_url, loaded, joining) -> httpx2.AsyncClient:
    """A visitor of a site that asks for proof."""
    return await serve(make_settings(database_url, joining=joining))


def solved(document: dict[str, Any]) -> str:
    """What ALTCHA's own library makes of a challenge."""
    challenge = altcha.Challenge.from_dict(document)
    solution = altcha.solve_challenge(challenge)
    assert solution is not None
    return altcha.Payload(challenge, solution).to_base64()


async def prove(visitor: httpx2.AsyncClient, clock: Any) -> str:
    """Get a challenge, and have it solved some seconds later."""
    document = (await visitor.get("/join/challenge")).json()
    clock.forward(timedelta(seconds=5))
    return solved(document)


def altered(payload: str, **changes: Any) -> str:
    """The payload with some of its parameters changed."""
    document = json.loads(base64.b64decode(payload))
    document["challenge"]["parameters"] |= changes
    return base64.b64encode(json.dumps(document).encode()).decode()


def sent_on(page: httpx2.Response) -> dict[str, list[str]]:
    """What the form of a page would send."""
    fields: dict[str, list[str]] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text):
        fields.setdefault(name, []).append(value)
    return fields


async def test_a_solved_challenge_lets_a_form_in_and_is_good_once(visitor, clock, desk) -> None:
    proven = await prove(visitor, clock)
    answer = await visitor.post("/join", data={"email": "ana@example.org", "altcha": proven})
    assert (answer.status_code, answer.headers["location"]) == (303, "/join/sent")
    again = await visitor.post("/join", data={"email": "bo@example.org", "altcha": proven})
    assert again.status_code == 200
    assert "Press once more" in again.text
    assert await desk.person("ana@example.org") is not None
    assert await desk.person("bo@example.org") is None


async def test_a_script_solves_the_same_challenge_and_there_is_no_side_door(visitor, clock, desk, settings) -> None:
    refused = await visitor.post("/join", json={"email": "ana@example.org"})
    assert refused.status_code == 422
    told = refused.json()
    assert list(told["errors"]) == ["altcha"]
    assert told["challenge"] == f"{settings.public_url}/join/challenge"
    waited = {"altcha": await unsolved(visitor, clock)}
    assert (await visitor.post("/join", json={"email": "ana@example.org", **waited})).status_code == 422
    assert await desk.person("ana@example.org") is None
    proven = await prove(visitor, clock)
    taken = await visitor.post("/join", json={"email": "ana@example.org", "altcha": proven})
    assert taken.status_code == 202
    replayed = await visitor.post("/join", json={"email": "bo@example.org", "altcha": proven})
    assert replayed.status_code == 422
    assert await desk.person("bo@example.org") is None


async def unsolved(visitor: httpx2.AsyncClient, clock: Any) -> str:
    """A challenge that was only waited with."""
    document = (await visitor.get("/join/challenge")).json()
    clock.forward(timedelta(seconds=5))
    return base64.b64encode(json.dumps({"challenge": document}).encode()).decode()


async def test_a_mistake_beside_a_field_costs_no_proof(visitor, clock, desk) -> None:
    proven = await prove(visitor, clock)
    assert (await visitor.post("/join", data={"email": "ana@", "altcha": proven})).status_code == 422
    assert (await visitor.post("/join", data={"email": "ana@example.org", "altcha": proven})).status_code == 303


async def test_what_comes_back_sooner_than_people_write_is_not_taken_yet(visitor, clock, desk) -> None:
    proven = solved((await visitor.get("/join/challenge")).json())
    clock.forward(timedelta(seconds=1))
    early = await visitor.post("/join", json={"email": "ana@example.org", "altcha": proven})
    assert (early.status_code, early.headers["retry-after"]) == (422, "2")
    assert "in 2 seconds" in early.json()["errors"]["altcha"]
    page = await visitor.post("/join", data={"email": "ana@example.org", "altcha": proven})
    assert sent_on(page)["altcha"] == [proven]
    assert await desk.person("ana@example.org") is None
    clock.forward(timedelta(seconds=2))
    assert (await visitor.post("/join", json={"email": "ana@example.org", "altcha": proven})).status_code == 202


async def test_without_scripts_a_second_press_after_a_moment_sends_all_that_was_filled_in(visitor, clock, desk) -> None:
    filled_in = {
        "email": "ana@example.org",
        "first_name": "<Ana> & co",
        "scope": "some",
        "topics": ["opening", "closing"],
        "timezone": "Europe/Berlin",
        "lang": "de",
    }
    page = await visitor.post("/join", data={**filled_in, "altcha": ""})
    assert page.status_code == 200
    assert "Bitte noch einmal drücken" in page.text
    assert await desk.person("ana@example.org") is None
    fields = {name: [_unescaped(one) for one in values] for name, values in sent_on(page).items()}
    hasty = await visitor.post("/join", data=fields)
    assert sent_on(hasty)["altcha"] == fields["altcha"]
    clock.forward(timedelta(seconds=3))
    assert (await visitor.post("/join", data=fields)).status_code == 303
    ana = await desk.person("ana@example.org")
    assert (ana.first_name, ana.followed, ana.locale) == ("<Ana> & co", {"opening", "closing"}, "de")
    clock.forward(timedelta(seconds=3))
    assert (await visitor.post("/join", data={**fields, "email": "bo@example.org"})).status_code == 200
    assert await desk.person("bo@example.org") is None


def _unescaped(text: str) -> str:
    import html

    return html.unescape(text)


async def test_without_proof_few_are_let_in_from_a_network_and_with_it_the_usual_number(visitor, clock, desk) -> None:
    answers = []
    for number in range(3):
        ticket = await unsolved(visitor, clock)
        answers.append(await visitor.post("/join", data={"email": f"p{number}@example.org", "altcha": ticket}))
    assert [one.status_code for one in answers] == [303, 303, 429]
    assert await desk.person("p2@example.org") is None
    proven = await prove(visitor, clock)
    assert (await visitor.post("/join", data={"email": "ana@example.org", "altcha": proven})).status_code == 303


class TestWhereProofIsRequired:
    """Nobody gets in by having waited."""

    @pytest.fixture
    def joining(self) -> dict[str, object]:
        """As it says."""
        return REQUIRED

    async def test_who_has_no_scripts_is_told_whom_to_write_to(self, visitor, clock, desk) -> None:
        ticket = await unsolved(visitor, clock)
        for _ in range(2):
            page = await visitor.post("/join", data={"email": "ana@example.org", "altcha": ticket})
            assert page.status_code == 200
            assert "<noscript>" in page.text
            assert "hello@lanterns.example.org" in page.text
            ticket = sent_on(page)["altcha"][0]
        assert await desk.person("ana@example.org") is None
        proven = await prove(visitor, clock)
        assert (await visitor.post("/join", data={"email": "ana@example.org", "altcha": proven})).status_code == 303


async def test_where_it_is_off_nobody_is_asked(client) -> None:
    page = (await client.get("/join")).text
    assert "altcha" not in page
    assert "join.js" not in page
    assert (await client.get("/form.json")).json()["proof"] is False


async def test_the_form_names_where_its_script_gets_the_challenge(visitor) -> None:
    page = await visitor.get("/join")
    assert 'data-challenge="/join/challenge"' in page.text
    assert "connect-src 'self'" in page.headers["content-security-policy"]
    assert (await visitor.get("/form.json")).json()["proof"] is True


async def test_of_two_who_show_the_same_at_the_same_moment_one_is_let_in(database, now) -> None:
    import asyncio

    async def spend() -> bool:
        async with database.begin() as connection:
            return await proof.spend(connection, "the same", now)

    assert sorted(await asyncio.gather(spend(), spend(), spend())) == [False, False, True]


async def test_what_can_no_longer_come_back_is_forgotten(database, now) -> None:
    async with database.begin() as connection:
        await proof.spend(connection, "old", now)
        await proof.spend(connection, "new", now + timedelta(hours=1))
        await proof.forget(connection, now + timedelta(hours=2, minutes=1))
        kept = await connection.scalar(select(func.max(spent_challenge.c.nonce)))
    assert kept == "new"


class TestChallenges:
    """By themselves, without a site."""

    joining = Joining(proof_iterations=1)
    proofs = Proofs(["k" * 40])

    def test_it_is_good_for_two_hours(self, now) -> None:
        payload = solved(self.proofs.challenge(self.joining, now))
        nonce = json.loads(base64.b64decode(payload))["challenge"]["parameters"]["nonce"]
        assert self.proofs.read(payload, now=now + timedelta(hours=2)) == Shown(nonce, True)
        assert self.proofs.read(payload, now=now + timedelta(hours=2, seconds=1)) == Nothing()
        assert self.proofs.read(payload, now=now) == TooSoon(timedelta(seconds=3))

    def test_it_is_good_after_the_keys_were_rotated_and_not_after_they_were_retired(self, now) -> None:
        payload = solved(self.proofs.challenge(self.joining, now))
        later = now + timedelta(minutes=1)
        assert isinstance(Proofs(["n" * 40, "k" * 40]).read(payload, now=later), Shown)
        assert Proofs(["n" * 40]).read(payload, now=later) == Nothing()

    @pytest.mark.parametrize(
        "changes",
        [
            {"cost": 0},
            {"keyPrefix": ""},
            {"nonce": "00" * 16},
            {"data": {"issued": 0, "wait": 0}},
            {"data": None},
            {"expiresAt": 1},
            {"algorithm": "SHA-256"},
        ],
    )
    def test_one_that_was_made_easier_is_none_of_ours(self, now, changes: dict[str, Any]) -> None:
        payload = altered(solved(self.proofs.challenge(self.joining, now)), **changes)
        assert self.proofs.read(payload, now=now + timedelta(minutes=1)) == Nothing()

    @pytest.mark.parametrize("solution", [{"counter": 0, "derivedKey": "00" * 32}, {"counter": -1, "derivedKey": ""}])
    def test_a_wrong_solution_is_none(self, now, solution: dict[str, Any]) -> None:
        document = {"challenge": self.proofs.challenge(self.joining, now), "solution": solution}
        text = base64.b64encode(json.dumps(document).encode()).decode()
        assert self.proofs.read(text, now=now + timedelta(minutes=1)) == Nothing()

    @pytest.mark.parametrize(
        "text", ["", "x", "é", "bnVsbA==", "W10=", "e30=", base64.b64encode(b"[" * 3000).decode(), "A" * 5000]
    )
    def test_what_is_no_challenge_at_all_is_none(self, now, text: str) -> None:
        assert self.proofs.read(text, now=now) == Nothing()
