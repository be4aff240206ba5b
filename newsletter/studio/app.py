"""The preview as a small web application: a page, the mail in a frame, its pictures, and word of each change."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route

from newsletter import assets
from newsletter.campaigns import store
from newsletter.campaigns.store import Campaign
from newsletter.database import Database
from newsletter.delivery.composer import Stationery
from newsletter.settings import Settings
from newsletter.studio import files, showing
from newsletter.studio.showing import Choice, Seen

FOLDER = assets.TEMPLATES / "studio"

_PAGE = (
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'"
)
_MAIL = "sandbox; default-src 'none'; img-src * data:; style-src 'unsafe-inline'; frame-ancestors 'self'"
_QUIET = {"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"}

_LOOK_SECONDS = 0.3

VIEWS = ("phone", "desktop", "text", "headers", "checks")


@dataclass(frozen=True, slots=True)
class Studio:
    """What the preview of one campaign needs."""

    settings: Settings
    database: Database
    paper: Stationery
    slug: str
    clock: Callable[[], datetime]
    is_ending: Callable[[], bool] = lambda: False

    async def look(self, request: Request) -> Seen:
        """The mail for the reader that the address names."""
        number = request.query_params.get("reader", "0")
        choice = Choice(int(number) if number.isdecimal() else 0, request.query_params.get("person", "").strip())
        async with self.database.read() as connection:
            return await showing.look(connection, self.settings, self.paper, self.slug, choice, self.clock())


Endpoint = Callable[[Studio, Request], Awaitable[Response]]


def create_app(studio: Studio) -> Starlette:
    """The application; it answers this machine only, by whatever name it calls itself. It closes the database."""

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await studio.database.close()

    def route(path: str, endpoint: Endpoint) -> Route:
        async def answer(request: Request) -> Response:
            return await endpoint(studio, request)

        return Route(path, answer)

    return Starlette(
        routes=[
            route("/", _show),
            route("/mail.html", _mail),
            route("/mail.eml", _message),
            route("/media/{name}", _picture),
            route("/changes", _changes),
            route("/studio.{kind}", _asset),
        ],
        # Another site's page must not read mails by having its own name lead here.
        middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=["127.0.0.1", "localhost"])],
        lifespan=lifespan,
    )


async def _show(studio: Studio, request: Request) -> Response:
    stamp = await _stamp(studio)
    seen = await studio.look(request)
    text = _PAGES.get_template("preview.html").render(**_words(request, seen), stamp=stamp)
    return HTMLResponse(text, headers={**_QUIET, "Content-Security-Policy": _PAGE})


async def _stamp(studio: Studio) -> str:
    """Of the files as they are before the page is made: what changes meanwhile is then noticed."""
    async with studio.database.read() as connection:
        campaign = await store.find(connection, studio.slug)
    return await asyncio.to_thread(files.stamp, studio.settings, campaign)


async def _mail(studio: Studio, request: Request) -> Response:
    seen = await studio.look(request)
    if seen.mail is None:
        return _faults(seen)
    dark = request.query_params.get("dark") == "1"
    text = showing.html(seen.mail, public_url=studio.settings.public_url, dark=dark)
    return HTMLResponse(text, headers={**_QUIET, "Content-Security-Policy": _MAIL})


async def _message(studio: Studio, request: Request) -> Response:
    seen = await studio.look(request)
    if seen.mail is None:
        return _faults(seen)
    named = {"Content-Disposition": f'attachment; filename="{studio.slug.replace("/", "-")}.eml"'}
    return Response(seen.mail.raw, headers={**_QUIET, **named}, media_type="message/rfc822")


async def _picture(studio: Studio, request: Request) -> Response:
    seen = await studio.look(request)
    async with studio.database.read() as connection:
        found = await showing.picture(connection, seen, request.path_params["name"])
    if found is None:
        return PlainTextResponse("There is no such picture.", status_code=404, headers=_QUIET)
    # The frame has an origin of its own, since it is a sandbox.
    shared = {**_QUIET, "Cross-Origin-Resource-Policy": "cross-origin"}
    return Response(found[1], headers=shared, media_type=found[0])


async def _changes(studio: Studio, request: Request) -> Response:
    async with studio.database.read() as connection:
        campaign = await store.find(connection, studio.slug)
    told = _told(studio, campaign, request.query_params.get("since", ""))
    return StreamingResponse(told, headers=_QUIET, media_type="text/event-stream")


async def _asset(studio: Studio, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    kind = request.path_params["kind"]
    if kind not in _ASSETS:
        return PlainTextResponse("There is no such file.", status_code=404, headers=_QUIET)
    content = await asyncio.to_thread((FOLDER / f"studio.{kind}").read_bytes)
    return Response(content, headers=_QUIET, media_type=_ASSETS[kind])


_ASSETS = {"css": "text/css", "js": "text/javascript"}
_PAGES = Environment(
    loader=FileSystemLoader(FOLDER), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
)


def _faults(seen: Seen) -> Response:
    return PlainTextResponse("\n".join(seen.faults), status_code=409, headers=_QUIET)


async def _told(studio: Studio, campaign: Campaign, since: str) -> AsyncIterator[bytes]:
    """An event (Server-Sent Events) once a file is not as it was when the page was made; the first says we listen."""
    yield b"event: ready\ndata: 1\n\n"
    while not studio.is_ending():
        if await asyncio.to_thread(files.stamp, studio.settings, campaign) != since:
            yield b"event: changed\ndata: 1\n\n"
            return
        await asyncio.sleep(_LOOK_SECONDS)


def _words(request: Request, seen: Seen) -> dict[str, Any]:
    chosen = request.query_params
    view = chosen.get("view", "phone")
    number = chosen.get("reader", "0")
    return {
        "seen": seen,
        "mail": seen.mail,
        "view": view if view in VIEWS else "phone",
        "views": VIEWS,
        "dark": chosen.get("dark") == "1",
        "number": int(number) if number.isdecimal() else 0,
        "person": chosen.get("person", "").strip(),
        "query": lambda **changes: _query(dict(chosen), changes),
        "source": Path(seen.campaign.source).name,
    }


def _query(now: dict[str, str], changes: dict[str, str]) -> str:
    return urlencode({name: value for name, value in {**now, **changes}.items() if value})
