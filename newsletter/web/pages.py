"""The pages' templates, made into responses."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, Self

from jinja2 import ChoiceLoader, Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse

from newsletter import assets
from newsletter.content import dates
from newsletter.web import sky, zones
from newsletter.web.look import Look

FOLDER = assets.TEMPLATES / "pages"


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders a page by its template's name. `base` is the path the site lies under, empty at a host's root."""

    environment: Environment
    base: str

    @classmethod
    def open(cls, own: Path | None, *, base: str = "") -> Self:
        """The project's templates; those in `own`/pages go before them."""
        folders = [own / "pages", FOLDER] if own else [FOLDER]
        environment = Environment(
            loader=ChoiceLoader([FileSystemLoader(folder) for folder in folders]),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        environment.globals.update(base=base, zone_options=zones.options, sky=sky)
        environment.filters.update(place=zones.place)
        return cls(environment, base)

    def show(self, name: str, look: Look, *, now: datetime, status: int = 200, **values: Any) -> HTMLResponse:
        """The page, as a response of that status."""
        reading = dates.locale(look.language)  # the language of the templates, in the series' own regional order
        words = {
            "lang": reading.language,
            "days": partial(dates.days, where=reading),
            "hours": partial(dates.hours, where=reading),
            "full_day": partial(dates.full_day, where=reading),
            "month": partial(dates.month, where=reading),
            "day_numbers": dates.day_numbers,
        }
        template = self.environment.get_template(f"{name}.html")
        return HTMLResponse(template.render(look=look, now=now, **words, **values), status)
