"""The pages' templates, made into responses in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from jinja2.runtime import Macro
from markupsafe import Markup
from starlette.responses import HTMLResponse

from newsletter import assets, calendars, catalogues
from newsletter.catalogues import Voice
from newsletter.content import dates
from newsletter.web import sky, zones
from newsletter.web.look import Look

FOLDER = assets.TEMPLATES / "pages"

_KEPT = 512
"""How many parts of pages are kept in each language; the longest, the time zones, have 25 KB."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders a page by its template's name. `base` is the path the site lies under, empty at a host's root."""

    environments: Mapping[str, Environment]
    base: str

    @classmethod
    def open(cls, own: Path | None, *, base: str = "") -> Self:
        """The project's templates; those in `own`/pages go before them."""
        folders = [own / "pages", FOLDER] if own else [FOLDER]
        return cls({language: _environment(folders, base, language) for language in catalogues.LANGUAGES}, base)

    def show(
        self, name: str, look: Look, voice: Voice, *, now: datetime, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """The page, as a response of that status."""
        return HTMLResponse(self.render(name, look, voice, now=now, **values), status)

    def render(self, name: str, look: Look, voice: Voice, *, now: datetime, **values: Any) -> str:
        """A template's text."""
        words = {
            "lang": voice.language,
            "days": partial(dates.days, where=voice.locale),
            "hours": partial(dates.hours, where=voice.locale),
            "clock": partial(dates.clock, where=voice.locale),
            "full_day": partial(dates.full_day, where=voice.locale),
            "short_days": partial(dates.short_days, where=voice.locale),
            "place": partial(zones.place, where=voice.locale),
            "listed": voice.listed,
        }
        template = self.environments[voice.language].get_template(f"{name}.html")
        return template.render(look=look, now=now, **words, **values)


def _written(macro: Macro, *values: object) -> Markup:
    """A part of a page: `once(macro, …)` writes it when it is first wanted with these values, and then keeps it.

    So the values are of few kinds, and nobody's own: neither a name nor a token.
    """
    return Markup(macro(*values))  # noqa: S704 - a macro's text has been escaped


def _environment(folders: list[Path], base: str, language: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    voice = catalogues.voice(language)
    environment.globals.update(
        base=base,
        sky=sky,
        google=calendars.google,
        outlook=calendars.outlook,
        zone_options=partial(zones.options, voice=voice),
        once=lru_cache(_KEPT)(_written),
    )
    catalogues.speak(environment, voice)
    return environment
