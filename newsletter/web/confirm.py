"""The second half of the double opt-in: the link in the mail shows a button, and only the button confirms."""

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import Response

from newsletter.delivery import transactional
from newsletter.web import agreement, choosing, forms, languages, reception
from newsletter.web.look import Look
from newsletter.web.site import Site, holder, visitor, voice_of
from subscribers import preferences, signup
from subscribers.addresses import parse
from subscribers.links import LinkExpired, Purpose
from subscribers.preferences import Preferences
from subscribers.signup import Yes


async def show(site: Site, request: Request) -> Response:
    """The button; for someone who is in already, the welcome; for a link that is too old, the offer of a new one.

    Whose mail was stopped is not in, whatever they were before: the button is what brings them back.
    """
    token = request.path_params["token"]
    async with site.read() as (connection, look):
        try:
            person = await holder(connection, _open(site, token))
        except LinkExpired as expired:
            found = await preferences.read(connection, expired.subscriber_id)
            if found is None:
                voice = languages.voice(request, look)
                return site.show("confirm-forgotten", look, voice, status=410, expired_at=expired.expired_at)
            return await _expired(connection, site, look, found, token, expired.expired_at)
        voice, yes = voice_of(person, look), await signup.yes(connection, person.subscriber_id)
        if yes in (Yes.BEFORE, Yes.REFUSED):
            return _void(site, look, person, yes)
        if yes is Yes.GIVEN:
            own = site.token(Purpose.PREFERENCES, person.subscriber_id)
            coming = [event for event in look.upcoming(site.clock()) if choosing.comes(person, event)]
            return site.show("confirmed", look, voice, person=person, token=own, coming=coming)
        is_told = await signup.has_agreed_to_a_text(connection, person.subscriber_id)
        text = "" if is_told else agreement.text(site.settings.joining, voice)
        return site.show("confirm", look, voice, person=person, token=token, text_shown=text)


async def confirm(site: Site, request: Request) -> Response:
    """Confirm, or ask for a new link; pressing twice is harmless."""
    token = request.path_params["token"]
    form = await forms.read(request)
    try:
        subscriber_id = _open(site, token)
    except LinkExpired as expired:
        return await _renew(site, request, expired) if form.has("renew") else await show(site, request)
    now = site.clock()
    joining = site.settings.joining
    async with site.database.briefly() as connection:
        person, look = await site.holder(connection, subscriber_id)
        shown = joining.consent_version, agreement.text(joining, voice_of(person, look))
        if await signup.confirm(connection, subscriber_id, ip=visitor(request), shown=shown, now=now):
            most_a_day = joining.confirmations_a_day
            welcome = transactional.Kind.WELCOME
            await transactional.enqueue(connection, subscriber_id, welcome, now=now, most_a_day=most_a_day)
        yes = await signup.yes(connection, subscriber_id)
    return site.redirect(f"/confirm/{token}") if yes is Yes.GIVEN else _void(site, look, person, yes)


def _open(site: Site, token: str) -> int:
    within = site.settings.joining.confirm_within
    return site.links.open(Purpose.CONFIRM, token, now=site.clock(), within=within).subscriber_id


def _void(site: Site, look: Look, person: Preferences, yes: Yes) -> Response:
    return site.show("confirm-void", look, voice_of(person, look), status=410, is_refused=yes is Yes.REFUSED)


async def _expired(
    connection: AsyncConnection, site: Site, look: Look, person: Preferences, token: str, at: datetime
) -> Response:
    yes = await signup.yes(connection, person.subscriber_id)
    if yes is Yes.REFUSED:
        return _void(site, look, person, yes)
    text = agreement.text(site.settings.joining, voice_of(person, look))
    values = {"person": person, "is_in": yes is Yes.GIVEN, "token": token, "expired_at": at, "text_shown": text}
    return site.show("confirm-expired", look, voice_of(person, look), status=410, **values)


async def _renew(site: Site, request: Request, expired: LinkExpired) -> Response:
    """Ask again as the same person would by the form, for the same events."""
    async with site.read() as (connection, look):
        person = await holder(connection, expired.subscriber_id)
        asked = await signup.requested(connection, expired.subscriber_id) or person
    joining, voice = site.settings.joining, voice_of(person, look)
    wanted = signup.Request(
        address=parse(person.address),
        source="renewal",
        locale=person.locale,
        topics=() if asked.everything else tuple(sorted(asked.followed)),
        ip=visitor(request),
        text_version=joining.consent_version,
        text_shown=agreement.text(joining, voice),
    )
    await reception.let_in(site, wanted, ip=wanted.ip)
    return site.redirect(f"/join/sent?lang={voice.language}", background=reception.afterwards(site))
