"""The constellation as it is drawn above the pages: a star for each event, in the order of the season."""

import hashlib
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from newsletter.constellation.model import Event, EventKind

WIDTH, HEIGHT = 640, 150
_MARGIN = 28
_SIZES = {EventKind.EVENT: 13.0, EventKind.EXPERIENCE: 9.0, EventKind.STORY: 6.0}


@dataclass(frozen=True, slots=True)
class Star:
    """An event in the picture: its centre, its radius, and whether it still lies ahead."""

    x: int
    y: int
    size: float
    kind: EventKind
    is_ahead: bool

    @property
    def path(self) -> str:
        """The outline of a star of four points, as SVG's `d`."""
        size, waist = self.size, round(self.size * 0.16, 1)
        long, short = round(size - waist, 1), waist
        return (
            f"M{self.x} {round(self.y - size, 1)}q{short} {long} {size} {size}q-{long} {short}-{size} {size}"
            f"q-{short}-{long}-{size}-{size}q{long}-{short} {size}-{size}z"
        )


def stars(events: Sequence[Event], ahead: Collection[str]) -> list[Star]:
    """Place the events, of which some lie `ahead` (their slugs): left to right by when they start, up and down by their
    name, so that each keeps its place."""
    if not events:
        return []
    starts = [event.starts.timestamp() for event in events]
    first, span = starts[0], max(starts[-1] - starts[0], 1.0)
    placed = []
    for position, (event, start) in enumerate(zip(events, starts, strict=True)):
        even = position / max(len(events) - 1, 1)
        share = (even + (start - first) / span) / 2  # half by the calendar, half apart, so that none overlap
        placed.append(
            Star(
                x=round(_MARGIN + share * (WIDTH - 2 * _MARGIN)),
                y=round(_MARGIN + _height(event.slug, position) * (HEIGHT - 2 * _MARGIN)),
                size=_SIZES[event.kind],
                kind=event.kind,
                is_ahead=event.slug in ahead,
            )
        )
    return placed


def _height(slug: str, position: int) -> float:
    """A height from 0 to 1: above and below in turn, by how much is the name's."""
    share = hashlib.blake2b(slug.encode(), digest_size=1).digest()[0] / 255
    return 0.45 * share if position % 2 else 1 - 0.45 * share
