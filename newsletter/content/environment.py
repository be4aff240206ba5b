"""The Jinja environment of mails: strict about names, blind to people, and checking MJML as it loads it."""

import functools
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import jinja2
from babel import Locale
from babel.lists import format_list
from babel.numbers import format_decimal
from jinja2.runtime import Context
from jinja2.utils import missing

from newsletter import assets, calendars, catalogues, suggest
from newsletter.constellation.model import Event
from newsletter.content import dates, logic, markup
from newsletter.content.errors import ContentError, shown
from newsletter.content.slots import Slot


@functools.lru_cache(maxsize=32)
def environment(templates: Path | None, language: str = catalogues.SOURCE) -> jinja2.Environment:
    """The environment for mail/ of the staff's folder, where given, before ours; marked texts in that language."""
    folders = [folder / "mail" for folder in (templates, assets.TEMPLATES) if folder is not None]
    made = jinja2.Environment(
        loader=_Loader(folders, encoding="utf-8-sig"),
        autoescape=_is_markup,  # noqa: S701 # HTML is escaped; subject and text are no HTML
        undefined=_Unknown,
        finalize=_finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        cache_size=400,
    )
    filters: dict[str, Any] = {**made.filters, **_FILTERS}
    made.filters = {name: _blind(function) for name, function in filters.items()}
    tests: dict[str, Any] = dict(made.tests)
    made.tests = {name: _blind(function) for name, function in tests.items()}
    catalogues.speak(made, catalogues.voice(language), write=_finalize)
    return made


class _Unknown(jinja2.StrictUndefined):
    """A name that nothing gives, which says the nearest that something does."""

    __slots__ = ()

    def __init__(self, hint: str | None = None, obj: Any = missing, name: str | None = None, exc: Any = None) -> None:
        super().__init__(hint, obj, name)
        self._undefined_exception = partial(ContentError, needle=name or "")  # type: ignore[assignment] # it is called

    @property
    def _undefined_message(self) -> str:
        if self._undefined_hint or not self._undefined_name:
            return self._undefined_hint or "this is undefined"
        found = logic.NAMES if self._undefined_obj is missing else _members(self._undefined_obj)
        return f"{self._undefined_name} is undefined{suggest.hint(self._undefined_name, found)}"


def _members(of: Any) -> list[str]:
    return [*of] if isinstance(of, Mapping) else [name for name in dir(of) if not name.startswith("_")]


class _Loader(jinja2.FileSystemLoader):
    """Reads templates, and refuses what would fail in some branch, or MJML that MRML would silently drop parts of."""

    def get_source(self, environment: jinja2.Environment, template: str) -> tuple[str, str, Callable[[], bool]]:
        try:
            source, path, current = super().get_source(environment, template)
        except UnicodeDecodeError as error:
            raise ContentError(f"{template}: is not in UTF-8 (byte {error.start})") from error
        faults = markup.faults(source) if _is_markup(template) else []
        faults += logic.faults(source, environment, is_whole=not template.startswith("_"))
        if faults:
            lines = sorted(faults, key=lambda fault: [int(number) for number in fault.split(":")[:2]])
            raise ContentError("\n".join(f"{shown(path)}:{fault}" for fault in lines), is_placed=True)
        places = [Path(folder, template) for folder in self.searchpath]
        before = places[: places.index(Path(path))]  # once staff write their own there, it is that one
        return _LINE_ENDS.sub(r"\1+\2", source), path, lambda: current() and not any(map(Path.exists, before))


_LINE_ENDS = re.compile(r"^((?![ \t]*(?:\{[%#](?:(?![%#]\}).)*[%#]\}[ \t]*)+$).*(?<![-+]))([%#]\})$", re.MULTILINE)
"""A tag that ends a line of text. `trim_blocks` is for tags that stand alone: the line's own end must stay."""


def _is_markup(name: str | None) -> bool:
    return name is not None and name.endswith(".mjml")


def _finalize(value: Any) -> Any:
    if isinstance(value, Slot):
        return value.word()
    if value is None:
        raise ContentError("this would write 'None': ask {% if … %} first")
    return value


def _blind(function: Callable[..., Any]) -> Callable[..., Any]:
    """The filter or test, refusing slots: `|default` would silently never apply, `|upper` change the word itself."""

    @functools.wraps(function)
    def refusing(*arguments: Any, **options: Any) -> Any:
        for argument in (*arguments, *options.values()):
            if isinstance(argument, Slot):
                argument.refuse()
        return function(*arguments, **options)

    return refusing


def _in_locale(function: Callable[..., str]) -> Callable[..., str]:
    @jinja2.pass_context
    def filtered(context: Context, value: Event | datetime) -> str:
        if not isinstance(value, Event | datetime):
            raise ContentError(f"|{function.__name__} is for an event or a time of one, not for {value!r}")
        return function(value, context["locale"])

    return filtered


def _by_reader(function: Callable[[Event, Locale, str], str]) -> Callable[..., str]:
    @jinja2.pass_context
    def filtered(context: Context, event: Event) -> str:
        return function(event, context["locale"], context["person"].timezone)

    return filtered


@jinja2.pass_context
def _number(context: Context, value: int) -> str:
    return format_decimal(value, locale=context["locale"])


@jinja2.pass_context
def _listed(context: Context, names: Sequence[str]) -> str:
    return str(format_list(names, locale=context["locale"])) if names else ""


def _host(url: str) -> str:
    return re.sub(r"^https?://|/$", "", url)


_FILTERS: Mapping[str, Callable[..., Any]] = {
    "day": _in_locale(dates.day),
    "short_day": _in_locale(dates.short_day),
    "full_day": _in_locale(dates.full_day),
    "month": _in_locale(dates.month),
    "clock": _in_locale(dates.clock),
    "time": _in_locale(dates.time),
    "days": _in_locale(dates.days),
    "hours": _in_locale(dates.hours),
    "when": _in_locale(dates.when),
    "day_numbers": dates.day_numbers,
    "hours_for_reader": _by_reader(dates.hours_for_reader),
    "start_for_reader": _by_reader(dates.start_for_reader),
    "google": calendars.google,
    "outlook": calendars.outlook,
    "number": _number,
    "listed": _listed,
    "host": _host,
}
