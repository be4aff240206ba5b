"""The page that asks whether somebody comes: behind the buttons in mails about an event that asks.

A mail's button only says beforehand which answer is meant; the press on the page gives it.
"""

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter import attendance
from newsletter.constellation import store
from newsletter.constellation.store import StoredEvent
from newsletter.web import forms
from newsletter.web.forms import Form
from newsletter.web.site import Site, holder, visitor, voice_of
from subscribers import attending
from subscribers.attending import WISHES, Answer
from subscribers.links import LinkInvalid, Opened, Purpose


async def show(site: Site, request: Request) -> Response:
    """The event, what was answered, and the buttons; it changes nothing."""
    token = request.path_params["token"]
    opened = _open(site, token)
    meant = request.query_params.get("answer", "")
    async with site.read() as (connection, look):
        person = await holder(connection, opened.subscriber_id)
        if person.status != "active":
            name = "left" if person.status == "left" else "unconfirmed"
            return site.show(name, look, voice_of(person, look), person=person)
        stored = await _asked(connection, opened)
        event, now = stored.event, site.clock()
        answer = (await attending.of(connection, person.subscriber_id)).get(event.slug)
        turn = await attending.turn(connection, person.subscriber_id, event.slug, now)
        has_room = await attending.has_room(connection, event.slug, event.capacity, now)
        return site.show(
            "rsvp",
            look,
            voice_of(person, look),
            person=person,
            token=token,
            event=event,
            answer=answer,
            wanted=meant if meant in WISHES else "",
            is_open=attendance.is_open(stored, now),
            is_full=not has_room and answer not in (Answer.GOING, Answer.WAITING),
            turn=turn,
            is_passed_over=answer is Answer.WAITING and turn is None,
            is_saved="saved" in request.query_params,
        )


async def save(site: Site, request: Request) -> Response:
    """Keep the answer whose button was pressed; one that comes too late changes nothing, and the page says why."""
    token = request.path_params["token"]
    opened = _open(site, token)
    said = wish(await forms.read(request))
    now = site.clock()
    async with site.database.briefly() as connection:
        person = await holder(connection, opened.subscriber_id)
        stored = await _asked(connection, opened)
        if person.status != "active" or not attendance.is_open(stored, now):
            return site.redirect(f"/rsvp/{token}")
        await attendance.answer(connection, stored, person.subscriber_id, said, ip=visitor(request), now=now)
    return site.redirect(f"/rsvp/{token}?saved")


def wish(form: Form) -> Answer:
    """The answer of the button that was pressed. Raises HTTPException 400 for none of ours."""
    answer = form.text("answer")
    if answer not in WISHES:
        raise HTTPException(400, "Answer going, maybe or not.")
    return Answer(answer)


def _open(site: Site, token: str) -> Opened:
    return site.links.open(Purpose.RSVP, token, now=site.clock())


async def _asked(connection: AsyncConnection, opened: Opened) -> StoredEvent:
    found = [stored for stored in await store.events(connection, removed=True) if stored.id == opened.event_id]
    if not found:
        raise LinkInvalid("this link asks about nothing")
    return found[0]
