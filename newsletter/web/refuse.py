"""“Not me, never again”: the link in mails that ask whether somebody wants ours; it needs no account, and nobody to be
here with that address."""

from starlette.requests import Request
from starlette.responses import Response

from newsletter.web import languages
from newsletter.web.site import Site, visitor
from subscribers import refusing


async def show(site: Site, request: Request) -> Response:
    """The button."""
    token = request.path_params["token"]
    site.links.open_refusal(token)
    async with site.read() as (_, look):
        return site.show("refuse", look, languages.voice(request, look), token=token)


async def act(site: Site, request: Request) -> Response:
    """Never again; pressing twice is harmless."""
    hashed = site.links.open_refusal(request.path_params["token"])
    async with site.database.briefly() as connection:
        await refusing.refuse(connection, hashed, ip=visitor(request), now=site.clock())
    return site.redirect("/refused")


async def refused(site: Site, request: Request) -> Response:
    """Where someone arrives who said so; it knows nobody."""
    async with site.read() as (_, look):
        return site.show("refused", look, languages.voice(request, look))
