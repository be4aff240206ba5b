"""What everybody may look at: the series' page with its events and past mails, each mail, and the feed of them."""

from datetime import UTC, datetime
from xml.etree import ElementTree as Xml
from zoneinfo import ZoneInfo

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from newsletter import calendars, catalogues
from newsletter.campaigns import visibility
from newsletter.campaigns.archive import Issue
from newsletter.catalogues import N_
from newsletter.constellation.model import Constellation, Event
from newsletter.content import dates
from newsletter.web import languages
from newsletter.web.calendars import unless_known
from newsletter.web.site import Site

_ATOM = "http://www.w3.org/2005/Atom"
_IN_FEED = 50
_PUBLIC = "public, max-age=900"

# A mail's styles stand in it. Nothing else is allowed to it than on our pages: no script, nothing from elsewhere.
_MAIL_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; img-src 'self' data:; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)


_STOPPED = (
    N_("This mail was stopped"),
    N_("It was still on its way to others, and may say what is no longer so. What holds now is among all events."),
)
_GONE = (
    N_("This mail is not to be read here"),
    N_("It may have been taken back since it was sent, or the address was cut off on its way."),
)


_MOVED = N_("This mail is as it was written: its event has moved since it was sent.")
_ELSEWHERE = N_("This mail is as it was written: its place has changed since it was sent.")
_CALLED_OFF = N_("This mail is as it was written: its event was called off since it was sent.")
_NO_PART = N_("This mail is as it was written: its event is no part of the series any more.")
_ALL_EVENTS = N_("All events and mails")


async def series(site: Site, request: Request) -> Response:
    """The series, its events, and what has been written about them."""
    async with site.read() as (connection, look):
        issues = await site.shelf.issues(connection)
    now, voice = site.clock(), languages.voice(request, look)
    held = look.constellation.events if look.constellation else ()
    zone = ZoneInfo(look.timezone)
    return site.show(
        "events",
        look,
        voice,
        ahead=[event for event in held if event.ends.astimezone(UTC) > now],
        past=[event for event in reversed(held) if event.ends.astimezone(UTC) <= now],
        mails=[
            (one, visibility.path(one.slug), dates.full_day(one.sent_at.astimezone(zone), voice.locale))
            for one in issues
        ],
        calendar=calendars.follow(f"{site.settings.public_url}/calendar.ics", look.name),
    )


async def mail(site: Site, request: Request) -> Response:
    """A mail as it was sent, but to nobody in particular. Mails lead here, so that one which is gone says why."""
    slug = request.path_params["slug"]
    async with site.read() as (connection, look):
        copy = await site.shelf.copy(connection, slug)
        if copy is None:
            is_stopped = await site.shelf.was_stopped(connection, slug)
            voice = languages.voice(request, look)
            title, text = map(voice.gettext, _STOPPED if is_stopped else _GONE)
            return site.show("message", look, voice, status=410 if is_stopped else 404, title=title, text=text)
    html = copy.html
    if look.constellation and (note := _no_longer_so(copy.event, look.constellation, site.clock())):
        voice = catalogues.voice(look.language)  # that of the mail itself
        url, link = f"{site.settings.public_url}/events", voice.gettext(_ALL_EVENTS)
        html = copy.with_note(voice.gettext(note), url=url, link=link)
    return HTMLResponse(html, headers={"Content-Security-Policy": _MAIL_POLICY, "Cache-Control": _PUBLIC})


def _no_longer_so(told: Event | None, constellation: Constellation, now: datetime) -> str | None:
    """What a mail says of its event that does not hold any more, while somebody could go by it."""
    if told is None or told.cancelled:
        return None
    event = constellation.event(told.slug)
    if max(told.ends, event.ends if event else told.ends) < now:
        return None
    if event is None:
        return _NO_PART
    if event.cancelled:
        return _CALLED_OFF
    if (event.starts, event.ends) != (told.starts, told.ends):
        return _MOVED
    return _ELSEWHERE if event.place != told.place else None


async def feed(site: Site, request: Request) -> Response:
    """The latest mails as a feed (RFC 4287)."""
    async with site.read() as (connection, look):
        issues = (await site.shelf.issues(connection))[:_IN_FEED]
    if look.constellation is None:
        raise HTTPException(404)
    since = look.loaded_at or site.clock()
    body = _atom(look.constellation, issues, site.settings.public_url, since)
    return unless_known(request, body, "application/atom+xml; charset=utf-8", cache=_PUBLIC)


def _atom(constellation: Constellation, issues: list[Issue], site: str, since: datetime) -> bytes:
    feed = Xml.Element("feed", {"xmlns": _ATOM, "xml:lang": constellation.language})
    _add(feed, "id", f"{site}/events")
    _add(feed, "title", constellation.name)
    if constellation.tagline:
        _add(feed, "subtitle", constellation.tagline)
    _add(feed, "updated", _moment(issues[0].sent_at if issues else since))
    Xml.SubElement(feed, "link", {"rel": "self", "type": "application/atom+xml", "href": f"{site}/feed.atom"})
    Xml.SubElement(feed, "link", {"rel": "alternate", "type": "text/html", "href": f"{site}/events"})
    _add(Xml.SubElement(feed, "author"), "name", constellation.sender.name)
    for one in issues:
        entry, where = Xml.SubElement(feed, "entry"), f"{site}{visibility.path(one.slug)}"
        _add(entry, "id", where)
        _add(entry, "title", one.subject)
        _add(entry, "published", _moment(one.sent_at))
        _add(entry, "updated", _moment(one.sent_at))
        Xml.SubElement(entry, "link", {"rel": "alternate", "type": "text/html", "href": where})
        _add(entry, "summary", one.about or one.subject)
    written: bytes = Xml.tostring(feed, encoding="utf-8", xml_declaration=True)
    return written


def _add(parent: Xml.Element, name: str, text: str) -> None:
    Xml.SubElement(parent, name).text = text


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
