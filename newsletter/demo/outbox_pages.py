"""The outbox as pages beside the site: every mail that arrived, newest first, as its reader sees it. Only in the demo.

Whoever opens it reads everybody's mail, so it belongs on no site but this one, which nobody else can reach.
"""

import email
import email.parser
import email.policy
from dataclasses import dataclass
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.routing import Route

from newsletter import assets, catalogues
from newsletter.database import Database
from newsletter.demo.clock import Clock
from newsletter.demo.outbox import Mail, Outbox
from newsletter.web.look import Look, Looks
from newsletter.web.pages import FOLDER, Pages

_SHOWN = 60

# A mail brings its own styles, and is shown in a frame: more than the site's pages may do, and only here.
_PAGE_POLICY = (
    "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
_MAIL_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'"


@dataclass(frozen=True, slots=True)
class Shelf:
    """What the pages are made from."""

    outbox: Outbox
    database: Database
    clock: Clock
    pages: Pages
    looks: Looks

    @classmethod
    def of(cls, outbox: Outbox, database: Database, clock: Clock) -> "Shelf":
        """The pages' templates stand before the site's own."""
        return cls(outbox, database, clock, Pages.open(assets.TEMPLATES / "demo"), Looks(FOLDER / "style.css"))

    def routes(self) -> list[Route]:
        """The pages below /outbox."""
        return [
            Route("/outbox", self.list),
            Route("/outbox/{number:int}", self.show),
            Route("/outbox/{number:int}/html", self.html),
            Route("/outbox/{number:int}/source", self.source),
        ]

    async def list(self, request: Request) -> Response:
        """The newest mails, or the newest that match what is looked for."""
        wanted = request.query_params.get("q", "").strip()
        found = [
            (number, mail)
            for number, mail in enumerate(self.outbox.mails, start=1)
            if not wanted or wanted.casefold() in f"{mail.recipient} {mail.mailing} {mail.kind}".casefold()
        ]
        newest = [(number, mail, _subject(mail)) for number, mail in found[: -_SHOWN - 1 : -1]]
        return await self._page("outbox", wanted=wanted, mails=newest, count=len(found))

    async def show(self, request: Request) -> Response:
        """One mail."""
        number, mail = self._mail(request)
        message = email.message_from_bytes(mail.path.read_bytes(), policy=email.policy.default)
        plain = message.get_body(("plain",))
        return await self._page(
            "outbox-mail",
            number=number,
            mail=mail,
            subject=str(message["Subject"] or ""),
            headers=[(name, str(message[name])) for name in ("From", "To", "Date") if message[name]],
            ways=[(name, value) for name, value in message.items() if name.startswith("List-")],
            text=plain.get_content() if plain else "",
        )

    async def html(self, request: Request) -> Response:
        """The HTML of one mail, for the frame; its links open in the window around it."""
        _, mail = self._mail(request)
        body = email.message_from_bytes(mail.path.read_bytes(), policy=email.policy.default).get_body(("html",))
        content: str = body.get_content() if body else ""
        return HTMLResponse(
            content.replace("<head>", '<head><base target="_top">', 1),
            headers={"Content-Security-Policy": _MAIL_POLICY, "X-Frame-Options": "SAMEORIGIN"},
        )

    async def source(self, request: Request) -> Response:
        """One mail as it came."""
        return PlainTextResponse(self._mail(request)[1].path.read_bytes())

    def _mail(self, request: Request) -> tuple[int, Mail]:
        number: int = request.path_params["number"]
        if not 1 <= number <= len(self.outbox.mails):
            raise HTTPException(404)
        return number, self.outbox.mails[number - 1]

    async def _page(self, name: str, **values: Any) -> Response:
        async with self.database.read() as connection:
            look: Look = await self.looks.current(connection)
        page = self.pages.show(name, look, catalogues.voice(catalogues.SOURCE), now=self.clock(), **values)
        page.headers["Content-Security-Policy"] = _PAGE_POLICY
        return page


def _subject(mail: Mail) -> str:
    parser = email.parser.BytesHeaderParser(policy=email.policy.default)
    with mail.path.open("rb") as file:
        return str(parser.parse(file)["Subject"] or "")
