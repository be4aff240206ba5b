"""Confirming: GET shows a button, POST confirms once, and a link that is too old offers a new one."""

from datetime import timedelta

import pytest

from newsletter import catalogues
from newsletter.delivery import unconfirmed
from newsletter.web import agreement
from subscribers import erasure, importing, suppression
from subscribers.links import NOBODY, Purpose
from subscribers.suppression import Reason


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_opening_the_link_confirms_nobody(client, desk, pending, method: str) -> None:
    ana = await pending()
    assert (await client.request(method, f"/confirm/{ana.confirm}")).status_code == 200
    assert (await desk.person(ana.address)).status == "pending"


async def test_the_button_confirms_and_a_welcome_goes_out(client, desk, pending, text) -> None:
    ana = await pending(first_name="Ana")
    response = await client.post(f"/confirm/{ana.confirm}")
    assert response.status_code == 303
    assert (await desk.person(ana.address)).status == "active"
    assert await desk.mails() == [(ana.id, "confirm"), (ana.id, "welcome")]
    welcome = await client.get(response.headers["location"])
    assert "Welcome, Ana" in text(welcome)
    assert "/preferences/" in welcome.text


async def test_who_was_shown_no_text_before_reads_it_beside_the_button_and_that_is_the_evidence(
    client, desk, pending, text, clock, tmp_path, settings
) -> None:
    (tmp_path / "list.csv").write_text("email,locale\nbo@example.org,de\n")
    await importing.run(tmp_path / "list.csv", database=desk.database, hash_key="h" * 40, now=clock())
    bo, ana = await desk.person("bo@example.org"), await pending()
    assert bo is not None
    link = f"/confirm/{desk.link(Purpose.CONFIRM, bo.subscriber_id)}"
    agreed = catalogues.voice("de").gettext(agreement.TEXT)
    assert agreed in text(await client.get(link))
    assert agreement.TEXT not in text(await client.get(f"/confirm/{ana.confirm}")), "she read it when she joined"
    assert (await client.post(link)).status_code == 303
    step = (await desk.evidence(bo.subscriber_id))[-1]
    assert (step.action, step.text_version, step.text_shown) == ("confirmed", settings.joining.consent_version, agreed)
    assert len(step.text_hash) == 64


async def test_who_joined_by_a_form_with_a_text_that_nobody_knows_reads_ours_beside_the_button(
    client, desk, text, settings
) -> None:
    await client.post("/join", data={"email": "ana@example.org", "text_version": "2019-07"})
    ana = await desk.person("ana@example.org")
    link = f"/confirm/{desk.link(Purpose.CONFIRM, ana.subscriber_id)}"
    assert agreement.TEXT in text(await client.get(link))
    assert (await client.post(link)).status_code == 303
    asked, confirmed = await desk.evidence(ana.subscriber_id)
    assert (asked.text_version, asked.text_shown) == ("2019-07", "")
    assert (confirmed.text_version, confirmed.text_shown) == (settings.joining.consent_version, agreement.TEXT)


async def test_the_welcome_names_what_is_next_of_what_was_chosen(client, desk, member, text) -> None:
    everything, some = await member(), await member("bo@example.org", scope="some", topics=["closing"])
    pages = [text(await client.get(f"/confirm/{desk.link(Purpose.CONFIRM, one.id)}")) for one in (everything, some)]
    assert ["Opening" in page for page in pages] == [True, False]
    assert ["Closing <in> light" in page for page in pages] == [False, True]


async def test_a_second_press_sends_no_second_welcome(client, desk, member) -> None:
    ana = await member()
    assert (await client.post(f"/confirm/{desk.link(Purpose.CONFIRM, ana.id)}")).status_code == 303
    assert [kind for _, kind in await desk.mails()] == ["confirm", "welcome"]


async def test_the_evidence_of_the_confirmation_names_where_it_came_from(client, desk, member) -> None:
    ana = await member()
    confirmed = (await desk.evidence(ana.id))[-1]
    assert (confirmed.action, confirmed.ip) == ("confirmed", "192.0.2.1")


async def test_an_old_link_says_so_and_offers_a_new_one_that_works(client, desk, pending, clock, text) -> None:
    ana = await pending(scope="some", topics=["closing"])
    clock.forward(timedelta(days=7, seconds=1))
    page = await client.get(f"/confirm/{ana.confirm}")
    assert page.status_code == 410
    assert "It was good until Friday, January 22, 2021" in text(page)
    assert (await client.post(f"/confirm/{ana.confirm}")).status_code == 410
    assert (await desk.person(ana.address)).status == "pending"

    assert (await client.post(f"/confirm/{ana.confirm}", data={"renew": "yes"})).status_code == 303
    assert await desk.mails() == [(ana.id, "confirm"), (ana.id, "confirm")]
    await client.post(f"/confirm/{desk.link(Purpose.CONFIRM, ana.id)}")
    assert (await desk.person(ana.address)).followed == {"closing"}


async def test_an_old_link_of_somebody_who_had_left_is_renewed_for_what_they_asked_for_since(
    client, desk, member, pending, clock
) -> None:
    ana = await member()
    await client.post(f"/unsubscribe/{ana.unsubscribe}")
    clock.forward(timedelta(hours=1))
    ana = await pending(topics="closing")
    clock.forward(timedelta(days=8))
    assert (await client.post(f"/confirm/{ana.confirm}", data={"renew": "yes"})).status_code == 303
    await client.post(f"/confirm/{desk.link(Purpose.CONFIRM, ana.id)}")
    back = await desk.person(ana.address)
    assert (back.status, back.everything, back.followed) == ("active", False, {"closing"})


async def test_an_old_link_cannot_be_used_to_flood_its_owner(client, desk, pending, clock) -> None:
    ana = await pending()
    clock.forward(timedelta(days=8))
    for _ in range(6):
        await client.post(f"/confirm/{ana.confirm}", data={"renew": "yes"})
    assert len(await desk.mails()) == 1 + 3


async def test_a_link_from_before_somebody_left_does_not_bring_them_back(client, desk, member, clock, text) -> None:
    ana = await member()
    clock.forward(timedelta(hours=1))
    await client.post(f"/unsubscribe/{ana.unsubscribe}")
    response = await client.post(f"/confirm/{ana.confirm}")
    assert response.status_code == 410
    assert "join anew" in text(response)
    assert (await desk.person(ana.address)).status == "left"


async def test_an_old_link_of_somebody_who_was_forgotten_says_so_and_leads_to_the_form(
    client, desk, pending, clock, text
) -> None:
    ana = await pending()
    async with desk.database.begin() as connection:
        await unconfirmed.forget(connection, [ana.id])
    clock.forward(timedelta(days=40))
    page = await client.get(f"/confirm/{ana.confirm}")
    assert page.status_code == 410
    assert "nobody pressed the button" in text(page)
    assert 'href="/join?lang=en"' in page.text


async def test_an_old_link_of_somebody_who_pressed_it_and_was_erased_does_not_say_that_nobody_did(
    client, desk, member, clock, text
) -> None:
    ana = await member()
    async with desk.database.begin() as connection:
        await erasure.erase(connection, ana.id, now=clock())
    clock.forward(timedelta(days=40))
    page = await client.get(f"/confirm/{ana.confirm}")
    assert "or everything about the address has been erased since" in text(page)


async def test_somebody_who_left_comes_back_by_joining_and_confirming(client, desk, member, clock) -> None:
    ana = await member()
    await client.post(f"/unsubscribe/{ana.unsubscribe}")
    clock.forward(timedelta(hours=1))
    await client.post("/join", data={"email": ana.address})
    assert (await desk.person(ana.address)).status == "left"
    await client.post(f"/confirm/{desk.link(Purpose.CONFIRM, ana.id)}")
    assert (await desk.person(ana.address)).status == "active"


@pytest.mark.parametrize("reason", [Reason.HARD_BOUNCE, Reason.SOFT_BOUNCE, Reason.COMPLAINT])
async def test_somebody_to_whom_mail_was_stopped_finds_the_button_that_brings_them_back(
    client, desk, member, stop, text, reason
) -> None:
    ana = await member()
    await stop(ana.address, reason)
    old = await client.get(f"/confirm/{ana.confirm}")
    assert old.status_code == 410
    assert "You are in" not in text(old)
    assert "join anew" in text(old)
    assert (await client.post(f"/confirm/{ana.confirm}")).status_code == 410

    await client.post("/join", data={"email": ana.address})
    link = f"/confirm/{desk.link(Purpose.CONFIRM, ana.id)}"
    page = await client.get(link)
    assert page.status_code == 200
    assert "Yes, write to me" in text(page)
    assert "You are in" not in text(page)
    pressed = await client.post(link)
    assert "You are in" in text(await client.get(pressed.headers["location"]))
    async with desk.database.read() as connection:
        assert await suppression.finding(connection, ana.id) is None


async def test_an_old_link_of_somebody_to_whom_mail_was_stopped_is_renewed_and_does_not_say_that_they_are_in(
    client, desk, member, stop, clock, text
) -> None:
    ana = await member()
    await stop(ana.address, Reason.HARD_BOUNCE)
    clock.forward(timedelta(days=8))
    page = await client.get(f"/confirm/{ana.confirm}")
    assert "you are in already" not in text(page)
    assert "By asking for it you say once more" in text(page)
    await client.post(f"/confirm/{ana.confirm}", data={"renew": "yes"})
    assert [kind for _, kind in await desk.mails()] == ["confirm", "welcome", "confirm"]


@pytest.mark.parametrize("age", [timedelta(hours=1), timedelta(days=8)])
async def test_a_link_of_somebody_whom_joining_does_not_bring_back_says_that_it_is_no_longer_good(
    client, pending, stop, clock, text, age
) -> None:
    ana = await pending()
    await stop(ana.address, Reason.REFUSED)
    clock.forward(age)
    page = await client.get(f"/confirm/{ana.confirm}")
    assert page.status_code == 410
    assert "This link is no longer good" in text(page)


@pytest.mark.parametrize("token", ["x", "x" * 71, "%00", "..%2f..%2fetc", "é", "a.b", "%F0%9F%98%80"])
@pytest.mark.parametrize("path", ["confirm", "preferences", "unsubscribe", "one-click"])
async def test_a_link_that_is_not_ours_opens_no_door(client, path: str, token: str) -> None:
    for method in ("GET", "POST"):
        response = await client.request(
            method,
            f"/{path}/{token}",
            data={"List-Unsubscribe": "One-Click", "part": "leave"} if method == "POST" else None,
        )
        assert response.status_code == 404


@pytest.mark.parametrize("path", ["confirm", "preferences", "unsubscribe", "one-click"])
async def test_a_link_opens_no_other_door_than_its_own(client, desk, member, path: str) -> None:
    ana = await member()
    own = {"confirm": Purpose.CONFIRM, "preferences": Purpose.PREFERENCES}.get(path, Purpose.UNSUBSCRIBE)
    mails = set() if path == "confirm" else {Purpose.MAIL}  # of mails that are out
    for purpose in set(Purpose) - {own} - mails:
        response = await client.post(
            f"/{path}/{desk.link(purpose, ana.id)}", data={"List-Unsubscribe": "One-Click", "part": "leave"}
        )
        assert response.status_code == 404
    assert (await desk.person(ana.address)).status == "active"


async def test_a_link_of_somebody_who_was_erased_leads_nowhere(client, desk, pending, clock) -> None:
    from subscribers import erasure

    ana = await pending()
    async with desk.database.begin() as connection:
        await erasure.erase(connection, ana.id, now=clock())
    for path, token in (("confirm", ana.confirm), ("preferences", ana.preferences), ("unsubscribe", ana.unsubscribe)):
        assert (await client.get(f"/{path}/{token}")).status_code == 404
        assert (await client.post(f"/{path}/{token}", data={"part": "leave"})).status_code == 404


@pytest.mark.parametrize("purpose", [Purpose.PREFERENCES, Purpose.UNSUBSCRIBE, Purpose.RSVP])
async def test_a_link_in_a_test_mail_says_that_and_not_that_it_is_cut(client, desk, text, purpose) -> None:
    path = f"/{purpose}/{desk.link(purpose, NOBODY, 1)}"
    for page in (await client.get(path), await client.post(path, data={"answer": "going", "part": "resume"})):
        assert page.status_code == 404
        assert "This is a link of a test mail" in text(page)
        assert "Mail programs sometimes cut a link" not in text(page)
