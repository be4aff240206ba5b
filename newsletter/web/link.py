"""Asking for one's own links by address: the answer is the same for everyone, the mail goes to that mailbox alone."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter.delivery import transactional
from newsletter.web import entry as entries
from newsletter.web import forms, languages, limits
from newsletter.web.entry import Entry
from newsletter.web.site import Site, visitor
from subscribers import addresses, signup, suppression
from subscribers.addresses import Address


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
    await _send(site, addresses.parse(email), visitor(request))
    return site.redirect(f"/link/sent?lang={voice.language}")


async def sent(site: Site, request: Request) -> Response:
    """Where everyone arrives after the form."""
    async with site.read() as (_, look):
        return site.show("link-sent", look, languages.voice(request, look))


async def _send(site: Site, address: Address, ip: str) -> None:
    """Counted as a request to join is, and capped as its mail is. Raises HTTPException 429."""
    now, joining = site.clock(), site.settings.joining
    hashed = suppression.address_hash(address.normal, site.settings.secrets.hash_key.get_secret_value())
    async with site.database.briefly() as connection:
        room = await limits.take(connection, address_hash=hashed, ip=ip, limits=joining, now=now)
        if room is limits.Room.FREE:
            due = await signup.remind(connection, address)
            await transactional.answer(connection, due, now=now, most_a_day=joining.confirmations_a_day)
    if room is limits.Room.FULL:
        retry = {"Retry-After": str(int(limits.WINDOW.total_seconds()))}
        raise HTTPException(429, "Too many requests; please try again in an hour.", retry)
