"""Floods: counted in the database, refused alike for everyone, and silent where they concern an address."""

import asyncio
import re
from datetime import timedelta

import pytest
from sqlalchemy import func, select

from newsletter.setting_tables import Joining
from newsletter.settings import Settings
from newsletter.tables import request_count
from newsletter.web import limits
from newsletter.web.limits import Room
from subscribers.links import Purpose
from tests.conftest import make_settings

SPELT = ("v@example.org", "V@example.org", "v@EXAMPLE.org", "v@example.org")
LOW = {"most_an_hour": 5, "most_an_hour_from_network": 3, "most_an_hour_for_address": 2}


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Limits low enough to reach, and a proxy that may name the visitors."""
    return make_settings(database_url, joining=LOW, web={"trusted_proxies": ["192.0.2.1"]})


async def join(client, address: str, ip: str = "198.51.100.7", **options: object):
    headers = {"X-Forwarded-For": ip}
    return await client.post("/join", headers=headers, **(options or {"data": {"email": address}}))


async def test_a_network_that_asks_too_often_is_told_to_come_back_and_nobody_is_added(client, desk) -> None:
    for number in range(3):
        assert (await join(client, f"p{number}@example.org", f"198.51.100.{number}")).status_code == 303
    refused = await join(client, "late@example.org", "198.51.100.99")
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "3600")
    assert await desk.person("late@example.org") is None
    assert (await join(client, "elsewhere@example.org", "198.51.101.1")).status_code == 303


async def test_a_script_is_told_in_json_and_has_no_limit_of_its_own(client) -> None:
    for number in range(3):
        await join(client, f"p{number}@example.org")
    refused = await join(client, "", json={"email": "late@example.org"})
    assert refused.status_code == 429
    assert "try again in an hour" in refused.json()["error"]


async def test_all_together_have_a_limit_whatever_networks_they_come_from(client, desk) -> None:
    for number in range(5):
        assert (await join(client, f"p{number}@example.org", f"198.51.{number}.1")).status_code == 303
    assert (await join(client, "late@example.org", "203.0.113.1")).status_code == 429
    assert await desk.person("late@example.org") is None


async def test_an_address_entered_too_often_gets_the_same_answer_and_leaves_no_more_evidence(client, desk) -> None:
    answers = [await join(client, "ana@example.org", f"198.51.{number}.1") for number in range(4)]
    assert len({(one.status_code, one.headers["location"], one.content) for one in answers}) == 1
    ana = await desk.person("ana@example.org")
    assert len(await desk.evidence(ana.subscriber_id)) == 2


async def test_one_spelling_or_another_is_the_same_address(client, desk) -> None:
    for number, spelt in enumerate(("ana@example.org", "Ana@Example.org", "ANA@example.org")):
        await join(client, spelt, f"198.51.{number}.1")
    ana = await desk.person("ana@example.org")
    assert len(await desk.evidence(ana.subscriber_id)) == 2


async def test_the_next_hour_begins_anew_and_old_windows_are_forgotten(client, desk, clock) -> None:
    for number in range(4):
        await join(client, f"p{number}@example.org")
    clock.forward(timedelta(hours=1))
    assert (await join(client, "next@example.org")).status_code == 303
    clock.forward(timedelta(hours=2))
    await join(client, "later@example.org")
    async with desk.database.read() as connection:
        assert await connection.scalar(select(func.count(request_count.c.begins_at.distinct()))) == 1


async def test_an_old_link_asks_for_no_more_than_the_form_may(client, desk, pending, clock) -> None:
    ana = await pending()
    clock.forward(timedelta(days=8))
    for number in range(4):
        await join(client, f"p{number}@example.org")
    renewed = await client.post(
        f"/confirm/{ana.confirm}", data={"renew": "yes"}, headers={"X-Forwarded-For": "198.51.100.200"}
    )
    assert renewed.status_code == 429


async def test_many_accounts_have_a_stranger_asked_no_oftener_than_the_form_may(client, desk, pending, clock) -> None:
    people = []
    for number in range(4):
        ip = {"X-Forwarded-For": f"198.51.{number}.1"}
        joined = await pending(f"p{number}@example.org", headers=ip)
        assert (await client.post(f"/confirm/{joined.confirm}", headers=ip)).status_code == 303
        people.append((joined, ip))
    clock.forward(timedelta(hours=1))
    answers = [
        await client.post(
            f"/account/{desk.link(Purpose.ACCOUNT, person.id)}",
            data={"part": "address", "email": spelt},
            headers=ip,
        )
        for (person, ip), spelt in zip(people, SPELT, strict=True)
    ]
    assert {one.status_code for one in answers} == {303}, "which tells nobody whether it was done"
    assert [kind for _, kind in await desk.mails()].count("move") == LOW["most_an_hour_for_address"]
    for person, ip in people[:2]:
        link = f"/account/{desk.link(Purpose.ACCOUNT, person.id)}"
        full = await client.post(link, data={"part": "address", "email": f"{person.id}@example.org"}, headers=ip)
    assert full.status_code == 429, "all together have a limit too"


async def test_requests_at_the_same_moment_never_share_the_last_place(database, now) -> None:
    async def ask(number: int) -> Room:
        async with database.begin() as connection:
            return await limits.take(connection, mailbox=f"{number}", ip="198.51.100.7", limits=Joining(**LOW), now=now)

    rooms = await asyncio.gather(*(ask(number) for number in range(12)))
    assert rooms.count(Room.FREE) == 3


@pytest.mark.parametrize(
    ("ip", "network"),
    [
        ("198.51.100.7", "198.51.100.0/24"),
        ("2001:db8:0:12ab:1::1", "2001:db8:0:1200::/56"),
        ("::ffff:198.51.100.7", "198.51.100.0/24"),
        ("", "unknown"),
        ("testclient", "unknown"),
    ],
)
def test_a_network_is_what_one_customer_has_to_choose_from(ip: str, network: str) -> None:
    assert limits.network(ip) == network


@pytest.mark.parametrize("kind", ["data", "json"])
async def test_who_fills_in_the_field_that_nobody_sees_is_answered_like_everyone_and_not_added(
    client, desk, kind: str
) -> None:
    person = await client.post("/join", **{kind: {"email": "ana@example.org", "homepage": ""}})
    robot = await client.post("/join", **{kind: {"email": "robot@example.org", "homepage": "https://spam.example"}})
    assert (robot.status_code, robot.content) == (person.status_code, person.content)
    assert robot.headers.get("location") == person.headers.get("location")
    assert await desk.person("ana@example.org") is not None
    assert await desk.person("robot@example.org") is None


async def test_the_form_has_that_field_out_of_sight_and_out_of_the_tab_order(client) -> None:
    page = (await client.get("/join")).text
    [field] = re.findall(r'<div class="hidden"[^>]*>(?:(?!</div>).)*name="homepage".*?</div>', page, re.DOTALL)
    assert 'tabindex="-1"' in field
    assert 'autocomplete="off"' in field
    assert 'aria-hidden="true"' in field
