"""The time zones that a person may choose, as a list for people."""

from zoneinfo import available_timezones

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


def known() -> frozenset[str]:
    """The names that `groups` offers."""
    return frozenset(zone for _, zones in groups() for zone, _ in zones)
