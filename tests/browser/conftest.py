"""A real server on a socket of its own, and Debian's Chromium before it."""

import asyncio
import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.sync_api import Browser, BrowserContext, expect, sync_playwright
from sqlalchemy import insert

from newsletter import assets
from newsletter import database as databases
from newsletter.constellation import file, store
from newsletter.constellation.form import Form
from newsletter.content.facts import Facts
from newsletter.settings import Settings
from newsletter.tables import campaign
from newsletter.web.app import create_app
from subscribers.links import Links, Purpose

NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)
KEY = "k" * 40
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@dataclass(frozen=True)
class Site:
    """Where the site is, and the links that its mails would carry."""

    url: str
    links = Links([KEY])

    def link(self, purpose: Purpose, subscriber_id: int = 1, *, about: int = 0, age: timedelta = timedelta()) -> str:
        token = self.links.token(purpose, subscriber_id, about, issued_at=NOW - age)
        return f"{self.url}/{purpose.value}/{token}"


expect.set_options(timeout=30_000)  # milliseconds; five seconds, as usual, are too few beside other tests


@pytest.fixture
def form_origins() -> list[str]:
    """The sites that may show the form; a module of tests that has one says so."""
    return []


@pytest.fixture
def form() -> Form:
    """What the form asks; the usual, unless a module of tests says otherwise."""
    return Form()


@pytest.fixture
def shortest_fill() -> timedelta:
    """No time at all, since the clock stands still; where there is one, the clock goes on."""
    return timedelta()


@pytest.fixture
def site(
    tmp_path: Path, sqlite_template: Path, form_origins: list[str], form: Form, shortest_fill: timedelta
) -> Iterator[Site]:
    """The application under uvicorn, with the sample constellation loaded, at a moment before its opening."""
    url = f"sqlite:///{shutil.copy(sqlite_template, tmp_path)}"
    secrets = {"signing_keys": [KEY], "hash_key": "h" * 40}
    joining = {"proof_iterations": 500, "shortest_fill": shortest_fill}  # a tenth of the usual work
    settings = Settings(database=url, secrets=secrets, web={"form_origins": form_origins}, joining=joining)
    began = time.monotonic()

    def clock() -> datetime:
        return NOW + timedelta(seconds=time.monotonic() - began) if shortest_fill else NOW

    app = create_app(settings, clock=clock, run_engine=False)
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on"))
    # The socket listens from here on: who comes before the server is ready waits in its queue.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=lambda: asyncio.run(serve(server, listener, url, form)))
        thread.start()
        try:
            yield Site(f"http://127.0.0.1:{listener.getsockname()[1]}")
        finally:
            server.should_exit = True
            thread.join()


async def serve(server: uvicorn.Server, listener: socket.socket, url: str, form: Form) -> None:
    database = databases.connect(url)
    sample = file.read(assets.TEMPLATES / "init" / "constellation.toml")
    async with database.begin() as connection:
        events = tuple(replace(one, rsvp=True) if one.slug == "equity-lab" else one for one in sample.events)
        told = {"privacy": "https://afl.example.org/privacy", "imprint": "https://afl.example.org/imprint"}
        season = replace(sample, form=form, events=events, **told)
        await store.load(connection, season, NOW)
        facts = Facts(season, event=season.event("opening"), public_url="https://news.example.org").to_document()
        sent = {"slug": "opening/save-the-date", "kind": "save-the-date", "status": "finished", "started_at": NOW}
        await connection.execute(insert(campaign).values(**sent, created_at=NOW, document={"facts": facts}))
    await database.close()
    await server.serve([listener])


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium, once for a module: while it is open, its driver's loop runs in this thread, and no other may."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield opened
        opened.close()


Visit = Callable[..., BrowserContext]


@pytest.fixture
def visit(browser: Browser) -> Iterator[Visit]:
    """A visitor's window: `visit(width=360, scripts=False, …)`."""
    opened: list[BrowserContext] = []

    def new(*, width: int = 1280, scripts: bool = False, scheme: str = "light", **options: object) -> BrowserContext:
        context = browser.new_context(
            viewport={"width": width, "height": 800}, java_script_enabled=scripts, color_scheme=scheme, **options
        )
        opened.append(context)
        return context

    yield new
    for context in opened:
        context.close()
