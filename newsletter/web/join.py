"""Joining: the form, what it refuses, and an answer that is the same for everyone."""

from collections.abc import Mapping

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter import catalogues
from newsletter.catalogues import N_
from newsletter.web import agreement, fields, forms, languages, once_more, proof, reception, security
from newsletter.web import entry as entries
from newsletter.web.entry import Entry, Errors
from newsletter.web.forms import Form
from newsletter.web.look import Look
from newsletter.web.site import Site, visitor
from subscribers import addresses, names, signup

_ACCEPTED = ("application/x-www-form-urlencoded", "multipart/form-data", "application/json")
_LONGEST_VERSION = 40


async def enter(site: Site, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    """The site's front door leads to the form."""
    return site.redirect("/join")


async def show(site: Site, request: Request) -> Response:
    """The empty form."""
    async with site.read() as (_, look):
        return _form(site, look, languages.wanted(request, look), Entry(), {})


async def sent(site: Site, request: Request) -> Response:
    """Where everyone arrives after the form."""
    async with site.read() as (_, look):
        return site.show("join-sent", look, languages.voice(request, look))


async def challenge(site: Site, request: Request) -> Response:  # noqa: ARG001 - endpoints have one shape
    """What to work on before joining, for the form's script and for any client of ALTCHA's."""
    return JSONResponse(site.proofs.challenge(site.settings.joining, site.clock()))


async def join(site: Site, request: Request) -> Response:
    """Take a form, from our own page or the series' site, or JSON from a script."""
    if forms.kind(request) not in _ACCEPTED:
        raise HTTPException(415, "Send a form, or JSON.")
    form = await forms.read(request)
    async with site.read() as (_, look):
        entry, named = entries.of(form), form.text("lang")
        locale = languages.wanted(request, look, named)
        errors = entries.errors(entry, look, catalogues.voice(locale))
        if look.constellation is not None and not errors:
            voice, joining = catalogues.voice(locale), site.settings.joining
            errors = await entries.of_mail(site.mail_domains, entry.email, joining, voice, site.clock())
        if look.constellation is None or errors:
            return _refused(site, look, locale, entry, errors, is_json=form.is_json)
    shown = site.proofs.read(form.text(proof.FIELD), now=site.clock())
    if not once_more.is_enough(site.settings.joining, shown, is_json=form.is_json):
        return once_more.ask(site, look, locale, form, shown)
    if not form.text(entries.TRAP):
        wanted = _request(site, request, look, form, entry, locale)
        if not await reception.let_in(site, wanted, ip=wanted.ip, shown=shown):
            return once_more.ask(site, look, locale, form, proof.Nothing())
    return _answer(site, f"?lang={locale}" if named else "", is_json=form.is_json)


def _answer(site: Site, query: str, *, is_json: bool) -> Response:
    """The same for everyone."""
    if not is_json:
        return site.redirect(f"/join/sent{query}", background=reception.afterwards(site))
    return JSONResponse({"status": "check-your-mail"}, 202, background=reception.afterwards(site))


def _form(site: Site, look: Look, locale: str, entry: Entry, errors: Mapping[str, str], status: int = 200) -> Response:
    voice = catalogues.voice(locale)
    if look.constellation is None:
        title, text = map(voice.gettext, _NOT_YET)
        return site.show("message", look, voice, status=503, title=title, text=text)
    joining = site.settings.joining
    agreed = {"text_version": joining.consent_version, "text_shown": agreement.text(joining, voice)}
    agreed["then"] = agreement.then(joining, voice)
    asked = fields.fields(look.form, voice)
    values = {"entry": entry, "errors": errors, "locale": locale, "fields": asked, **agreed}
    values["proof"] = joining.proof_of_work != "off"
    page = site.show("join", look, voice, status=status, **values)
    page.headers.update(security.WITH_OUR_SCRIPT)
    return page


def _refused(site: Site, look: Look, locale: str, entry: Entry, errors: Errors, *, is_json: bool) -> Response:
    if not is_json:
        return _form(site, look, locale, entry, errors, status=422)
    if look.constellation is None:
        text = catalogues.voice(locale).gettext(_NOT_YET[1])
        return JSONResponse({"error": text}, 503)
    return JSONResponse({"errors": errors}, 422)


_NOT_YET = (
    N_("Opening soon"),
    N_("This series is being prepared, and there is nothing to join yet. Please come back a little later."),
)


def _request(site: Site, request: Request, look: Look, form: Form, entry: Entry, locale: str) -> signup.Request:
    """What an entry without errors asks for."""
    joining = site.settings.joining
    version = form.text("text_version")[:_LONGEST_VERSION] or joining.consent_version
    return signup.Request(
        address=addresses.parse(entry.email),
        source=_source(site, request, form),
        first_name=names.clean(entry.first_name),
        last_name=names.clean(entry.last_name),
        locale=locale,
        timezone=entry.timezone,
        topics=() if entry.everything else entry.topics,
        fields={"role": entry.role} if entry.role and look.form.roles else {},
        ip=visitor(request),
        text_version=names.clean(version),
        # Evidence must not claim more than is known: a form that names another version showed another text.
        text_shown=agreement.text(joining, catalogues.voice(locale)) if version == joining.consent_version else "",
    )


def _source(site: Site, request: Request, form: Form) -> str:
    """Which form it was; the sites that show ours are named, others could write anything there."""
    kind = "json" if form.is_json else "form"
    origin = request.headers.get("origin", "")
    return f"{kind} at {origin}" if origin in site.settings.web.form_origins else kind
