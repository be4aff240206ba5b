"""The time zones that a person may choose, as a list for people in their own language."""

import unicodedata
from functools import lru_cache
from zoneinfo import available_timezones

from babel import Locale
from babel.core import get_global
from babel.dates import get_timezone_location
from markupsafe import Markup, escape

from newsletter import catalogues
from newsletter.catalogues import LANGUAGES, N_, Voice

_CONTINENTS = {
    "Africa": N_("Africa"),
    "America": N_("America"),
    "Antarctica": N_("Antarctica"),
    "Asia": N_("Asia"),
    "Atlantic": N_("Atlantic"),
    "Australia": N_("Australia"),
    "Europe": N_("Europe"),
    "Indian": N_("Indian Ocean"),
    "Pacific": N_("Pacific"),
}

Group = tuple[str, list[tuple[str, str]]]
"""A continent, and each of its zones, in the order of the places to show for them: the zone's name and its place."""


@lru_cache(maxsize=2048)  # the series' own is on each page
def place(zone: str, where: Locale) -> str:
    """The place a zone is named after: `America/Argentina/Buenos_Aires` is Buenos Aires, `Europe/Vienna` Wien."""
    if zone == "UTC":
        return "UTC"
    return get_timezone_location(zone, locale=where, return_city=True).rpartition("/")[2]


def groups(voice: Voice) -> list[Group]:
    """Every zone named after a place, by continent, and Universal Time."""
    found: dict[str, list[tuple[str, str]]] = {continent: [] for continent in _CONTINENTS}
    for zone in known() - {"UTC"}:
        found[zone.partition("/")[0]].append((zone, place(zone, voice.locale)))
    universal = (voice.gettext("Universal"), [("UTC", voice.gettext("Universal Time"))])
    ordered = ((name, sorted(zones, key=_in_order)) for name, zones in found.items())
    return [universal, *((voice.gettext(_CONTINENTS[name]), zones) for name, zones in ordered)]


def is_another_name(zone: str) -> bool:
    """Whether a zone is listed under another name too: browsers say `Asia/Calcutta` for `Asia/Kolkata`."""
    return get_global("zone_aliases").get(zone, zone) in known() - {zone}


def _in_order(named: tuple[str, str]) -> tuple[str, bool, str]:
    zone, place = named
    letters = (letter for letter in unicodedata.normalize("NFKD", place) if not unicodedata.combining(letter))
    return "".join(letters).casefold(), is_another_name(zone), zone


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """The names that `groups` offers."""
    places = {zone for zone in available_timezones() if "/" in zone and zone.partition("/")[0] in _CONTINENTS}
    return frozenset(places | {"UTC"})


def options(chosen: str, voice: Voice) -> Markup:
    """The list as HTML's options, one of them chosen: written once, because 400 of them are most of a page's cost."""
    value = Markup('value="{}"').format(chosen)
    written = _options(voice.language)
    if chosen and chosen not in known():  # an import brought it; saving something else must not lose it
        shown = chosen.rpartition("/")[2].replace("_", " ")
        return Markup("<option {} selected>{}</option>{}").format(value, shown, Markup(written))  # noqa: S704 - escaped
    return Markup(written.replace(value, Markup("{} selected").format(value)))  # noqa: S704 - both were escaped


@lru_cache(maxsize=len(LANGUAGES))
def _options(language: str) -> str:
    written = []
    for continent, zones in groups(catalogues.voice(language)):
        inner = "".join(
            # what is hidden can be chosen by a script all the same, and shown where it was
            f'<option value="{escape(zone)}"{" hidden" * is_another_name(zone)}>{escape(place)}</option>'
            for zone, place in zones
        )
        written.append(f'<optgroup label="{escape(continent)}">{inner}</optgroup>')
    return "\n".join(written)
