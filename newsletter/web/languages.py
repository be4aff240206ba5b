"""The language a visitor is spoken to in: what the form names, then what the browser asks for, then the series' own."""

from babel import Locale
from starlette.requests import Request

from newsletter import catalogues
from newsletter.web.look import Look

_LONGEST = 400  # characters of Accept-Language that are read; browsers send some fifty


def wanted(request: Request, look: Look, named: str = "") -> str:
    """The tag to keep of a visitor, as in `de-AT`. `named` is what a form or an address says; any language counts
    that we speak, and without one it is the series' own."""
    for name in (named or request.query_params.get("lang", ""), *_accepted(request)):
        if (found := catalogues.locale(name)) is not None:
            return tag(found)
    return look.language


def tag(locale: Locale) -> str:
    """A locale as HTML and HTTP write it: `de-AT`."""
    return str(locale).replace("_", "-")


def voice(request: Request, look: Look, named: str = "") -> catalogues.Voice:
    """What the visitor is spoken to in."""
    return catalogues.voice(wanted(request, look, named))


def _accepted(request: Request) -> list[str]:
    """The tags of Accept-Language, most wanted first (RFC 9110, section 12.5.4)."""
    weighed: list[tuple[float, str]] = []
    for part in request.headers.get("accept-language", "")[:_LONGEST].split(","):
        tag, _, weight = part.partition(";")
        try:
            quality = float(weight.partition("=")[2] or 1)
        except ValueError:
            continue
        if quality > 0:
            weighed.append((-quality, tag.strip()))
    return [tag for _, tag in sorted(weighed, key=lambda one: one[0])]
