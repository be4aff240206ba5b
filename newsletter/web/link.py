"""Asking for one's own links by address: the answer is the same for everyone, the mail goes to that mailbox alone."""

from starlette.requests import Request
from starlette.responses import Response

from newsletter.web import entry as entries
from newsletter.web import forms, languages, reception
from newsletter.web.entry import Entry
from newsletter.web.site import Site, visitor
from subscribers import addresses


async def show(site: Site, request: Request) -> Response:
    """The form of one field."""
    async with site.read() as (_, look):
        return site.show("link", look, languages.voice(request, look), email="", errors={})


async def ask(site: Site, request: Request) -> Response:
    """Have the link sent, if there is anybody to send it to."""
    form = await forms.read(request)
    email = form.text("email")
    async with site.read() as (_, look):
        voice = languages.voice(request, look)
        if errors := entries.errors(Entry(email=email), look, voice):
            return site.show("link", look, voice, status=422, email=email, errors=errors)
    # Counted as a request to join is, and capped as its mail is.
    await reception.let_in(site, addresses.parse(email), ip=visitor(request))
    return site.redirect(f"/link/sent?lang={voice.language}", background=reception.afterwards(site))


async def sent(site: Site, request: Request) -> Response:
    """Where everyone arrives after the form."""
    async with site.read() as (_, look):
        return site.show("link-sent", look, languages.voice(request, look))
