"""When a request to join has proven no work yet: a page that asks to press once more, and what a script is told.

The page is for forms that stand in other sites without a script, and for browsers that run none: where scripts run,
the second press brings the proof along; where they do not, it brings a challenge that was waited with, which is let in
within limits of its own.
"""

import dataclasses
import math

from starlette.responses import JSONResponse, Response

from newsletter import catalogues
from newsletter.setting_tables import Joining
from newsletter.web import entry, proof, security
from newsletter.web.forms import Form
from newsletter.web.look import Look
from newsletter.web.site import Site

_SENT_ON = (
    *(field.name for field in dataclasses.fields(entry.Entry)),
    "browser_timezone",
    "scope",
    "lang",
    "text_version",
    entry.TRAP,
)
"""The fields that the second press sends as the first did."""


def is_enough(joining: Joining, shown: proof.Verdict, *, is_json: bool) -> bool:
    """Whether what was shown lets a request in; having waited is enough only for a page, for want of scripts."""
    match shown:
        case _ if joining.proof_of_work == "off":
            return True
        case proof.Shown(is_solved=is_solved):
            return is_solved or (joining.proof_of_work == "asked" and not is_json)
        case _:
            return False


def ask(site: Site, look: Look, locale: str, form: Form, shown: proof.Verdict) -> Response:
    """The page that asks to press once more, with a proof or after a while; JSON is told what is missing."""
    voice, joining = catalogues.voice(locale), site.settings.joining
    if form.is_json:
        if isinstance(shown, proof.TooSoon):
            seconds = math.ceil(shown.wait.total_seconds())
            text = voice.gettext("Nobody writes as quickly: please send it again in %(count)s seconds.", count=seconds)
            return JSONResponse({"errors": {proof.FIELD: text}}, 422, {"Retry-After": str(seconds)})
        url = f"{site.settings.public_url}/join/challenge"
        text = voice.gettext("Solve a challenge from %(url)s, and send the solution as “altcha”.", url=url)
        return JSONResponse({"errors": {proof.FIELD: text}, "challenge": url}, 422)
    # Who comes back too soon keeps what was shown, or would never be late enough.
    kept = form.text(proof.FIELD) if isinstance(shown, proof.TooSoon) else site.proofs.ticket(joining, site.clock())
    page = site.show(
        "join-once-more",
        look,
        voice,
        address=form.text("email"),
        asks_browser=look.form.timezone and not (form.has("timezone") or form.has("browser_timezone")),
        sent=[(name, value) for name in _SENT_ON for value in form.fields.get(name, ())],
        ticket=kept if joining.proof_of_work == "asked" else "",
    )
    page.headers.update(security.WITH_OUR_SCRIPT)
    return page
