"""A mail as everybody may read it: in the series' language, by the clock at the place, to nobody in particular."""

import base64
import re
from dataclasses import dataclass
from html import escape
from pathlib import Path

from newsletter.constellation.model import Event
from newsletter.content import renderer
from newsletter.content.facts import Facets, Facts


@dataclass(frozen=True, slots=True)
class Copy:
    """The subject, and the HTML with the pictures that travelled in the mail; `event` is what it says of its event."""

    subject: str
    html: str
    event: Event | None

    def with_note(self, note: str, *, url: str, link: str) -> str:
        """The HTML with a sentence above the mail, and a link behind it."""
        way_on = f'<a href="{escape(url)}" style="color:inherit">{escape(link)}</a>'
        shown = f'<main><p role="note" style="{_NOTE}">{escape(note)} {way_on}</p>'
        return self.html.replace("<main>", shown, 1)


def render(kind: str, facts: Facts, *, templates: Path | None) -> Copy:
    """The copy of a mail. Raises ContentError where its template is there no more, or wrong by now."""
    made = renderer.render(
        kind, facts, _nobody(facts), slot=_Shared(facts.public_url), templates=templates, is_public=True
    )
    html = made.html
    for picture in made.pictures:
        content = base64.b64encode(picture.content).decode()
        html = html.replace(f"cid:{picture.name}", f"data:{picture.media_type};base64,{content}")
    # A page has a main part, which readers by ear can go to; a mail is one as a whole.
    return Copy(made.subject, _BODY.sub(r"\1<main>\2</main>\3", html), facts.event)


# By day and by night: what stands around it is the mail's own.
_NOTE = (
    "margin:0;padding:14px 28px;background-color:#fff3c4;color:#3d2e00;text-align:center;"
    "font:600 16px/24px -apple-system,'Segoe UI',Roboto,Arial,sans-serif"
)

_BODY = re.compile(r"(<body\b[^>]*>)(.*)(</body>)", re.DOTALL)


def subject(kind: str, facts: Facts, *, templates: Path | None) -> str:
    """The subject alone, which takes far less time. Raises ContentError likewise."""
    return renderer.subject(
        kind, facts, _nobody(facts), slot=_Shared(facts.public_url), templates=templates, is_public=True
    )


def _nobody(facts: Facts) -> Facets:
    # By the clock at the place, so that no mail tells the hour "where you are": that is everywhere.
    clock = facts.event.timezone if facts.event else facts.constellation.timezone
    return Facets(locale=facts.constellation.language, timezone=clock, named=False)


@dataclass(frozen=True, slots=True)
class _Shared:
    """What stands in each slot's place: no name, no address, and pages that are the same for all."""

    public_url: str

    def __call__(self, name: str) -> str:
        """The value for a slot."""
        if name in ("preferences_url", "unsubscribe_url", "one_click_url", "account_url"):
            return f"{self.public_url}/link"  # where people have their own links sent to them
        return f"{self.public_url}/join" if name.endswith("_url") else ""
