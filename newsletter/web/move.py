"""The new mailbox says whether somebody's mail shall come there: its link shows a button, and only that moves."""

from starlette.requests import Request
from starlette.responses import Response

from newsletter.catalogues import N_
from newsletter.delivery import transactional
from newsletter.web import languages
from newsletter.web.site import Site, holder, visitor, voice_of
from subscribers import moving
from subscribers.links import LinkExpired, Opened, Purpose

_VOID = (
    N_("This link is no longer good"),
    N_("A newer one may have been sent, or it was used already. Nothing has been changed."),
)


async def show(site: Site, request: Request) -> Response:
    """The button; nothing changes."""
    token = request.path_params["token"]
    opened = _open(site, token)
    if opened is None:
        return await _void(site, request)
    async with site.read() as (connection, look):
        address = await moving.wished(connection, opened.subscriber_id, opened.issued_at)
        if address is not None:
            person = await holder(connection, opened.subscriber_id)
            return site.show("move", look, voice_of(person, look), address=address, token=token)
    return await _void(site, request)


async def act(site: Site, request: Request) -> Response:
    """Move, tell the old address, and show what comes to the new one."""
    opened, now = _open(site, request.path_params["token"]), site.clock()
    if opened is None:
        return await _void(site, request)
    number = opened.subscriber_id
    async with site.database.briefly() as connection:
        old = await moving.complete(connection, number, asked_at=opened.issued_at, ip=visitor(request), now=now)
        if old is not None:
            most_a_day, kind = site.settings.joining.confirmations_a_day, transactional.Kind.MOVED
            await transactional.enqueue(connection, number, kind, now=now, most_a_day=most_a_day, to=old)
    if old is None:
        return await _void(site, request)
    return site.redirect(f"/preferences/{site.token(Purpose.PREFERENCES, number)}?saved=address#saved")


def _open(site: Site, token: str) -> Opened | None:
    try:
        return site.links.open(Purpose.MOVE, token, now=site.clock(), within=site.settings.joining.confirm_within)
    except LinkExpired:
        return None


async def _void(site: Site, request: Request) -> Response:
    async with site.read() as (_, look):
        voice = languages.voice(request, look)
        title, text = map(voice.gettext, _VOID)
        return site.show("message", look, voice, status=410, title=title, text=text)
