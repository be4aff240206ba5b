"""The pages' templates, made into responses in the reader's language; the staff's own before ours, while they work."""

import traceback
from collections.abc import Callable, Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Self

import structlog
from jinja2 import Environment, FileSystemLoader, StrictUndefined, TemplateSyntaxError
from jinja2.runtime import Macro
from markupsafe import Markup
from starlette.responses import HTMLResponse

from newsletter import assets, calendars, catalogues
from newsletter.catalogues import Voice
from newsletter.content import dates
from newsletter.errors import NewsletterError
from newsletter.suggest import hint
from newsletter.web import sky, zones
from newsletter.web.look import Look

log = structlog.get_logger(__name__)

FOLDER = assets.TEMPLATES / "pages"

_KEPT = 512
"""How many parts of pages are kept in each language; the longest, the time zones, have 25 KB."""

_SELDOM = timedelta(seconds=1)
"""Between two looks whether a page's files have changed. It is made of several, ours or the staff's: to ask the system
for each of them took as long as all else that Jinja does."""


class PageError(NewsletterError):
    """A page cannot be begun as a copy of ours."""


@dataclass(frozen=True, slots=True)
class Pages:
    """Renders a page by its template's name. `base` is the path the site lies under, empty at a host's root."""

    ours: Mapping[str, Environment]
    own: Mapping[str, Environment]
    base: str
    looked: dict[tuple[str, str], datetime] = field(default_factory=dict, repr=False)
    """When the files of a page in a language were last looked at."""

    @classmethod
    def open(cls, own: Path | None, *, base: str = "") -> Self:
        """The project's templates; those in `own`/pages go before them."""
        ours = {language: _ours(base, language) for language in catalogues.LANGUAGES}
        if own is None:
            return cls(ours, {}, base)
        return cls(ours, {language: environment(own, base, language) for language in catalogues.LANGUAGES}, base)

    def show(
        self, name: str, look: Look, voice: Voice, *, now: datetime, status: int = 200, **values: Any
    ) -> HTMLResponse:
        """The page, as a response of that status."""
        return HTMLResponse(self.render(name, look, voice, now=now, **values), status)

    def render(self, name: str, look: Look, voice: Voice, *, now: datetime, **values: Any) -> str:
        """A template's text: the staff's where there is one that can be shown; nobody is kept out by its mistake."""
        words = {**values, **_words(look, voice, now)}
        file, is_due = f"{name}.html", self._is_due(name, voice.language, now)
        if (own := self.own.get(voice.language)) is not None:
            own.auto_reload = is_due
            try:
                return own.get_template(file).render(words)
            except Exception as error:  # whatever a template calls may raise anything
                log.error("a page of your own fails, ours is shown", **_fault(file, error))
        ours = self.ours[voice.language]
        ours.auto_reload = is_due
        return ours.get_template(file).render(words)

    def _is_due(self, name: str, language: str, now: datetime) -> bool:
        """Whether to look again if a page's files are what they were."""
        last = self.looked.get((name, language))
        if last is not None and abs(now - last) < _SELDOM:
            return False
        self.looked[name, language] = now
        return True


def _words(look: Look, voice: Voice, now: datetime) -> dict[str, Any]:
    """What every page is given."""
    in_order = {name: partial(write, where=voice.locale) for name, write in _WRITERS.items()}
    return {"look": look, "now": now, "lang": voice.language, "listed": voice.listed, **in_order}


_WRITERS: dict[str, Callable[..., str]] = {
    "days": dates.days,
    "hours": dates.hours,
    "hours_for_reader": dates.hours_for_reader,
    "clock": dates.clock,
    "full_day": dates.full_day,
    "short_days": dates.short_days,
    "place": zones.place,
}

WORDS = ("look", "now", "lang", "listed", *_WRITERS)
"""The names of what every page is given."""


def _fault(page: str, error: Exception) -> dict[str, str]:
    """What is said of a page that fails: which, where as near as is known, and why."""
    places = [f"{frame.filename}:{frame.lineno}" for frame in traceback.extract_tb(error.__traceback__)]
    found = [place for place in places if place.rpartition(":")[0].endswith((".html", ".css"))]
    at = f"{error.filename}:{error.lineno}" if isinstance(error, TemplateSyntaxError) else "".join(found[-1:])
    return {"page": page, "at": at, "reason": f"{type(error).__name__}: {' '.join(str(error).split())}"}


class _OwnBeforeOurs(FileSystemLoader):
    """Finds the staff's file first, also one that is written while ours is known already."""

    def get_source(self, environment: Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        source, path, is_current = super().get_source(environment, template)
        own = Path(self.searchpath[0], template)
        return source, path, lambda: is_current() and (own == Path(path) or not own.exists())


def names() -> list[str]:
    """What pages there are to make one's own."""
    return sorted(file.stem for file in FOLDER.glob("*.html") if not file.stem.startswith(("form", "snippet")))


def begin(name: str, own: Path) -> Path:
    """Copy a page of ours into the staff's folder, to be changed there. Raises PageError where that cannot be done."""
    if name not in names():
        raise PageError(f"there is no page {name}{hint(name, names())}")
    target = own / "pages" / f"{name}.html"
    if target.exists():
        raise PageError(f"{target} exists already, and is left as it is")
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes((FOLDER / target.name).read_bytes())
    return target


def stylesheets(own: Path | None) -> list[Path]:
    """Where the pages' style is written: ours, and after it the staff's, which says only what is to be different."""
    return [FOLDER / "style.css", *([own / "pages" / "style.css"] if own else [])]


def _written(macro: Macro, *values: object) -> Markup:
    """A part of a page: `once(macro, …)` writes it when it is first wanted with these values, and then keeps it.

    So the values are of few kinds, and nobody's own: neither a name nor a token.
    """
    return Markup(macro(*values))  # noqa: S704 - a macro's text has been escaped


def environment(own: Path, base: str = "", language: str = catalogues.SOURCE) -> Environment:
    """The environment of the staff's pages, and of ours where they have none."""
    return _environment(_OwnBeforeOurs([own / "pages", FOLDER], encoding="utf-8-sig"), base, language)


@lru_cache(maxsize=4 * len(catalogues.LANGUAGES))
def _ours(base: str, language: str) -> Environment:
    """The environment of our own pages, kept with the templates that are compiled already: that takes a tenth of a
    second for a page, and a process may open a site again and again, as tests do."""
    return _environment(FileSystemLoader(FOLDER), base, language)


class _Environment(Environment):
    """Gives each template its globals as one plain mapping, since it begins each page by copying them.

    Jinja chains its own with those of a template, of which there are none here, and looks each up in both: for every
    template that has a part in a page.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return {**self.globals, **(d or {})}


def _environment(loader: FileSystemLoader, base: str, language: str) -> Environment:
    made = _Environment(
        loader=loader,
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    voice = catalogues.voice(language)
    made.globals.update(
        base=base,
        sky=sky,
        google=calendars.google,
        outlook=calendars.outlook,
        zone_options=partial(zones.options, voice=voice),
        once=lru_cache(_KEPT)(_written),
    )
    catalogues.speak(made, voice)
    return made
