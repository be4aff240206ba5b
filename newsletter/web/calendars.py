"""What calendar programs ask for: the series, a single event, and each person's own events by their link.

They ask again every hour or so, for years. So each answer has an ETag, and one who has it already gets 304 and no body
(RFC 9110, section 13.1.2). What has been cancelled stays in a calendar that is followed, and says so.
"""

import hashlib

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter import calendars
from newsletter.calendars import Entry, Method, Standing
from newsletter.constellation import store
from newsletter.constellation.model import Event
from newsletter.constellation.store import Status
from newsletter.web import choosing
from newsletter.web.look import Look
from newsletter.web.site import Site, holder, voice_of
from subscribers import attending
from subscribers.attending import Answer
from subscribers.links import Purpose
from subscribers.preferences import Preferences

_PUBLIC = "public, max-age=900"
_PRIVATE = "private, no-cache"


async def series(site: Site, request: Request) -> Response:
    """Everything there is to go to."""
    async with site.read() as (connection, look):
        entries = [Entry(one.event, one.sequence) for one in await store.events(connection)]
    return _answer(request, look, entries, cache=_PUBLIC)


async def single(site: Site, request: Request) -> Response:
    """One event, as a file to keep."""
    slug = request.path_params["slug"]
    async with site.read() as (connection, look):
        held = await store.events(connection)
    found = next((one for one in held if one.event.slug == slug and not one.event.is_story), None)
    if found is None:
        raise HTTPException(404)
    method = Method.CANCEL if found.status is Status.CANCELLED else Method.PUBLISH
    entries = [Entry(found.event, found.sequence)]
    answer = _answer(request, look, entries, is_followed=False, method=method, cache=_PUBLIC)
    answer.headers["Content-Disposition"] = f'attachment; filename="{slug}.ics"'
    return answer


async def own(site: Site, request: Request) -> Response:
    """Somebody's own events. One who has left has none: 410, at which programs stop asking."""
    opened = site.links.open(Purpose.CALENDAR, request.path_params["token"], now=site.clock())
    async with site.read() as (connection, look):
        person = await holder(connection, opened.subscriber_id)
        if person.status != "active":
            return site.show("calendar-ended", look, voice_of(person, look), status=410)
        held = await store.events(connection)
        answers = await attending.of(connection, person.subscriber_id)
    entries = [
        Entry(one.event, one.sequence, _standing(answers.get(one.event.slug)))
        for one in held
        if _is_own(one.event, person, answers.get(one.event.slug))
    ]
    return _answer(request, look, entries, cache=_PRIVATE)


def _standing(answer: Answer | None) -> Standing:
    return Standing.TENTATIVE if answer in (Answer.MAYBE, Answer.WAITING) else Standing.CONFIRMED


def _is_own(event: Event, person: Preferences, answer: Answer | None) -> bool:
    """What somebody said they come to, or may; else what they follow, but for what they said no to."""
    return choosing.comes(person, event) if answer is None else answer is not Answer.NOT


def _answer(
    request: Request,
    look: Look,
    entries: list[Entry],
    *,
    cache: str,
    is_followed: bool = True,
    method: Method = Method.PUBLISH,
) -> Response:
    """The calendar as it was when the constellation was last loaded, or 304."""
    if look.constellation is None or look.loaded_at is None:
        raise HTTPException(404)
    name = look.name if is_followed else ""
    body = calendars.write(look.constellation, entries, method=method, stamp=look.loaded_at, name=name)
    return unless_known(request, body, f"text/calendar; charset=utf-8; method={method}", cache=cache)


def unless_known(request: Request, body: bytes, media_type: str, *, cache: str) -> Response:
    """The body with its ETag, or 304 to one who has it. The tag is a weak one: a proxy may pack the body."""
    digest = hashlib.blake2b(body, digest_size=16).hexdigest()
    headers = {"ETag": f'W/"{digest}"', "Cache-Control": cache}
    known = {tag.strip().removeprefix("W/") for tag in request.headers.get("if-none-match", "").split(",")}
    if known & {f'"{digest}"', "*"}:
        return Response(status_code=304, headers=headers)
    return Response(body, headers={**headers, "Content-Type": media_type})
