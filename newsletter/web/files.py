"""The stylesheet and the icon of the constellation that is loaded."""

from starlette.requests import Request
from starlette.responses import Response

from newsletter.web.look import Look
from newsletter.web.site import Site

_FOR_GOOD = "public, max-age=31536000, immutable"


async def stylesheet(site: Site, request: Request) -> Response:
    """The brand's colours, then the style of the pages."""
    async with site.read() as (_, look):
        return _file(request, look, look.stylesheet, "text/css")


async def icon(site: Site, request: Request) -> Response:
    """The star that browsers show beside the title."""
    async with site.read() as (_, look):
        return _file(request, look, look.icon, "image/svg+xml")


def _file(request: Request, look: Look, content: str, media_type: str) -> Response:
    # Pages name the version; without it, or with an old one, the answer is right now and may be another tomorrow.
    is_this_version = request.query_params.get("v") == look.version
    headers = {"Cache-Control": _FOR_GOOD if is_this_version else "no-cache"}
    return Response(content, headers=headers, media_type=media_type)
