"""A change of address: asked by a fresh link, said yes to at the new mailbox, told to the old one."""

from datetime import timedelta

import pytest
from sqlalchemy import select

from newsletter import tables
from newsletter.delivery import transactional
from newsletter.feedback import receivers
from subscribers import directory, erasure, preferences, suppression
from subscribers.addresses import parse
from subscribers.links import DeliveryRef, Purpose
from subscribers.suppression import Reason

NEW = "ana.new@example.org"


@pytest.fixture
async def ana(member):
    return await member(first_name="Ana")


async def ask(client, desk, person, address: str = NEW):
    link = f"/account/{desk.link(Purpose.ACCOUNT, person.id)}"
    response = await client.post(link, data={"part": "address", "email": address})
    return (await client.get(response.headers["location"].partition("#")[0])).text.replace(link, "")


async def say_yes(client, desk, person):
    return await client.post(f"/move/{desk.link(Purpose.MOVE, person.id)}")


async def sent(desk) -> list[tuple[str, str, str]]:
    """What waits: which mail, to which address, and whom it greets."""
    async with desk.database.begin() as connection:
        waiting = await transactional.claim(connection, limit=99, now=desk.clock())
    return [(one.kind.value, one.address, one.first_name) for one in waiting]


async def test_the_new_mailbox_says_yes_and_the_old_one_is_told(client, desk, ana, clock, text) -> None:
    await sent(desk)
    assert "is on its way to the new address" in await ask(client, desk, ana)
    assert await sent(desk) == [("move", NEW, "")]  # whose mailbox that is, nobody knows: no name
    kept = (await client.get(f"/account/{desk.link(Purpose.ACCOUNT, ana.id)}/data.json")).json()
    assert kept["moving_to"] == NEW
    link = f"/move/{desk.link(Purpose.MOVE, ana.id)}"
    assert NEW in text(await client.get(link))
    assert await desk.person(NEW) is None
    clock.forward(timedelta(minutes=5))
    page = await client.get((await client.post(link)).headers["location"].partition("#")[0])
    assert "From now on, your mail goes to this address." in text(page)
    assert (await desk.person(NEW)).subscriber_id == ana.id
    assert await desk.person(ana.address) is None
    assert await sent(desk) == [("moved", ana.address, "Ana")]
    last = (await desk.evidence(ana.id))[-1]
    assert (last.action, last.actor, last.source) == ("changed", "person", "move")
    assert (last.detail["before"], last.detail["after"]) == ({"address": ana.address}, {"address": NEW})


async def test_a_link_works_once_and_not_after_a_newer_wish(client, desk, ana, clock) -> None:
    await ask(client, desk, ana)
    first = f"/move/{desk.link(Purpose.MOVE, ana.id)}"
    clock.forward(timedelta(seconds=1))
    await ask(client, desk, ana, "other@example.org")
    assert (await client.get(first)).status_code == 410
    assert (await client.post(first)).status_code == 410
    assert (await desk.person(ana.address)).status == "active"
    assert (await say_yes(client, desk, ana)).status_code == 303
    assert (await say_yes(client, desk, ana)).status_code == 410
    assert await desk.person("other@example.org") is not None


async def test_two_wishes_in_one_second_cannot_have_one_mailbox_say_yes_for_another(client, desk, ana) -> None:
    await ask(client, desk, ana, "mine@example.org")
    await ask(client, desk, ana, "victim@example.org")
    await say_yes(client, desk, ana)
    assert await desk.person("victim@example.org") is None
    assert await desk.person("mine@example.org") is not None


async def test_a_link_that_is_too_old_moves_nobody(client, desk, ana, clock) -> None:
    await ask(client, desk, ana)
    link = f"/move/{desk.link(Purpose.MOVE, ana.id)}"
    clock.forward(timedelta(days=8))
    assert (await client.post(link)).status_code == 410
    assert await desk.person(NEW) is None


async def test_the_answer_tells_nobody_whose_an_address_is(client, desk, ana, member, settings, clock) -> None:
    bo = await member("bo@example.org")
    async with desk.database.begin() as connection:
        hashed = suppression.address_hash("never@example.org", settings.secrets.hash_key.get_secret_value())
        await suppression.suppress(connection, hashed, Reason.REFUSED, at=clock())
    await sent(desk)
    answers = set()
    for address in (bo.address, "never@example.org", ana.address, NEW):
        answers.add((await ask(client, desk, ana, address)).partition("<section")[0])
    assert len(answers) == 1
    mails = [(kind, to) for kind, to, _ in await sent(desk)]
    assert mails == [("link", bo.address), ("link", ana.address), ("move", NEW)]


async def test_a_stranger_is_asked_three_times_a_day_however_many_accounts_name_their_address(
    client, desk, member, clock
) -> None:
    holders = [await member(f"many{number}@example.org") for number in range(4)]
    await sent(desk)
    for holder in holders:
        clock.forward(timedelta(hours=1))
        assert "is on its way to the new address" in await ask(client, desk, holder)
        async with desk.database.begin() as connection:
            await erasure.erase(connection, holder.id, now=clock())  # with the mails that were sent for them
    for _ in range(3):
        await client.post("/join", data={"email": NEW})
    assert await desk.mails() == [((await desk.person(NEW)).subscriber_id, "confirm")]


async def test_the_mails_that_ask_a_new_address_leave_one_that_it_could_join_by(client, desk, member, clock) -> None:
    await sent(desk)
    for number in range(3):
        clock.forward(timedelta(seconds=1))
        await ask(client, desk, await member(f"many{number}@example.org"))
    mails = [kind for kind, to, _ in await sent(desk) if to == NEW]
    await client.post("/join", data={"email": NEW})
    assert mails + [kind for kind, to, _ in await sent(desk) if to == NEW] == ["move", "move", "confirm"]


async def test_an_address_that_somebody_takes_meanwhile_or_refuses_is_not_moved_to(
    client, desk, ana, pending, settings, clock
) -> None:
    await ask(client, desk, ana)
    await pending(NEW)
    assert (await say_yes(client, desk, ana)).status_code == 410
    clock.forward(timedelta(seconds=1))
    await ask(client, desk, ana, "no@example.org")
    key = settings.secrets.hash_key.get_secret_value()
    async with desk.database.begin() as connection:
        await directory.suppress(connection, parse("no@example.org"), hash_key=key, note="", now=clock())
    assert (await say_yes(client, desk, ana)).status_code == 410
    assert (await desk.person(ana.address)).status == "active"


async def test_whoever_left_meanwhile_stays_gone(client, desk, ana, clock) -> None:
    await ask(client, desk, ana)
    async with desk.database.begin() as connection:
        await preferences.leave(connection, ana.id, source="page", now=clock())
    assert (await say_yes(client, desk, ana)).status_code == 410
    assert (await desk.person(ana.address)).status == "left"


async def test_a_link_to_ones_data_that_went_to_the_old_mailbox_opens_nothing_after_the_move(
    client, desk, ana, clock
) -> None:
    old = f"/account/{desk.link(Purpose.ACCOUNT, ana.id)}"
    await ask(client, desk, ana)
    link = f"/move/{desk.link(Purpose.MOVE, ana.id)}"
    clock.forward(timedelta(minutes=5))
    await client.post(link)
    for below in ("", "/data.json", "/erase"):
        assert (await client.get(f"{old}{below}")).status_code == 404
    assert (await client.post(f"{old}/erase", data={"erase": "everything"})).status_code == 404
    clock.forward(timedelta(seconds=1))
    assert (await client.get(f"/account/{desk.link(Purpose.ACCOUNT, ana.id)}")).status_code == 200


async def test_a_bounce_at_the_new_mailbox_is_not_held_against_the_old_one(client, desk, ana) -> None:
    await ask(client, desk, ana)
    async with desk.database.read() as connection:
        kind = tables.transactional.c.kind
        number = await connection.scalar(select(tables.transactional.c.id).where(kind == "move"))
        assert await receivers.find(connection, [DeliveryRef("transactional", 0, number)]) == {}


async def test_what_is_no_address_is_told_beside_its_field(client, desk, ana, text) -> None:
    link = f"/account/{desk.link(Purpose.ACCOUNT, ana.id)}"
    page = await client.post(link, data={"part": "address", "email": "ana.new"})
    assert page.status_code == 422
    assert "There is no @-sign in it yet" in text(page)
