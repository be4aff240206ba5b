"""Everything that does not go as hoped, in the pages' own style, or as JSON for scripts; never a traceback."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter import database as databases
from newsletter.catalogues import N_
from newsletter.web import forms, languages
from newsletter.web.look import Look
from newsletter.web.site import Site

BUSY = N_("Very many people are joining from here just now. Please try again in an hour.")

_PAGES = {
    400: (
        N_("That did not arrive whole"),
        N_("Something in what was sent could not be read. Please go back and try again."),
    ),
    404: (
        N_("There is no page here"),
        N_("The address may have been cut off on its way. Please try the link in your mail."),
    ),
    405: (
        N_("This page works another way"),
        N_("Please open it by its link, and use the button you find there."),
    ),
    413: (
        N_("That is more than fits"),
        N_("What was sent is larger than this page takes. Please go back and shorten it."),
    ),
    415: (
        N_("This form is not one we can read"),
        N_("Please use the form on this site."),
    ),
    429: (
        N_("So many at once"),
        BUSY,
    ),
}
_ELSE = (N_("That did not work"), N_("Please go back and try again."))
_FAILED = (
    N_("Something went wrong on our side"),
    N_("It is not your doing. Nothing was lost; please try again in a few minutes."),
)
_LATER = "60"
"""Seconds (RFC 9110, section 10.2.3)."""

_DEAD_LINK = N_("This link does not work")
_DEAD_LINK_TEXT = N_(
    "Mail programs sometimes cut a link in two: please try to copy all of it. If it is whole, the address it was for "
    "may have been changed or erased since."
)
_OF_A_TEST = (
    N_("This is a link of a test mail"),
    N_("In the mail that goes to everybody, it opens a page of each reader's own. This one changes nothing."),
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


async def link_of_a_test(site: Site, request: Request, error: Exception) -> Response:
    """A link of a mail that staff sent to themselves: 404, and the reason."""
    return await _answer(site, request, 404, *_OF_A_TEST, detail=str(error))


async def old_link(site: Site, request: Request, error: Exception) -> Response:  # noqa: ARG001 - a handler's shape
    """A link that works for a short while only, after it: 410, and the way to a fresh one."""
    async with site.read() as (_, look):
        return site.show("account-expired", look, languages.voice(request, look), status=410)


async def failure(site: Site, request: Request, error: Exception) -> Response:
    """Our own mistake: 500; or a database that is away: 503. The server logs the error, which is raised again after."""
    is_passing = databases.is_away(error)
    status = 503 if is_passing else 500
    if _is_for_script(request):
        response: Response = JSONResponse({"error": f"{_FAILED[0]}."}, status)
    else:  # the page shows the last look known: the database may be what failed
        response = _message(site, request, site.looks.plain(), status, *_FAILED)
    if is_passing:
        response.headers["Retry-After"] = _LATER
    return response


def _is_for_script(request: Request) -> bool:
    posted = request.url.path.startswith(("/webhooks/", "/one-click/")) and request.method == "POST"
    return posted or forms.kind(request) == "application/json"


async def _answer(site: Site, request: Request, status: int, title: str, text: str, *, detail: str) -> Response:
    if _is_for_script(request):
        return JSONResponse({"error": detail}, status)
    async with site.read() as (_, look):
        return _message(site, request, look, status, title, text)


def _message(site: Site, request: Request, look: Look, status: int, title: str, text: str) -> Response:
    voice = languages.voice(request, look)
    return site.show("message", look, voice, status=status, title=voice.gettext(title), text=voice.gettext(text))
