"""Joining: the form, what it refuses, and an answer that is the same for everyone."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter.delivery import transactional
from newsletter.suggest import nearest
from newsletter.web import forms, limits, zones
from newsletter.web.forms import Form
from newsletter.web.look import Look
from newsletter.web.site import Site, visitor
from subscribers import addresses, audience, names, signup, suppression
from subscribers.addresses import AddressError

_ACCEPTED = ("application/x-www-form-urlencoded", "multipart/form-data", "application/json")
_LONGEST_VERSION = 40

TRAP = "homepage"
"""A field that people do not see; robots fill it in, and are answered like everyone."""

Errors = dict[str, str]
"""What is wrong, by the name of the field it belongs beside."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What was typed, kept to fill the form in again."""

    email: str = ""
    first_name: str = ""
    last_name: str = ""
    timezone: str = ""
    everything: bool = True
    topics: tuple[str, ...] = ()


async def enter(site: Site, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    """The site's front door leads to the form."""
    return site.redirect("/join")


async def show(site: Site, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    """The empty form."""
    async with site.read() as (_, look):
        return _form(site, look, Entry(), {})


async def sent(site: Site, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    """Where everyone arrives after the form."""
    async with site.read() as (_, look):
        return site.show("join-sent", look)


async def join(site: Site, request: Request) -> Response:
    """Take a form, from our own page or the series' site, or JSON from a script."""
    if forms.kind(request) not in _ACCEPTED:
        raise HTTPException(415, "Send a form, or JSON.")
    form = await forms.read(request)
    async with site.read() as (_, look):
        entry = _entry(form)
        wanted, errors = _check(site, entry, form, look, visitor(request))
        if look.constellation is None or wanted is None:
            return _refused(site, look, entry, errors, is_json=form.is_json)
    if not form.text(TRAP):
        await admit(site, wanted)
    if form.is_json:
        return JSONResponse({"status": "check-your-mail"}, 202)
    return site.redirect("/join/sent")


async def admit(site: Site, wanted: signup.Request) -> None:
    """Join, and have the mail sent that is due; nobody but that mailbox learns which, or whether any is.

    Raises HTTPException 429 when too many ask, from this network or in all.
    """
    now, settings = site.clock(), site.settings
    hash_key = settings.secrets.hash_key.get_secret_value()
    hashed = suppression.address_hash(wanted.address.normal, hash_key)
    async with site.database.briefly() as connection:
        room = await limits.take(connection, address_hash=hashed, ip=wanted.ip, limits=settings.joining, now=now)
        if room is limits.Room.FREE:
            await _join(site, connection, wanted, now)
    if room is limits.Room.FULL:
        retry = {"Retry-After": str(int(limits.WINDOW.total_seconds()))}
        raise HTTPException(429, "Too many requests to join; please try again in an hour.", retry)


async def _join(site: Site, connection: AsyncConnection, wanted: signup.Request, now: datetime) -> None:
    hash_key = site.settings.secrets.hash_key.get_secret_value()
    match await signup.join(connection, wanted, hash_key=hash_key, now=now):
        case signup.ConfirmationDue(subscriber_id):
            kind = transactional.Kind.CONFIRM
        case signup.LinkDue(subscriber_id):
            kind = transactional.Kind.LINK
        case signup.NothingDue():
            return
    most_a_day = site.settings.joining.confirmations_a_day
    await transactional.enqueue(connection, subscriber_id, kind, now=now, most_a_day=most_a_day)


def _form(site: Site, look: Look, entry: Entry, errors: Mapping[str, str], status: int = 200) -> Response:
    if look.constellation is None:
        return site.show("message", look, status=503, **_NOT_YET)
    return site.show("join", look, status=status, entry=entry, errors=errors, joining=site.settings.joining)


def _refused(site: Site, look: Look, entry: Entry, errors: Errors, *, is_json: bool) -> Response:
    if not is_json:
        return _form(site, look, entry, errors, status=422)
    if look.constellation is None:
        return JSONResponse({"error": _NOT_YET["text"]}, 503)
    return JSONResponse({"errors": errors}, 422)


_NOT_YET = {
    "title": "Opening soon",
    "text": "This series is being prepared, and there is nothing to join yet. Please come back a little later.",
}


def _entry(form: Form) -> Entry:
    topics = form.many("topics")
    chosen = form.text("scope")
    return Entry(
        email=form.text("email"),
        first_name=names.clean(form.text("first_name")),
        last_name=names.clean(form.text("last_name")),
        timezone=form.text("timezone"),
        everything=chosen == "everything" if chosen else not topics or audience.EVERYTHING in topics,
        topics=topics,
    )


def _check(
    site: Site, entry: Entry, form: Form, look: Look, ip: str
) -> tuple[signup.Request, Errors] | tuple[None, Errors]:
    errors: Errors = {}
    address = None
    try:
        address = addresses.parse(entry.email)
    except AddressError as error:
        reason = error.reason if entry.email else "please fill in your e-mail address"
        errors["email"] = f"{reason[:1].upper()}{reason[1:]}."
    if entry.timezone and entry.timezone not in zones.known():
        errors["timezone"] = "Please choose a time zone from the list."
    if not entry.everything:
        errors |= _check_topics(entry.topics, look)
    if address is None or errors:
        return None, errors
    joining = site.settings.joining
    version = form.text("text_version")[:_LONGEST_VERSION] or joining.consent_version
    wanted = signup.Request(
        address=address,
        source="json" if form.is_json else "form",
        first_name=entry.first_name,
        last_name=entry.last_name,
        locale=look.language,
        timezone=entry.timezone,
        topics=() if entry.everything else entry.topics,
        ip=ip,
        text_version=names.clean(version),
        # Evidence must not claim more than is known: a form that names another version showed another text.
        text_shown=joining.consent_text if version == joining.consent_version else "",
    )
    return wanted, errors


def _check_topics(topics: tuple[str, ...], look: Look) -> Errors:
    slugs = {event.slug for event in look.events}
    unknown = [topic for topic in topics if topic not in slugs]
    if unknown:
        better = nearest(unknown[0], slugs)
        hint = f" Did you mean {better}?" if better else ""
        return {"topics": f"There is no event “{unknown[0][:60]}” any more.{hint}"}
    return {} if topics else {"topics": "Please tick at least one event, or choose everything."}
