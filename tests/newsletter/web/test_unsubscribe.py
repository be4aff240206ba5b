"""Leaving, by the page and by the one click of RFC 8058."""

import pytest
from sqlalchemy import insert, select

from newsletter import tables
from subscribers.links import Purpose

ONE_CLICK = {"List-Unsubscribe": "One-Click"}


async def test_a_mail_programs_post_leaves_without_cookie_or_redirect(client, desk, member) -> None:
    ana = await member()
    response = await client.post(f"/one-click/{ana.unsubscribe}", data=ONE_CLICK)
    assert (response.status_code, response.content) == (200, b"")
    assert "set-cookie" not in response.headers
    assert (await desk.person(ana.address)).status == "left"
    assert (await desk.evidence(ana.id))[-1].source == "one-click"


async def test_a_multipart_post_leaves_too(client, desk, member) -> None:
    ana = await member()
    response = await client.post(f"/one-click/{ana.unsubscribe}", files={"List-Unsubscribe": (None, "One-Click")})
    assert response.status_code == 200
    assert (await desk.person(ana.address)).status == "left"


async def test_a_repeat_is_200_again_and_adds_no_evidence(client, desk, member) -> None:
    ana = await member()
    await client.post(f"/one-click/{ana.unsubscribe}", data=ONE_CLICK)
    before = await desk.evidence(ana.id)
    assert (await client.post(f"/one-click/{ana.unsubscribe}", data=ONE_CLICK)).status_code == 200
    assert await desk.evidence(ana.id) == before


async def test_nothing_is_sent_to_somebody_who_left(client, desk, member) -> None:
    ana, bo = await member("ana@example.org"), await member("bo@example.org")
    before = await desk.mails()
    await client.post(f"/one-click/{ana.unsubscribe}", data=ONE_CLICK)
    await client.post(f"/unsubscribe/{bo.unsubscribe}")
    assert await desk.mails() == before


@pytest.mark.parametrize("path", ["one-click", "unsubscribe"])
@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_a_scanner_that_opens_the_link_makes_nobody_leave(client, desk, member, path: str, method: str) -> None:
    ana = await member()
    response = await client.request(method, f"/{path}/{ana.unsubscribe}?List-Unsubscribe=One-Click")
    assert response.status_code == 200
    assert (await desk.person(ana.address)).status == "active"


@pytest.mark.parametrize("body", [{}, {"List-Unsubscribe": ""}, {"List-Unsubscribe": "Two-Clicks"}, {"x": "One-Click"}])
async def test_a_post_without_the_headers_own_words_is_400(client, desk, member, body: dict[str, str]) -> None:
    ana = await member()
    assert (await client.post(f"/one-click/{ana.unsubscribe}", data=body)).status_code == 400
    assert (await desk.person(ana.address)).status == "active"


async def test_the_link_of_one_click_years_later_still_works(client, desk, member, clock) -> None:
    from datetime import timedelta

    ana = await member()
    clock.forward(timedelta(days=1500))
    assert (await client.post(f"/one-click/{ana.unsubscribe}", data=ONE_CLICK)).status_code == 200
    assert (await desk.person(ana.address)).status == "left"


async def test_the_pages_button_leaves_and_the_page_then_says_so(client, desk, member, text) -> None:
    ana = await member()
    assert "One press is enough" in text(await client.get(f"/unsubscribe/{ana.unsubscribe}"))
    response = await client.post(f"/unsubscribe/{ana.unsubscribe}")
    assert response.status_code == 303
    assert "You have left" in text(await client.get(response.headers["location"]))
    assert (await desk.evidence(ana.id))[-1].source == "page"


async def test_someone_who_never_confirmed_may_leave(client, desk, pending) -> None:
    ana = await pending()
    await client.post(f"/unsubscribe/{ana.unsubscribe}")
    assert (await desk.person(ana.address)).status == "left"


async def test_the_link_to_leave_hands_over_no_preferences(client, member) -> None:
    ana = await member()
    for path in ("unsubscribe", "one-click"):
        assert "/preferences/" not in (await client.get(f"/{path}/{ana.unsubscribe}")).text


@pytest.fixture
async def mailed(desk, clock, loaded) -> int:
    """A campaign about the closing that was delivered to subscriber 1."""
    async with desk.database.begin() as connection:
        event = await connection.scalar(select(tables.event.c.id).where(tables.event.c.slug == "closing"))
        values = {"slug": "closing/invitation", "event_id": event, "kind": "invitation", "created_at": clock()}
        campaign = await connection.scalar(insert(tables.campaign).values(values).returning(tables.campaign.c.id))
        await connection.execute(insert(tables.delivery).values(campaign_id=campaign, subscriber_id=1, state="sent"))
        return campaign


async def test_leaving_is_counted_on_the_campaign_whose_mail_it_was(client, desk, member, mailed: int) -> None:
    ana = await member()
    await client.post(f"/one-click/{desk.link(Purpose.UNSUBSCRIBE, ana.id, mailed)}", data=ONE_CLICK)
    async with desk.database.read() as connection:
        assert await connection.scalar(select(tables.delivery.c.feedback)) == "unsubscribe"


async def test_less_is_offered_nothing_more_about_the_event_of_the_mail(
    client, desk, member, mailed: int, text
) -> None:
    ana = await member()
    path = f"/unsubscribe/{desk.link(Purpose.UNSUBSCRIBE, ana.id, mailed)}"
    assert "Nothing more about “Closing <in> light”" in text(await client.get(path))
    await client.post(path, data={"instead": "mute"})
    after = await desk.person(ana.address)
    assert (after.status, after.muted) == ("active", {"closing"})
    assert "You will hear nothing more about “Closing <in> light”" in text(await client.get(path))


async def test_less_is_offered_a_pause_of_a_month(client, desk, member, text) -> None:
    ana = await member()
    await client.post(f"/unsubscribe/{ana.unsubscribe}", data={"instead": "pause"})
    after = await desk.person(ana.address)
    assert after.status == "active"
    assert after.paused_until is not None
    assert "taking a pause until Sunday, February 14, 2021" in text(await client.get(f"/unsubscribe/{ana.unsubscribe}"))


async def test_something_instead_that_is_not_offered_is_400_and_nobody_leaves(client, desk, member) -> None:
    ana = await member()
    assert (await client.post(f"/unsubscribe/{ana.unsubscribe}", data={"instead": "erase"})).status_code == 400
    assert (await desk.person(ana.address)).status == "active"


async def test_less_is_offered_the_essentials_only(client, desk, member, text) -> None:
    ana = await member()
    await client.post(f"/unsubscribe/{ana.unsubscribe}", data={"instead": "essentials"})
    after = await desk.person(ana.address)
    assert (after.status, after.rhythm) == ("active", "essentials")
    page = text(await client.get(f"/unsubscribe/{ana.unsubscribe}"))
    assert "You get the essentials only" in page
    assert "Only dates, changes and cancellations" not in page


async def test_a_reason_is_kept_with_the_evidence_and_never_needed(client, desk, member) -> None:
    ana = await member()
    await client.post(f"/unsubscribe/{ana.unsubscribe}", data={"reason": "I moved away"})
    last = (await desk.evidence(ana.id))[-1]
    assert (last.action, last.detail) == ("left", {"reason": "I moved away"})
