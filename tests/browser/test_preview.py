"""The live preview of a campaign, as staff have it open beside their editor."""

import asyncio
import re
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx2
import pytest
import uvicorn
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Page, expect
from sqlalchemy import insert

from newsletter import assets
from newsletter import database as databases
from newsletter.campaigns import writing
from newsletter.constellation import file, store
from newsletter.engine import parts
from newsletter.studio.app import Studio, create_app
from subscribers import consent
from subscribers.tables import choice, subscriber
from tests.browser.conftest import NOW
from tests.conftest import make_settings

pytestmark = pytest.mark.browser

STORY = """---
subject: The girl who marked her own apples
preheader: What came of it when a school let its pupils judge.
---
# Apples

![A bowl of apples](apples.png)

Mira is nine. See [more](/apples).
"""


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """The preview of a draft from a Markdown file, with two readers: its address, and the file."""
    folder = tmp_path_factory.mktemp("desk")
    Image.new("RGB", (600, 300), "red").save(folder / "apples.png")
    story = folder / "apples.md"
    story.write_text(STORY, encoding="utf-8")
    (folder / "own").mkdir()
    settings = make_settings(f"sqlite:///{folder}/newsletter.sqlite3", templates=folder / "own")

    async def prepare() -> databases.Database:
        await databases.upgrade(settings.database)
        database = databases.connect(settings.database)
        constellation = file.read(assets.TEMPLATES / "init" / "constellation.toml")
        async with database.begin() as connection:
            await store.load(connection, constellation, NOW)
            await add_people(connection)
            await writing.draft(connection, writing.read(story, constellation, settings.public_url), now=NOW)
        return database

    with socket.create_server(("127.0.0.1", 0)) as listener:
        holder: list[uvicorn.Server] = []
        ready = threading.Event()

        async def serve() -> None:
            database = await prepare()
            paper = parts.stationery(settings)
            studio = Studio(settings, database, paper, "apples", lambda: NOW, is_ending=lambda: holder[0].should_exit)
            config = uvicorn.Config(create_app(studio), log_level="warning")
            holder.append(uvicorn.Server(config))
            ready.set()
            await holder[0].serve([listener])

        thread = threading.Thread(target=lambda: asyncio.run(serve()))
        thread.start()
        ready.wait(60)
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}/", story
        finally:
            holder[0].should_exit = True
            thread.join()


async def add_people(connection: Any) -> None:
    people = [("ana@example.org", "Ana", "en"), ("bo@example.org", "", "de")]
    for number, (address, name, locale) in enumerate(people, 1):
        row = {"address": address, "normal": address, "hash": f"h{number}", "first_name": name, "locale": locale}
        await connection.execute(
            insert(subscriber).values(id=number, status="active", joined_at=NOW, confirmed_at=NOW, **row)
        )
        await connection.execute(insert(choice).values(subscriber_id=number, topic="*", stance="follow"))
        await consent.record(connection, number, "confirmed", actor="person", now=NOW)


@pytest.fixture
def page(desk: tuple[str, Path], visit: Any) -> Page:
    """A window with the preview in it, once it hears of changes."""
    opened: Page = visit(scripts=True).new_page()
    opened.goto(desk[0])
    expect(opened.locator("html[data-listening]")).to_be_attached()
    return opened


def mail_of(page: Page) -> Any:
    return page.frame_locator("iframe")


def test_the_mail_is_shown_to_each_reader_on_a_phone_and_a_desktop_by_day_and_by_night(page: Page) -> None:
    expect(page.locator("#subject")).to_have_text("The girl who marked her own apples")
    page.get_by_label("Reader").select_option(label="en (1)")
    expect(mail_of(page).get_by_text(re.compile("^Hello Ŵ"))).to_be_visible()
    expect(page.get_by_text("Nobody is called that: Ŵ and w stand for")).to_be_visible()
    page.get_by_label("Reader").select_option(label="de, without a name (1)")
    expect(mail_of(page).get_by_text("Hello,")).to_be_visible()
    page.get_by_label("or a person").fill("ana@example.org")
    page.get_by_role("button", name="Show").click()
    expect(mail_of(page).get_by_text("Hello Ana,")).to_be_visible()
    expect(page.get_by_text("Nobody is called that")).to_have_count(0)
    picture = mail_of(page).get_by_role("img", name="A bowl of apples")
    assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 600
    assert page.locator("iframe").bounding_box()["width"] < 400
    page.get_by_role("link", name="By night").click()
    ground = "body => getComputedStyle(body.querySelector('.canvas') || body).backgroundColor"
    assert mail_of(page).locator("body").evaluate(ground) == "rgb(19, 16, 25)"
    page.get_by_role("link", name="Desktop").click()
    expect(page.locator("iframe.desktop")).to_be_visible()
    page.get_by_role("link", name="Text", exact=True).click()
    expect(page.locator("pre")).to_contain_text("Hello Ana,")
    page.get_by_role("link", name="Headers").click()
    expect(page.get_by_role("row", name="List-Unsubscribe-Post")).to_contain_text("One-Click")
    page.get_by_role("link", name="Checks").click()
    expect(page.locator("main")).to_contain_text("“more” leads to /apples, which is no address in a mail")


def test_a_mail_that_nobody_would_get_says_so_and_is_shown_to_somebody(page: Page, desk: tuple[str, Path]) -> None:
    with closing(sqlite3.connect(desk[1].parent / "newsletter.sqlite3", isolation_level=None)) as connection:
        connection.execute("UPDATE subscriber SET paused_until = '2031-01-01T00:00:00.000000Z'")
        try:
            page.reload()
            expect(page.get_by_text("Nobody would get it as things stand: Zoë is made up.")).to_be_visible()
            expect(mail_of(page).get_by_text("Hello Zoë,")).to_be_visible()
        finally:
            connection.execute("UPDATE subscriber SET paused_until = NULL")


def test_it_follows_the_file_and_says_what_is_wrong_with_it(page: Page, desk: tuple[str, Path]) -> None:
    story = desk[1]
    expect(mail_of(page).get_by_text("Mira is nine.")).to_be_visible()
    story.write_text(STORY.replace("nine", "ten"), encoding="utf-8")
    expect(mail_of(page).get_by_text("Mira is ten.")).to_be_visible()
    expect(page.get_by_text("This is apples.md as it is now.")).to_be_visible()
    story.write_text(STORY.replace("preheader", "preheadr"), encoding="utf-8")
    expect(page.get_by_role("alert")).to_contain_text(
        "apples.md:3:1: preheadr: there is no such name here; did you mean"
    )
    story.write_text(STORY, encoding="utf-8")
    expect(mail_of(page).get_by_text("Mira is nine.")).to_be_visible()


def test_on_a_phone_the_preview_fits(desk: tuple[str, Path], visit: Any) -> None:
    narrow: Page = visit().new_page()
    narrow.set_viewport_size({"width": 360, "height": 780})
    for view in ("phone", "desktop", "text", "headers", "checks"):
        narrow.goto(f"{desk[0]}?view={view}")
        assert narrow.evaluate("document.documentElement.scrollWidth <= innerWidth"), view


def test_a_person_who_is_not_there_is_said(page: Page) -> None:
    page.get_by_label("or a person").fill("nobody@example.org")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_role("alert")).to_contain_text("nobody here has the address nobody@example.org")


@pytest.mark.parametrize("view", ["phone", "text", "headers", "checks"])
def test_nothing_is_found_on_it_by_axe(page: Page, desk: tuple[str, Path], view: str) -> None:
    page.goto(f"{desk[0]}?view={view}")
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type] # one of the two literals
        broken = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert [(one["id"], [node["target"] for node in one["nodes"]]) for one in broken] == []


def test_only_this_machine_is_answered_and_the_mail_runs_no_script(desk: tuple[str, Path]) -> None:
    assert httpx2.get(desk[0], headers={"Host": "evil.example"}).status_code == 400
    mail = httpx2.get(f"{desk[0]}mail.html")
    assert mail.headers["content-security-policy"].startswith("sandbox; default-src 'none'")
    whole = httpx2.get(f"{desk[0]}mail.eml")
    assert whole.headers["content-type"] == "message/rfc822"
    assert b"List-Unsubscribe" in whole.content
    assert httpx2.get(f"{desk[0]}studio.py").status_code == 404
