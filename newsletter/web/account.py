"""What is kept of a person, shown to them: their data to read and to take along, their name, and erasing it all.

Only a link that was sent to the address a short while ago opens these pages. One from the foot of a mail does not:
mails are forwarded.
"""

import json
from zoneinfo import ZoneInfo

from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from newsletter import catalogues
from newsletter.campaigns import dossier
from newsletter.campaigns.dossier import Dossier
from newsletter.delivery import transactional
from newsletter.web import account_words, forms, languages, reception
from newsletter.web import entry as entries
from newsletter.web.entry import Entry, Errors
from newsletter.web.forms import Form
from newsletter.web.limits import Room
from newsletter.web.site import Site, holder, visitor, voice_of
from subscribers import addresses, erasure, moving, names, preferences
from subscribers.addresses import Address
from subscribers.links import ACCOUNT_WITHIN, LinkInvalid, Opened, Purpose
from subscribers.preferences import Preferences

_PARTS = ("name", "address")
_NAMES = ("first_name", "last_name")


async def show(site: Site, request: Request) -> Response:
    """Everything, in words."""
    token = request.path_params["token"]
    saved = request.query_params.get("saved", "")
    return await _page(site, _open(site, token), token, saved=saved if saved in _PARTS else "")


async def _page(
    site: Site, opened: Opened, token: str, *, saved: str = "", typed: Form | None = None, errors: Errors | None = None
) -> Response:
    """`typed` is the form that was not saved, `errors` what is wrong in it."""
    async with site.read() as (connection, look):
        kept = await _kept(connection, opened)
        voice = catalogues.voice(kept.person.locale, look.language)
        zone = ZoneInfo(kept.person.timezone or look.timezone)
        called = {field: getattr(kept.person, field) for field in _NAMES}
        if typed is not None and typed.text("part") == "name":
            called = {field: typed.text(field) for field in _NAMES}
        return site.show(
            "account",
            look,
            voice,
            status=422 if errors else 200,
            token=token,
            saved=saved,
            email=typed.text("email") if typed else "",
            called=called,
            errors=errors or {},
            good_until=(opened.issued_at + ACCOUNT_WITHIN).astimezone(zone),
            person=kept.person,
            facts=account_words.facts(kept.person, kept.answers, look, voice),
            steps=account_words.steps(kept.steps, look, zone, voice),
            letters=account_words.letters(kept.letters, zone, voice),
        )


async def data(site: Site, request: Request) -> Response:
    """Everything, as a file to keep or to take elsewhere (GDPR articles 15 and 20)."""
    opened = _open(site, request.path_params["token"])
    async with site.read() as (connection, _):
        kept = await _kept(connection, opened)
    body = json.dumps(kept.document(), ensure_ascii=False, indent=2) + "\n"
    headers = {"Content-Disposition": 'attachment; filename="my-data.json"'}
    return Response(body, media_type="application/json", headers=headers)


async def save(site: Site, request: Request) -> Response:
    """Save the part whose button was pressed: their name, or the address their mail shall go to."""
    token = request.path_params["token"]
    opened = _open(site, token)
    form = await forms.read(request)
    part = form.text("part")
    if part not in _PARTS:
        raise HTTPException(400, "This form is not one of the page's own.")
    email = form.text("email")
    errors = await (_of_address(site, opened, email) if part == "address" else _of_names(site, opened, form))
    if errors:
        return await _page(site, opened, token, typed=form, errors=errors)
    found = Room.FREE
    async with site.database.briefly() as connection:
        await _holder(connection, opened)
        if part == "address":
            found = await _move(site, connection, opened.subscriber_id, addresses.parse(email), visitor(request))
        else:
            await preferences.settle(
                connection,
                opened.subscriber_id,
                first_name=names.clean(form.text("first_name")),
                last_name=names.clean(form.text("last_name")),
                ip=visitor(request),
                now=site.clock(),
            )
    reception.refuse_if_full(found)
    return site.redirect(f"/account/{token}?saved={part}#saved")


async def _of_address(site: Site, opened: Opened, email: str) -> Errors:
    """What is wrong with a new address, in the words of the form that one joins by."""
    async with site.read() as (connection, look):
        voice = voice_of(await _holder(connection, opened), look)
    wrong = entries.errors(Entry(email=email), look, voice)
    return wrong or await entries.of_mail(site.mail_domains, email, site.settings.joining, voice, site.clock())


async def _of_names(site: Site, opened: Opened, form: Form) -> Errors:
    """What is wrong with a name; one that is here already, by an import, is not held against them."""
    async with site.read() as (connection, look):
        person = await _holder(connection, opened)
    typed = {field: form.text(field) for field in _NAMES}
    new = {field: text for field, text in typed.items() if names.clean(text) != getattr(person, field)}
    return entries.of_names(voice_of(person, look), **new)


async def _move(site: Site, connection: AsyncConnection, number: int, address: Address, ip: str) -> Room:
    """Ask the new mailbox, whatever there is to ask; the page does not tell.

    It counts as a request to join would, and its mail as one to confirm: whoever has many accounts must not have a
    stranger written to by each of them.
    """
    now, most_a_day = site.clock(), site.settings.joining.confirmations_a_day
    hash_key = site.settings.secrets.hash_key.get_secret_value()
    found = await reception.room(connection, site, address, ip=ip)
    if found is not Room.FREE:
        return found
    due = await moving.request(connection, number, address, hash_key=hash_key, ip=ip, now=now)
    await transactional.answer(connection, due, now=now, most_a_day=most_a_day, hash_key=hash_key)
    return found


async def ask_to_erase(site: Site, request: Request) -> Response:
    """The second question: what goes, what stays, and the button that does it. Changes nothing."""
    token = request.path_params["token"]
    opened = _open(site, token)
    async with site.read() as (connection, look):
        person = await _holder(connection, opened)
        return site.show("erase", look, voice_of(person, look), person=person, token=token)


async def erase(site: Site, request: Request) -> Response:
    """Erase everything, at once and for good."""
    opened = _open(site, request.path_params["token"])
    form = await forms.read(request)
    if form.text("erase") != "everything":
        raise HTTPException(400, "This form is not the page's own.")
    async with site.database.briefly() as connection:
        look = await site.looks.current(connection)
        voice = voice_of(await _holder(connection, opened), look)
        await erasure.erase(connection, opened.subscriber_id, now=site.clock())
    return site.redirect(f"/erased?lang={voice.language}")


async def erased(site: Site, request: Request) -> Response:
    """Where someone arrives who was erased; it knows nobody any more."""
    async with site.read() as (_, look):
        return site.show("erased", look, languages.voice(request, look))


def _open(site: Site, token: str) -> Opened:
    """Raises LinkInvalid or LinkExpired, which the application answers with a page of its own."""
    return site.links.open(Purpose.ACCOUNT, token, now=site.clock(), within=ACCOUNT_WITHIN)


async def _holder(connection: AsyncConnection, opened: Opened) -> Preferences:
    """Whose link this is. Raises LinkInvalid for one that was sent to the mailbox they moved away from."""
    if await moving.moved_since(connection, opened.subscriber_id, opened.issued_at):
        raise LinkInvalid("this link is from before the address changed")
    return await holder(connection, opened.subscriber_id)


async def _kept(connection: AsyncConnection, opened: Opened) -> Dossier:
    await _holder(connection, opened)
    found = await dossier.read(connection, opened.subscriber_id)
    if found is None:
        raise LinkInvalid("this link belongs to nobody any more")
    return found
