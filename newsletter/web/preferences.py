"""The page behind the foot of each mail: what comes, when, under which name, and the way out.

Mails are forwarded, so it shows no more of the person than they do; the rest is for newsletter.web.account.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter import attendance, calendars, catalogues
from newsletter.catalogues import Voice
from newsletter.constellation import store
from newsletter.delivery import after_pause, transactional
from newsletter.web import choosing, forms, rsvp, zones
from newsletter.web import entry as entries
from newsletter.web.choosing import NotSaved
from newsletter.web.forms import Form
from newsletter.web.look import Look
from newsletter.web.site import Site, visitor, voice_of
from subscribers import attending, names, preferences, suppression
from subscribers.audience import Rhythm
from subscribers.links import Purpose
from subscribers.preferences import Preferences

LONGEST_PAUSE = timedelta(days=366)
_FOREIGN = "This form is not one of the page's own."
PAUSES = {"two-weeks": timedelta(days=14), "month": timedelta(days=30)}


async def show(site: Site, request: Request) -> Response:
    """Everything that was chosen, each part with its own button."""
    token = request.path_params["token"]
    subscriber_id = _open(site, token)
    async with site.database.read() as connection:
        person, look = await site.holder(connection, subscriber_id)
        saved = request.query_params.get("saved", "")
        saved = saved if saved in _SAVERS or saved == "address" else ""
        return await _page(connection, site, look, person, saved=saved)


async def save(site: Site, request: Request) -> Response:
    """Save the part whose button was pressed, and show that it is saved."""
    token = request.path_params["token"]
    subscriber_id = _open(site, token)
    form = await forms.read(request)
    part = form.text("part")
    if part not in _SAVERS:
        raise HTTPException(400, _FOREIGN)
    now = site.clock()
    async with site.database.briefly() as connection:
        person, look = await site.holder(connection, subscriber_id)
        voice, most_a_day = voice_of(person, look), site.settings.joining.confirmations_a_day
        change = _Change(connection, person, form, look, voice, visitor(request), now, most_a_day)
        try:
            if person.status == "active":
                await _SAVERS[part](change)
        except NotSaved as error:
            typed, errors = _typed(change, part), {error.field: str(error)}
            return await _page(
                connection, site, look, person, typed=typed, until=form.text("until"), errors=errors, status=422
            )
    return site.redirect(f"/preferences/{token}?saved={part}#saved")


def _open(site: Site, token: str) -> int:
    return site.links.open(Purpose.PREFERENCES, token, now=site.clock()).subscriber_id


async def _page(
    connection: AsyncConnection,
    site: Site,
    look: Look,
    person: Preferences,
    *,
    saved: str = "",
    typed: Preferences | None = None,
    until: str = "",
    errors: dict[str, str] | None = None,
    status: int = 200,
) -> Response:
    """Where something was not saved, the fields hold what was `typed`, and the end of a pause `until` when."""
    if person.status != "active":
        name = "left" if person.status == "left" else "unconfirmed"
        return site.show(name, look, voice_of(person, look), person=person)
    now, voice, shown = site.clock(), voice_of(person, look), typed or person
    upcoming, today = look.upcoming(now), now.astimezone(zone(person, look))
    asking = [event for event in upcoming if event.rsvp]
    answers = await attending.of(connection, person.subscriber_id) if asking else {}
    stopped = await suppression.reason_of(connection, person.subscriber_id)
    return site.show(
        "preferences",
        look,
        voice,
        status=status,
        person=person,
        saved=saved,
        errors=errors or {},
        paused_until=pausing(person, look, now),
        is_stopped=stopped is not None,
        may_join=stopped not in suppression.FINAL,
        shown=shown,
        kinds=choosing.kinds(shown, look),
        offered=choosing.offered(shown, upcoming, voice),
        language=voice_of(shown, look).language,
        languages=catalogues.own_names(),
        asking=[(event, answers.get(event.slug)) for event in asking],
        calendar=calendars.follow(site.calendar_url(person), look.name),
        earliest=(today + timedelta(days=1)).date(),
        latest=(today + LONGEST_PAUSE).date(),
        until=until,
    )


def zone(person: Preferences, look: Look) -> ZoneInfo:
    """The clock a person lives by: their own, or the series'."""
    return ZoneInfo(person.timezone or look.timezone)


def pausing(person: Preferences, look: Look, now: datetime) -> datetime | None:
    """Until when a person gets nothing, by their own clock; None when they are not taking a pause now."""
    if person.paused_until is None or person.paused_until <= now:
        return None
    return person.paused_until.astimezone(zone(person, look))


def pause_end(day: date, clock: ZoneInfo) -> datetime:
    """A pause until a day ends as that day begins."""
    return datetime.combine(day, time(), clock)


@dataclass(frozen=True, slots=True)
class _Change:
    """One button pressed: by whom, with what beside it, from where and when."""

    connection: AsyncConnection
    person: Preferences
    form: Form
    look: Look
    voice: Voice
    ip: str
    now: datetime
    most_a_day: int


def _typed(change: _Change, part: str) -> Preferences:
    """What the fields of a part say of the person, right or not, so that nobody has to fill them in again."""
    person, form = change.person, change.form
    match part:
        case "choices":
            return choosing.ticked(person, form, change.look, change.now)
        case "details":
            timezone = form.text("timezone")
            return replace(
                person,
                first_name=form.text("first_name"),
                locale=_locale(change) or person.locale,
                timezone=timezone if timezone in zones.known() else person.timezone,
            )
        case _:
            return person


async def _choose(change: _Change) -> None:
    chosen = choosing.chosen(change.person, change.form, change.look, change.voice, change.now)
    await preferences.choose(
        change.connection,
        change.person.subscriber_id,
        everything=chosen.everything,
        followed=chosen.followed,
        muted=chosen.muted,
        ip=change.ip,
        now=change.now,
    )


async def _set_rhythm(change: _Change) -> None:
    """Apart from what they follow, for that may be over already: nothing of it need be ticked anew."""
    wanted = change.form.text("rhythm")
    if wanted not in set(Rhythm):
        raise HTTPException(400, _FOREIGN)
    number, ip, now = change.person.subscriber_id, change.ip, change.now
    await preferences.settle(change.connection, number, rhythm=Rhythm(wanted), ip=ip, now=now)


async def _settle(change: _Change) -> None:
    form, timezone = change.form, change.form.text("timezone")
    if timezone and timezone not in zones.known() | {change.person.timezone}:
        raise NotSaved("timezone", change.voice.gettext("Please choose a time zone from the list."))
    first_name = names.clean(form.text("first_name")) if form.has("first_name") else None
    if first_name != change.person.first_name:  # one that is here already, by an import, is not held against them
        for field, text in entries.of_names(change.voice, first_name=form.text("first_name")).items():
            raise NotSaved(field, text)
    await preferences.settle(
        change.connection,
        change.person.subscriber_id,
        first_name=first_name,
        timezone=timezone if form.has("timezone") else None,
        locale=_locale(change),
        ip=change.ip,
        now=change.now,
    )


def _locale(change: _Change) -> str | None:
    """The language that was chosen; None keeps the person's own tag, which may name their region too."""
    chosen = change.form.text("language")
    return chosen if chosen in catalogues.LANGUAGES and chosen != change.voice.language else None


async def _pause(change: _Change) -> None:
    clock = zone(change.person, change.look)
    today = change.now.astimezone(clock).date()
    length = change.form.text("length")
    until = today + PAUSES[length] if length in PAUSES else _day(change)
    if not today < until <= today + LONGEST_PAUSE:
        raise NotSaved("until", change.voice.gettext("Please choose a day from tomorrow on, and within a year."))
    await after_pause.change(
        change.connection, change.person.subscriber_id, until=pause_end(until, clock), ip=change.ip, now=change.now
    )


def _day(change: _Change) -> date:
    try:
        return date.fromisoformat(change.form.text("until"))
    except ValueError as error:
        raise NotSaved("until", change.voice.gettext("Please choose a day, as in 2021-03-31.")) from error


async def _resume(change: _Change) -> None:
    await after_pause.change(change.connection, change.person.subscriber_id, until=None, ip=change.ip, now=change.now)


async def _send_link(change: _Change) -> None:
    """To the address, and nowhere else: this page may be open before somebody a mail was forwarded to."""
    kind = transactional.Kind.LINK
    await transactional.enqueue(
        change.connection, change.person.subscriber_id, kind, now=change.now, most_a_day=change.most_a_day
    )


async def _leave(change: _Change) -> None:
    reason = names.clean(change.form.text("reason"))
    await preferences.leave(
        change.connection, change.person.subscriber_id, source="page", ip=change.ip, reason=reason, now=change.now
    )


async def _say(change: _Change) -> None:
    """Whether they come to one of the events. What is over by now, or asks no more, is left as it is."""
    wish = rsvp.wish(change.form)
    held = {stored.event.slug: stored for stored in await store.events(change.connection)}
    stored = held.get(change.form.text("event"))
    if stored is not None and attendance.is_open(stored, change.now):
        number, ip, now = change.person.subscriber_id, change.ip, change.now
        await attendance.answer(change.connection, stored, number, wish, ip=ip, now=now)


_SAVERS: dict[str, Callable[[_Change], Awaitable[None]]] = {
    "choices": _choose,
    "rhythm": _set_rhythm,
    "details": _settle,
    "rsvp": _say,
    "pause": _pause,
    "resume": _resume,
    "link": _send_link,
    "leave": _leave,
}
