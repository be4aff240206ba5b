"""Asking for one's link by address: everyone gets the same answer, and only that mailbox a mail."""

from datetime import timedelta

import pytest

from subscribers import erasure, preferences, suppression
from subscribers.suppression import Reason


async def ask(client, address: str):
    response = await client.post("/link", data={"email": address})
    assert response.status_code == 303
    return response.headers["location"], (await client.get(response.headers["location"])).text


async def test_the_answer_is_the_same_for_everyone(client, desk, member, pending, settings, clock) -> None:
    ana, gone, erased = await member("ana@example.org"), await member("bo@example.org"), await member("cy@example.org")
    waiting = await pending("di@example.org")
    key = settings.secrets.hash_key.get_secret_value()
    async with desk.database.begin() as connection:
        await preferences.leave(connection, gone.id, source="page", now=clock())
        await erasure.erase(connection, erased.id, now=clock())
        hashed = suppression.address_hash("ed@example.org", key)
        await suppression.suppress(connection, hashed, Reason.REFUSED, at=clock())
    before = len(await desk.mails())
    everyone = ["ana", "bo", "cy", "di", "ed", "nobody"]
    assert len({await ask(client, f"{name}@example.org") for name in everyone}) == 1
    assert (await desk.mails())[before:] == [(ana.id, "link"), (gone.id, "link"), (waiting.id, "confirm")]


@pytest.mark.parametrize("reason", [Reason.HARD_BOUNCE, Reason.COMPLAINT, Reason.STAFF, Reason.REFUSED])
async def test_nothing_goes_to_an_address_that_is_not_to_be_written_to(
    client, desk, member, settings, clock, reason
) -> None:
    ana = await member()
    before = await desk.mails()
    async with desk.database.begin() as connection:
        hashed = suppression.address_hash(ana.address, settings.secrets.hash_key.get_secret_value())
        await suppression.suppress(connection, hashed, reason, at=clock())
    await ask(client, ana.address)
    assert await desk.mails() == before


async def test_a_mailbox_gets_it_a_few_times_a_day_whoever_asks(client, desk, member, clock) -> None:
    ana = await member()
    for _ in range(5):
        await ask(client, " ANA@Example.org ")
    assert (await desk.mails()).count((ana.id, "link")) == 3
    clock.forward(timedelta(days=1, seconds=1))
    await ask(client, ana.address)
    assert (await desk.mails()).count((ana.id, "link")) == 4


async def test_asking_leaves_no_trace_in_the_evidence(client, desk, member) -> None:
    ana = await member()
    before = await desk.evidence(ana.id)
    await ask(client, ana.address)
    assert await desk.evidence(ana.id) == before


async def test_an_address_that_is_none_is_told_beside_its_field(client, text) -> None:
    page = await client.post("/link?lang=de", data={"email": "ana"})
    assert page.status_code == 422
    assert 'aria-describedby="email-error' in page.text
    assert "Link verloren?" in text(page)
