"""Everything that does not go as hoped, in the pages' own style, or as JSON for scripts; never a traceback."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter.web import forms
from newsletter.web.site import Site

_PAGES = {
    400: ("That did not arrive whole", "Something in what was sent could not be read. Please go back and try again."),
    404: ("There is no page here", "The address may have been cut off on its way. Please try the link in your mail."),
    405: ("This page works another way", "Please open it by its link, and use the button you find there."),
    413: ("That is more than fits", "What was sent is larger than this page takes. Please go back and shorten it."),
    415: ("This form is not one we can read", "Please use the form on this site."),
}
_ELSE = ("That did not work", "Please go back and try again.")
_FAILED = (
    "Something went wrong on our side",
    "It is not your doing. Nothing was lost; please try again in a few minutes.",
)
_DEAD_LINK = "This link does not work"
_DEAD_LINK_TEXT = (
    "Mail programs sometimes cut a link in two: please try to copy all of it. If it is whole, the address it was for "
    "may have been erased."
)


async def http(site: Site, request: Request, error: Exception) -> Response:
    """A page for a status: not found, not allowed, too large, …"""
    assert isinstance(error, HTTPException)  # noqa: S101 - what it is registered for
    title, text = _PAGES.get(error.status_code, _ELSE)
    response = await _answer(site, request, error.status_code, title, text, detail=error.detail)
    response.headers.update(error.headers or {})
    return response


async def dead_link(site: Site, request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's shape
    """A link that was altered or cut off, or whose person is not there any more: 404."""
    return await _answer(site, request, 404, _DEAD_LINK, _DEAD_LINK_TEXT, detail=f"{_DEAD_LINK}.")


async def failure(site: Site, request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's shape
    """Our own mistake: 500. The server logs the error itself, which is raised again after this."""
    if _is_for_script(request):
        return JSONResponse({"error": f"{_FAILED[0]}."}, 500)
    # The database may be what failed: the page shows the last look known.
    return site.show("message", site.looks.plain(), status=500, title=_FAILED[0], text=_FAILED[1])


def _is_for_script(request: Request) -> bool:
    posted = request.url.path.startswith(("/webhooks/", "/one-click/")) and request.method == "POST"
    return posted or forms.kind(request) == "application/json"


async def _answer(site: Site, request: Request, status: int, title: str, text: str, *, detail: str) -> Response:
    if _is_for_script(request):
        return JSONResponse({"error": detail}, status)
    async with site.read() as (_, look):
        return site.show("message", look, status=status, title=title, text=text)
