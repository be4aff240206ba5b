"""Leaving: the page with one button behind the link in each mail, and the one click of RFC 8058 behind its header.

What such a link may do is leave, or less than leave. It opens nobody's preferences: it travels in mails that people
forward.
"""

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from newsletter.constellation.model import Event
from newsletter.delivery import after_pause, hearing
from newsletter.tables import campaign, event
from newsletter.web import forms
from newsletter.web.look import Look
from newsletter.web.preferences import pause_end, pausing, zone
from newsletter.web.site import Site, visitor, voice_of
from subscribers import names, preferences
from subscribers.audience import Rhythm
from subscribers.links import Opened, Purpose
from subscribers.preferences import Preferences

PAUSE = timedelta(days=30)


async def show(site: Site, request: Request) -> Response:
    """The page with the button, for /unsubscribe and for a person who opens the header's link; it changes nothing."""
    token = request.path_params["token"]
    opened = _open(site, token)
    async with site.database.read() as connection:
        person, look = await site.holder(connection, opened.subscriber_id)
        if person.status == "left":
            return site.show("left", look, voice_of(person, look), person=person)
        about = await _about(connection, opened, look)
        return site.show(
            "unsubscribe",
            look,
            voice_of(person, look),
            person=person,
            token=token,
            about=about,
            is_muted=about is not None and about.slug in person.muted,
            is_essentials=person.rhythm is Rhythm.ESSENTIALS,
            is_weekly=person.rhythm is Rhythm.WEEKLY,
            paused_until=pausing(person, look, site.clock()),
        )


async def act(site: Site, request: Request) -> Response:
    """Leave, or what the page offers instead: nothing more about that event, or a pause."""
    token = request.path_params["token"]
    opened = _open(site, token)
    form = await forms.read(request)
    now, ip = site.clock(), visitor(request)
    async with site.database.briefly() as connection:
        person, look = await site.holder(connection, opened.subscriber_id)
        match form.text("instead"):
            case "":
                reason = names.clean(form.text("reason"))
                await _leave(connection, opened, source="page", reason=reason, ip=ip, now=now)
            case "mute":
                await _mute(connection, person, await _about(connection, opened, look), ip, now)
            case Rhythm.ESSENTIALS | Rhythm.WEEKLY as rhythm:
                number = person.subscriber_id
                await preferences.settle(connection, number, rhythm=Rhythm(rhythm), ip=ip, now=now)
            case "pause":
                clock = zone(person, look)
                until = pause_end((now + PAUSE).astimezone(clock).date(), clock)
                await after_pause.change(connection, person.subscriber_id, until=until, ip=ip, now=now)
            case _:
                raise HTTPException(400, "This form is not one of the page's own.")
    return site.redirect(f"/unsubscribe/{token}")


async def one_click(site: Site, request: Request) -> Response:
    """A mail program's POST (RFC 8058, section 3.2): no cookie, no redirect, and 200 again on a repeat.

    Without the key and value that the header promised, this is not that POST, and nobody leaves by it.
    """
    opened = _open(site, request.path_params["token"])
    form = await forms.read(request)
    if form.text("List-Unsubscribe").casefold() != "one-click":
        raise HTTPException(400, "Send List-Unsubscribe=One-Click as a form.")
    async with site.database.briefly() as connection:
        await _leave(connection, opened, source="one-click", ip=visitor(request), now=site.clock())
    return PlainTextResponse("")


def _open(site: Site, token: str) -> Opened:
    return site.links.open(Purpose.UNSUBSCRIBE, token, now=site.clock())


async def _leave(
    connection: AsyncConnection, opened: Opened, *, source: str, ip: str, now: datetime, reason: str = ""
) -> None:
    """Leave, and count it on the campaign whose mail it was."""
    number = opened.subscriber_id
    left = await preferences.leave(connection, number, source=source, ip=ip, reason=reason, now=now)
    if left and opened.campaign_id:
        await hearing.note(connection, opened.campaign_id, [opened.subscriber_id], "unsubscribe")


async def _about(connection: AsyncConnection, opened: Opened, look: Look) -> Event | None:
    """The event whose mail carried the link, while there is anything left to hear of it."""
    slug = await connection.scalar(
        select(event.c.slug)
        .join(campaign, campaign.c.event_id == event.c.id)
        .where(campaign.c.id == opened.campaign_id)
    )
    return look.constellation.event(slug) if look.constellation and slug else None


async def _mute(connection: AsyncConnection, person: Preferences, about: Event | None, ip: str, now: datetime) -> None:
    if about is None:
        return
    await preferences.choose(
        connection,
        person.subscriber_id,
        everything=person.everything,
        followed=person.followed - {about.slug},
        muted=person.muted | {about.slug},
        ip=ip,
        now=now,
    )
