"""The web application: its routes, the order of its layers, and what is opened for as long as it runs."""

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from functools import partial
from typing import Any, Protocol
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from newsletter import database as databases
from newsletter.campaigns.archive import Shelf
from newsletter.clock import Clock, wall_clock
from newsletter.database import Database
from newsletter.settings import Settings
from newsletter.web import (
    account,
    archive,
    calendars,
    confirm,
    embed,
    files,
    health,
    join,
    link,
    media,
    metrics,
    move,
    preferences,
    refusals,
    refuse,
    rsvp,
    security,
    unsubscribe,
    webhooks,
)
from newsletter.web.look import Looks
from newsletter.web.mail_domains import MailDomains
from newsletter.web.pages import Pages, stylesheets
from newsletter.web.proof import Proofs
from newsletter.web.site import LinkOfATest, Site
from subscribers.links import LinkExpired, LinkInvalid, Links
from webhooks.rehearsals import Rehearsals

_LIMITS = (
    security.Limit("/webhooks/", security.WEBHOOK_LIMIT),
    security.Limit("/", security.PAGE_LIMIT),
)


class Endpoint(Protocol):
    """What answers a request: the site first, then the request."""

    async def __call__(self, site: Site, request: Request) -> Response:
        """The response."""


def create_app(
    settings: Settings, *, database: Database | None = None, clock: Clock = wall_clock, run_engine: bool
) -> Starlette:
    """The application. A `database` that is given stays open when it ends; the caller closes it.

    Starting it raises DatabaseError when the database is not at this program's schema.
    """
    opened = database or databases.connect(settings.database)
    base = urlsplit(settings.public_url).path
    keys = [key.get_secret_value() for key in settings.secrets.signing_keys]
    site = Site(
        settings=settings,
        database=opened,
        links=Links(keys),
        pages=Pages.open(settings.templates, base=base),
        looks=Looks(*stylesheets(settings.templates)),
        proofs=Proofs(keys),
        mail_domains=MailDomains(settings.joining.name_server),
        clock=clock,
        providers=webhooks.open_all(settings.webhooks),
        rehearsals=Rehearsals(keys),
        shelf=Shelf(settings.templates),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[dict[str, Any]]:
        async with AsyncExitStack() as stack:
            if database is None:
                stack.push_async_callback(opened.close)
            await databases.require_current(settings.database)
            if run_engine:
                from newsletter.engine import beside  # the pages alone need nothing of SMTP

                yield {"engine": await stack.enter_async_context(beside.kept(settings, opened, clock))}
            else:
                yield {"engine": None}

    app = Starlette(
        routes=_routes(site),
        middleware=[
            Middleware(security.SecurityHeaders, https=settings.public_url.startswith("https://")),
            Middleware(security.ClientAddress, trusted=settings.web.trusted_proxies),
            Middleware(security.BodyLimit, limits=_LIMITS),
        ],
        exception_handlers={
            HTTPException: partial(refusals.http, site),
            LinkExpired: partial(refusals.old_link, site),
            LinkInvalid: partial(refusals.dead_link, site),
            LinkOfATest: partial(refusals.link_of_a_test, site),
            Exception: partial(refusals.failure, site),
        },
        lifespan=lifespan,
    )
    app.router.redirect_slashes = False  # it would build an address from the Host header, which anyone may write
    return app


def _routes(site: Site) -> list[Route]:
    in_other_sites = Middleware(
        CORSMiddleware,
        allow_origins=site.settings.web.form_origins,
        allow_methods=["GET", "POST"],
        allow_headers=["Content-Type"],
    )

    packed = Middleware(GZipMiddleware)

    def route(path: str, *, shared: bool = False, also: Sequence[Middleware] = (), **by_method: Endpoint) -> Route:
        """A path and what answers it; one that is `shared` may be asked by the scripts of the sites in the settings."""

        async def endpoint(request: Request) -> Response:
            if request.method == "OPTIONS" and "OPTIONS" not in by_method:
                return Response(status_code=204, headers={"Allow": ", ".join(sorted(answered.methods or ()))})
            # HEAD is served as GET is, and neither changes anything: link scanners follow both.
            return await by_method[request.method if request.method in by_method else "GET"](site, request)

        methods = [*by_method, "OPTIONS"] if shared else list(by_method)
        answered = Route(path, endpoint, methods=methods, middleware=[in_other_sites, *also] if shared else also)
        return answered

    return [
        # Looked through from the top: these are asked for by the thousand, in the minutes after a campaign.
        route("/one-click/{token}", GET=unsubscribe.show, POST=unsubscribe.one_click),
        route("/preferences/{token}", GET=preferences.show, POST=preferences.save),
        route("/", GET=join.enter),
        route("/join", GET=join.show, POST=join.join, shared=True),
        route("/join/challenge", GET=join.challenge, shared=True),
        route("/join/sent", GET=join.sent),
        route("/form.js", GET=files.form_script, also=[packed]),
        route("/form.json", GET=embed.describe, shared=True, also=[packed]),
        route("/confirm/{token}", GET=confirm.show, POST=confirm.confirm),
        route("/link", GET=link.show, POST=link.ask),
        route("/link/sent", GET=link.sent),
        route("/account/{token}", GET=account.show, POST=account.save),
        route("/account/{token}/data.json", GET=account.data),
        route("/account/{token}/erase", GET=account.ask_to_erase, POST=account.erase),
        route("/events", GET=archive.series),
        route("/archive/{slug:path}", GET=archive.mail),
        route("/feed.atom", GET=archive.feed, also=[packed]),
        route("/calendar.ics", GET=calendars.series, also=[packed]),
        route("/events/{slug}.ics", GET=calendars.single),
        route("/calendar/{token}/events.ics", GET=calendars.own, also=[packed]),
        route("/rsvp/{token}", GET=rsvp.show, POST=rsvp.save),
        route("/move/{token}", GET=move.show, POST=move.act),
        route("/erased", GET=account.erased),
        route("/refuse/{token}", GET=refuse.show, POST=refuse.act),
        route("/refused", GET=refuse.refused),
        route("/unsubscribe/{token}", GET=unsubscribe.show, POST=unsubscribe.act),
        route("/webhooks/{provider}", HEAD=webhooks.probe, OPTIONS=webhooks.ask, POST=webhooks.receive),
        route("/media/{name}", GET=media.show),
        route("/health", GET=health.show),
        route("/metrics", GET=metrics.Exposition()),
        route("/style.css", GET=files.stylesheet),
        route("/icon.svg", GET=files.icon),
        route("/zone.js", GET=files.zone_script),
        route("/join.js", GET=files.join_script),
        route("/proof.js", GET=files.proof_script, shared=True, also=[packed]),
    ]
