"""“Not me, never again”: by a link that needs nobody to be here, for good, and by its button alone."""

from datetime import timedelta

import pytest

from newsletter.delivery import transactional
from subscribers import erasure, suppression
from subscribers.links import LinkInvalid, Links, Purpose
from subscribers.suppression import Reason


@pytest.fixture
def refusal(settings, desk):
    """The link's path for an address."""

    def path(address: str) -> str:
        hashed = suppression.address_hash(address, settings.secrets.hash_key.get_secret_value())
        return f"/refuse/{desk.links.refusal(hashed)}"

    return path


async def reason(desk, settings, address: str) -> Reason | None:
    hashed = suppression.address_hash(address, settings.secrets.hash_key.get_secret_value())
    async with desk.database.read() as connection:
        return await suppression.find(connection, hashed)


async def test_looking_changes_nothing_and_the_button_deletes_what_a_stranger_typed(
    client, desk, pending, refusal, settings, text
) -> None:
    ana = await pending("ana@example.org")
    page = await client.get(refusal(ana.address))
    assert page.status_code == 200
    assert "This is for good" in text(page)
    assert await desk.person(ana.address) is not None
    answer = await client.post(refusal(ana.address))
    assert (answer.status_code, answer.headers["location"]) == (303, "/refused")
    assert "not hear from us again" in text(await client.get("/refused"))
    assert await desk.person(ana.address) is None
    assert await reason(desk, settings, ana.address) is Reason.REFUSED


async def test_nobody_can_have_us_write_there_again(client, desk, pending, refusal) -> None:
    ana = await pending("ana@example.org")
    await client.post(refusal(ana.address))
    assert (await client.post("/join", data={"email": ana.address})).status_code == 303
    assert await desk.mails() == []
    assert await desk.person(ana.address) is None


async def test_nobody_can_have_us_write_there_again_by_a_detail_of_the_address(
    client, desk, member, pending, refusal, settings, clock
) -> None:
    reader = await member("ana+news@example.org")
    typed = await pending("ana+old@example.org")
    mover = await member("ben@example.org")
    await client.post(refusal("ana@example.org"))
    before = await desk.mails()
    assert (await client.post("/join", data={"email": "Ana+1@example.org"})).status_code == 303
    assert await desk.person("Ana+1@example.org") is None
    clock.forward(timedelta(days=2))
    await client.post("/join", data={"email": typed.address})
    wish = {"part": "address", "email": "ana+2@example.org"}
    await client.post(f"/account/{desk.link(Purpose.ACCOUNT, mover.id)}", data=wish)
    key = settings.secrets.hash_key.get_secret_value()
    async with desk.database.begin() as connection:
        reminded = await transactional.remind(connection, [typed.id], now=clock(), most_a_day=3, hash_key=key)
    assert (reminded, await desk.mails()) == (0, before)
    await client.post("/join", data={"email": reader.address})
    assert await desk.mails() == [*before, (reader.id, "link")], "who is in by a detail stays so"


async def test_a_detail_that_is_refused_bars_no_other_address(client, desk, pending, refusal) -> None:
    await client.post(refusal("ana+1@example.org"))
    assert (await pending("ana@example.org")).id


async def test_it_is_honoured_years_later_when_nobody_is_here_with_that_address(
    client, desk, pending, refusal, settings, clock
) -> None:
    ana = await pending("ana@example.org")
    link = refusal(ana.address)
    async with desk.database.begin() as connection:
        await erasure.erase(connection, ana.id, now=clock())
    clock.forward(timedelta(days=1000))
    for _ in range(2):  # pressing twice is harmless
        assert (await client.post(link)).status_code == 303
    assert await reason(desk, settings, ana.address) is Reason.REFUSED


async def test_nobody_s_mail_goes_there_who_named_it_as_their_new_address(client, desk, member, refusal) -> None:
    ana = await member("ana@example.org")
    wish = {"part": "address", "email": "stranger@example.org"}
    assert (await client.post(f"/account/{desk.link(Purpose.ACCOUNT, ana.id)}", data=wish)).status_code == 303
    await client.post(refusal("stranger@example.org"))
    kept = await client.get(f"/account/{desk.link(Purpose.ACCOUNT, ana.id)}/data.json")
    assert kept.json()["moving_to"] is None
    assert (await client.post(f"/move/{desk.link(Purpose.MOVE, ana.id)}")).status_code == 410
    assert (await desk.person(ana.address)).status == "active"


async def test_it_outlives_an_erasure(client, desk, member, refusal, settings, clock) -> None:
    ana = await member("ana@example.org")
    await client.post(refusal(ana.address))
    async with desk.database.begin() as connection:
        assert await erasure.erase(connection, ana.id, now=clock())
    assert await reason(desk, settings, ana.address) is Reason.REFUSED


async def test_whoever_had_confirmed_has_left_and_the_evidence_stays(client, desk, member, refusal) -> None:
    ana = await member("ana@example.org")
    await client.post(refusal(ana.address))
    assert (await desk.person(ana.address)).status == "left"
    steps = await desk.evidence(ana.id)
    assert [(one.action, one.source) for one in steps][-1] == ("left", "refusal")
    assert {"requested", "confirmed"} <= {one.action for one in steps}
    assert (await client.post(f"/confirm/{ana.confirm}")).status_code == 410


@pytest.mark.parametrize("token", ["x", "0" * 32, f"{'0' * 32}.{'A' * 22}"])
async def test_a_link_that_is_not_ours_refuses_nobody(client, token: str) -> None:
    for answer in (await client.get(f"/refuse/{token}"), await client.post(f"/refuse/{token}")):
        assert answer.status_code == 404


def test_the_link_works_after_its_key_was_rotated_and_opens_no_other_address() -> None:
    token = Links(["k" * 40]).refusal("ab" * 16)
    assert Links(["n" * 40, "k" * 40]).open_refusal(token) == "ab" * 16
    with pytest.raises(LinkInvalid):
        Links(["n" * 40]).open_refusal(token)
    with pytest.raises(LinkInvalid):
        Links(["k" * 40]).open_refusal("cd" + token[2:])
