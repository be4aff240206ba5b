"""How the pages look for the constellation that is loaded: its name, colours and events, kept until it is reloaded."""

import hashlib
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import tables
from newsletter.constellation import store
from newsletter.constellation.form import Form
from newsletter.constellation.model import Brand, Constellation, Event, EventKind
from newsletter.web import colours

_PLAIN_BRAND = Brand(color="#3b3a5c", accent="#d9a441")


@dataclass(frozen=True, slots=True, eq=False)
class Look:
    """What every page shows around its own content. Before a constellation is loaded, `constellation` is None.

    One is itself alone: pages keep by it what they have written.
    """

    constellation: Constellation | None
    stylesheet: str = field(repr=False)
    icon: str = field(repr=False)
    version: str
    """Names these very files, so that browsers may keep them for good."""
    loaded_at: datetime | None = None
    events: tuple[Event, ...] = ()
    """Every event that takes place, in the order in which they start."""
    kinds: tuple[EventKind, ...] = ()
    """The kinds of its events, where there are several to choose from."""
    ends: tuple[datetime, ...] = field(default=(), repr=False)
    """When each of the events ends, in UTC: each page looks which are over."""

    @property
    def name(self) -> str:
        """The name of the series."""
        return self.constellation.name if self.constellation else "Newsletter"

    @property
    def timezone(self) -> str:
        """The zone of the series, for people who named none."""
        return self.constellation.timezone if self.constellation else "UTC"

    @property
    def language(self) -> str:
        """The language of the series, as its pages are marked up."""
        return self.constellation.language if self.constellation else "en"

    @property
    def brand(self) -> Brand:
        """The two colours of the series."""
        return self.constellation.brand if self.constellation else _PLAIN_BRAND

    @property
    def form(self) -> Form:
        """What the form asks."""
        return self.constellation.form if self.constellation else Form()

    def upcoming(self, now: datetime) -> tuple[Event, ...]:
        """The events that are not over."""
        return tuple(event for event, end in zip(self.events, self.ends, strict=True) if end > now)

    def ahead(self, now: datetime) -> frozenset[str]:
        """The slugs of the events that are not over."""
        return frozenset(event.slug for event in self.upcoming(now))


LOADED_AT = select(tables.constellation.c.loaded_at)
"""When the constellation was loaded: built once, since each page asks it."""


class Looks:
    """Gives the look of the moment; reads the constellation again only after it was loaded again."""

    def __init__(self, *stylesheets: Path) -> None:
        """Those that there are, one after the other: what comes later overrules what came before."""
        self._stylesheet = "\n".join(file.read_text(encoding="utf-8-sig") for file in stylesheets if file.is_file())
        self._known: tuple[datetime | None, Look] | None = None

    async def current(self, connection: AsyncConnection) -> Look:
        """The look of the constellation that is loaded, or a plain one before there is any."""
        return await self.of(connection, await connection.scalar(LOADED_AT))

    async def of(self, connection: AsyncConnection, loaded_at: datetime | None) -> Look:
        """The look of the constellation that was loaded at that moment, for who has asked for that already."""
        if self._known is None or self._known[0] != loaded_at:
            constellation = None if loaded_at is None else await store.current(connection)
            self._known = loaded_at, look(constellation, self._stylesheet, loaded_at)
        return self._known[1]

    def plain(self) -> Look:
        """The last look known, for pages that must appear even when the database does not answer."""
        return self._known[1] if self._known else look(None, self._stylesheet)


def look(constellation: Constellation | None, stylesheet: str, loaded_at: datetime | None = None) -> Look:
    """The look of a constellation."""
    brand = constellation.brand if constellation else _PLAIN_BRAND
    palette = colours.palette(brand)
    styled = f"{_properties(palette)}\n{stylesheet}"
    icon = _ICON.format(sky=palette.sky, star=palette.star)
    version = hashlib.blake2b((styled + icon).encode(), digest_size=6).hexdigest()
    events = tuple(event for event in constellation.events if not event.cancelled) if constellation else ()
    found = {event.kind for event in events}
    kinds = tuple(kind for kind in EventKind if kind in found) if len(found) > 1 else ()
    ends = tuple(event.ends.astimezone(UTC) for event in events)
    return Look(constellation, styled, icon, version, loaded_at, events, kinds, ends)


def _properties(palette: colours.Palette) -> str:
    sky = f"--sky: {palette.sky}; --sky-deep: {palette.sky_deep}; --star: {palette.star};"
    light = f":root {{ color-scheme: light dark; {sky} {_scheme(palette.light)} }}"
    return f"{light}\n@media (prefers-color-scheme: dark) {{ :root {{ {_scheme(palette.dark)} }} }}"


def _scheme(scheme: colours.Scheme) -> str:
    return (
        f"--paper: {scheme.paper}; --brand: {scheme.brand}; --button: {scheme.button}; "
        f"--on-button: {scheme.on_button}; --accent: {scheme.accent};"
    )


_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><rect width="32" height="32" rx="7" fill="{sky}"/>'
    '<path d="M16 4q1.6 10.4 12 12q-10.4 1.6-12 12q-1.6-10.4-12-12q10.4-1.6 12-12z" fill="{star}"/></svg>\n'
)
