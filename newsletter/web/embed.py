"""The form in other sites: a script that places it, what the script asks us for, and plain HTML to paste."""

from dataclasses import asdict, dataclass
from datetime import datetime
from functools import lru_cache

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from newsletter.catalogues import Voice
from newsletter.constellation.model import Brand
from newsletter.content import dates
from newsletter.setting_tables import Joining
from newsletter.settings import Settings
from newsletter.web import agreement, colours, fields, files, languages, refusals
from newsletter.web.look import Look
from newsletter.web.pages import Pages
from newsletter.web.site import Site


async def describe(site: Site, request: Request) -> Response:
    """The form as the script builds it: its fields, events, texts and style, in the visitor's language."""
    async with site.read() as (_, look):
        if look.constellation is None:
            raise HTTPException(503, "There is nothing to join yet.")
        voice = languages.voice(request, look)
        return JSONResponse(document(look, site.settings.joining, voice, now=site.clock()))


def document(look: Look, joining: Joining, voice: Voice, *, now: datetime) -> dict[str, object]:
    """What JSON can hold of the form."""
    return {
        "lang": languages.tag(voice.locale),
        "style": _style(look.brand),
        "fields": [asdict(field) for field in fields.fields(look.form, voice)],
        "timezone": look.form.timezone,
        "proof": joining.proof_of_work != "off",
        "events": _events(look, voice, now),
        "privacy": look.constellation.privacy if look.constellation else "",
        "consent": {"version": joining.consent_version, "text": agreement.text(joining, voice)},
        "texts": {
            "title": voice.gettext("Join by mail"),
            "optional": voice.gettext("optional"),
            "agree": voice.gettext("By joining you say:"),
            "privacy": voice.gettext("What becomes of your data"),
            "join": voice.gettext("Join %(name)s", name=look.name),
            "confirm": agreement.then(joining, voice),
            "sent": voice.gettext("Check your mail"),
            "look": voice.gettext(
                "We have written to the address you gave. In that mail is a button: press it, and you are in."
            ),
            "busy": voice.gettext(refusals.BUSY),
            "failed": voice.gettext("That did not work just now."),
            "page": voice.gettext("Join on our own page"),
        },
    }


def _events(look: Look, voice: Voice, now: datetime) -> dict[str, object] | None:
    upcoming = [
        {"slug": event.slug, "title": event.title, "days": dates.short_days(event, voice.locale)}
        for event in look.upcoming(now)
    ]
    if not upcoming or not look.form.events:
        return None
    return {
        "legend": voice.gettext("What would you like to hear about?"),
        "everything": voice.gettext("Everything in the series"),
        "some": voice.gettext("Only some of it"),
        "list": upcoming,
    }


@dataclass(frozen=True, slots=True)
class Snippets:
    """What staff paste into a site: a line with a script, and a form that needs none."""

    script: str
    html: str


def snippets(look: Look, settings: Settings, pages: Pages, voice: Voice, *, now: datetime) -> Snippets:
    """Both snippets, in a language."""
    values = {
        "url": settings.public_url,
        "locale": languages.tag(voice.locale),
        "fields": fields.fields(look.form, voice),
        "text_version": settings.joining.consent_version,
        "text_shown": agreement.text(settings.joining, voice),
    }
    made = (pages.render(name, look, voice, now=now, **values) for name in ("snippet-script", "snippet-form"))
    return Snippets(*(text.strip() for text in made))


@lru_cache(maxsize=8)
def _style(brand: Brand) -> str:
    """The form's style sheet, with the brand's colours for a button by day and by night."""
    palette = colours.palette(brand)
    properties = (
        f"--button-light: {palette.light.button}; --on-button-light: {palette.light.on_button}; "
        f"--button-dark: {palette.dark.button}; --on-button-dark: {palette.dark.on_button};"
    )
    return f":host {{ {properties} }}\n{files.text('form.css')}"
