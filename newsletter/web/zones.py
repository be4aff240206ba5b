"""The time zones that a person may choose, as a list for people."""

from functools import lru_cache
from zoneinfo import available_timezones

from markupsafe import Markup, escape

_CONTINENTS = ("Africa", "America", "Antarctica", "Asia", "Atlantic", "Australia", "Europe", "Indian", "Pacific")

Group = tuple[str, list[tuple[str, str]]]
"""A continent, and each of its zones: the zone's name and the place to show for it."""


def place(zone: str) -> str:
    """The place a zone is named after: `America/Argentina/Buenos_Aires` is Buenos Aires."""
    return zone.rpartition("/")[2].replace("_", " ")


def groups() -> list[Group]:
    """Every zone named after a place, by continent, and Universal Time."""
    found: dict[str, list[tuple[str, str]]] = {continent: [] for continent in _CONTINENTS}
    for zone in sorted(available_timezones()):
        continent, _, rest = zone.partition("/")
        if rest and continent in found:
            found[continent].append((zone, " – ".join(rest.replace("_", " ").split("/"))))
    return [("Universal", [("UTC", "Universal Time")]), *found.items()]


@lru_cache(maxsize=1)
def known() -> frozenset[str]:
    """The names that `groups` offers."""
    return frozenset(zone for _, zones in groups() for zone, _ in zones)


def options(chosen: str) -> Markup:
    """The list as HTML's options, one of them chosen: written once, because 400 of them are most of a page's cost."""
    value = Markup('value="{}"').format(chosen)
    if chosen and chosen not in known():  # an import brought it; saving something else must not lose it
        return Markup("<option {} selected>{}</option>{}").format(value, place(chosen), Markup(_options()))  # noqa: S704 - escaped
    return Markup(_options().replace(value, Markup("{} selected").format(value)))  # noqa: S704 - both were escaped


@lru_cache(maxsize=1)
def _options() -> str:
    written = []
    for continent, zones in groups():
        inner = "".join(f'<option value="{escape(zone)}">{escape(place)}</option>' for zone, place in zones)
        written.append(f'<optgroup label="{escape(continent)}">{inner}</optgroup>')
    return "\n".join(written)
