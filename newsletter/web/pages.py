"""The pages' templates, made into responses in the reader's language."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from newsletter import assets, calendars, catalogues
from newsletter.catalogues import Voice
from newsletter.content import dates
from newsletter.web import sky, zones
from newsletter.web.look import Look

FOLDER = assets.TEMPLATES / "pages"


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
            "zone_options": partial(zones.options, voice=voice),
            "place": partial(zones.place, where=voice.locale),
            "listed": voice.listed,
        }
        template = self.environments[voice.language].get_template(f"{name}.html")
        return template.render(look=look, now=now, **words, **values)


def _environment(folders: list[Path], base: str, language: str) -> Environment:
    environment = Environment(
        loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals.update(base=base, sky=sky, google=calendars.google, outlook=calendars.outlook)
    catalogues.speak(environment, catalogues.voice(language))
    return environment
