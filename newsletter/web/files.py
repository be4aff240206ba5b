"""The stylesheet and the icon of the constellation that is loaded, and the scripts."""

from functools import lru_cache

from starlette.requests import Request
from starlette.responses import Response

from newsletter.web.look import Look
from newsletter.web.pages import FOLDER
from newsletter.web.site import Site

_FOR_AN_HOUR = "public, max-age=3600"  # sites that carry a script see one that was repaired soon
_FOR_GOOD = "public, max-age=31536000, immutable"


async def stylesheet(site: Site, request: Request) -> Response:
    """The brand's colours, then the style of the pages."""
    async with site.read() as (_, look):
        return _file(request, look, look.stylesheet, "text/css")


async def icon(site: Site, request: Request) -> Response:
    """The star that browsers show beside the title."""
    async with site.read() as (_, look):
        return _file(request, look, look.icon, "image/svg+xml")


async def zone_script(site: Site, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    """What our own form runs where scripts do: it chooses the browser's time zone."""
    return _script("zone.js")


async def join_script(site: Site, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    """What has the proof ready when our own form is sent."""
    return _script("join.js")


async def proof_script(site: Site, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    """What works for the proof, on our page and in the sites that may show the form."""
    return _script("proof.js")


async def form_script(site: Site, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    """What other sites run; each may load it, and what it then asks for decides who may show the form."""
    response = _script("form.js")
    response.headers["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@lru_cache(maxsize=8)
def text(name: str) -> str:
    """A file among the pages that is the same for every constellation."""
    return (FOLDER / name).read_text(encoding="utf-8")


def _script(name: str) -> Response:
    return Response(text(name), headers={"Cache-Control": _FOR_AN_HOUR}, media_type="text/javascript")


def _file(request: Request, look: Look, content: str, media_type: str) -> Response:
    # Pages name the version; without it, or with an old one, the answer is right now and may be another tomorrow.
    is_this_version = request.query_params.get("v") == look.version
    headers = {"Cache-Control": _FOR_GOOD if is_this_version else "no-cache"}
    return Response(content, headers=headers, media_type=media_type)
