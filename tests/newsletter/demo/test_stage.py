"""The stage: what a newcomer meets while the demo is kept, and the pages of the outbox."""

import asyncio
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from newsletter.demo import diary, performance, stage
from newsletter.demo.browser import Browser
from newsletter.demo.errors import DemoError
from newsletter.demo.folder import Folder
from newsletter.demo.outbox import Mail
from newsletter.demo.stage import Stage


@pytest.fixture
async def opened(folder: Folder) -> AsyncIterator[Stage]:
    """A stage on which nothing has happened."""
    async with stage.opened(folder, seed=1) as ready:
        yield ready


@pytest.fixture
async def kept(opened: Stage) -> AsyncIterator[Stage]:
    """The same, left running by the time it really is."""
    running = asyncio.create_task(performance.keep(opened))
    yield opened
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def _join(on: Stage, address: str) -> None:
    browser = Browser(on.client)
    page = await browser.open("/join")
    await browser.press(page, *page.button("Join"), {"email": [address], "first_name": ["Ana"]})


async def _mail(on: Stage, is_it: Callable[[Mail], bool]) -> Mail:
    """The first such mail, when it has come; who waits for it looks into the outbox again and again."""
    async with asyncio.timeout(120):
        while (found := next(filter(is_it, on.outbox.mails), None)) is None:
            await on.client.get("/outbox")
        return found


async def test_a_newcomer_joins_reads_the_mail_in_the_outbox_and_is_in(kept: Stage) -> None:
    await _join(kept, "ana@newcomer.example")
    asked = await _mail(kept, lambda mail: mail.kind == "confirm")
    listing = await kept.client.get("/outbox", params={"q": "newcomer"})
    assert "Please confirm" in listing.text
    number = kept.outbox.mails.index(asked) + 1
    shown = await kept.client.get(f"/outbox/{number}/html")
    link = shown.text.partition("/confirm/")[2].partition('"')[0]
    browser = Browser(kept.client)
    page = await browser.open(f"/confirm/{link}")
    assert "You are in" in (await browser.press(page, *page.button("Yes"))).text
    welcome = await _mail(kept, lambda mail: mail.kind == "welcome")
    assert welcome.recipient == "ana@newcomer.example"


async def test_a_mailbox_that_would_be_busy_or_closed_takes_a_newcomers_mail_while_the_demo_is_kept(
    kept: Stage,
) -> None:
    fickle = next(
        name for number in range(5000) if kept.tempers.is_closed(name := f"{number}@example.org", kept.clock())
    )
    assert kept.mailboxes.judge("a@example.org", fickle).startswith(b"250")
    assert not kept.diary.is_gone(diary.key(fickle))


async def test_the_outbox_says_when_nothing_has_come_yet(opened: Stage) -> None:
    shown = await opened.client.get("/outbox")
    assert shown.status_code == 200
    assert "Nothing yet" in shown.text


async def test_a_mail_is_shown_in_a_frame_that_can_do_nothing_but_lead_away(opened: Stage) -> None:
    await _join(opened, "ana@newcomer.example")
    await opened.engine.tick()
    page = await opened.client.get("/outbox/1")
    assert "Please confirm" in page.text
    assert "allow-scripts" not in page.text
    frame = await opened.client.get("/outbox/1/html")
    assert '<base target="_top">' in frame.text
    assert frame.headers["content-security-policy"].startswith("default-src 'none'")
    assert frame.headers["x-frame-options"] == "SAMEORIGIN"
    source = await opened.client.get("/outbox/1/source")
    assert source.headers["content-type"].startswith("text/plain")
    assert source.content == opened.outbox.mails[0].path.read_bytes()


@pytest.mark.parametrize("path", ["/outbox/0", "/outbox/2", "/outbox/2/html", "/outbox/x"])
async def test_a_mail_that_is_not_there_is_a_page_that_says_so(opened: Stage, path: str) -> None:
    assert (await opened.client.get(path)).status_code == 404


async def test_what_is_looked_for_is_shown_as_text(opened: Stage) -> None:
    shown = await opened.client.get("/outbox", params={"q": "<script>alert(1)</script>"})
    assert "<script>" not in shown.text


async def test_a_port_that_is_taken_is_said_in_one_line_and_leaves_nothing_open(tmp_path: Path, opened: Stage) -> None:
    from newsletter.demo import folder as folders

    with pytest.raises(DemoError, match="choose another with --port"):
        async with stage.opened(folders.prepare(tmp_path / "second"), seed=1, port=opened.settings.web.port):
            pass
