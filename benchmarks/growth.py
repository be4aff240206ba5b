"""What a larger audience costs: the sender's peak memory, and the time from starting a campaign to its first mail."""

import asyncio
from collections.abc import Iterator

from benchmarks import ground, wire
from benchmarks.campaigns import deliver
from benchmarks.rows import Row, row
from benchmarks.scale import Scale
from newsletter.setting_tables import Smtp

_CONNECTIONS = Smtp().connections
"""As many as there are where nobody has set them: each holds a window of people."""

_MEGABYTES = 100
_SECONDS_TO_FIRST = 3


def memory(scale: Scale) -> Iterator[Row]:
    """Peak resident memory and messages a second of the sender at each size of audience, against the smallest."""
    smallest = rate = None
    with wire.sink() as port:
        for people in scale.growth:
            with ground.sqlite() as url, ground.folder() as at:
                made = ground.prepare(url, at, people=people, port=port, connections=_CONNECTIONS)
                told = deliver(asyncio.run(made))
            yield row(
                f"peak memory of the sender, {people:,} recipients, against {scale.growth[0]:,}",
                told["rss_mb"],
                "MB",
                baseline=smallest,
                below=_MEGABYTES,
            )
            yield row(
                f"the same: how many of {people:,} a second, in {told['seconds']:.0f} s",
                people / told["seconds"],
                "msg/s",
                baseline=rate,
            )
            smallest, rate = smallest or told["rss_mb"], rate or people / told["seconds"]


def start(scale: Scale) -> Iterator[Row]:
    """From `start` to the first window accepted and settled."""
    with wire.sink() as port, ground.sqlite() as url, ground.folder() as at:
        told = deliver(asyncio.run(ground.prepare(url, at, people=scale.start, port=port)), "--first")
    yield row(
        f"start of a campaign of {scale.start:,} to its first mails, against enrolling them",
        told["first"],
        "s",
        baseline=told["started"],
        below=_SECONDS_TO_FIRST,
    )
