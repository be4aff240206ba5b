"""The process that is measured: it sends one campaign as the service does, and prints what that took.

python -m benchmarks.sender SETTINGS CAMPAIGN [--first]
"""

import asyncio
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks import processes
from newsletter import database as databases
from newsletter import settings as settings_file
from newsletter.campaigns import lifecycle, store
from newsletter.cli import edge
from newsletter.clock import wall_clock
from newsletter.delivery import ledger
from newsletter.delivery.ledger import Due, Settlement
from newsletter.delivery.tally import Tally
from newsletter.engine import embedded


async def send(path: Path, slug: str, *, only_first: bool) -> dict[str, Any]:
    """Start the campaign and deliver it, or only until the first window is accepted and settled."""
    settings = settings_file.read(path)
    database = databases.connect(settings.database)
    try:
        async with embedded.opened(settings, database) as engine:
            begun, cpu = time.perf_counter(), time.process_time()
            async with database.begin() as connection:
                campaign = await store.find(connection, slug)
                people = await lifecycle.start(connection, settings, campaign, now=wall_clock())
            started = time.perf_counter() - begun
            tally = engine.dispatcher.tally = _Watched(engine.stop if only_first else None)
            await engine.dispatcher.deliver(engine.stop, campaign_id=campaign.id)
            seconds = time.perf_counter() - begun
            cpu = time.process_time() - cpu
            async with database.read() as connection:
                states = await ledger.counts(connection, campaign.id)
    finally:
        await database.close()
    return {
        "people": people,
        "seconds": seconds,
        "started": started,
        "first": tally.first_at - begun,
        "cpu": cpu,
        "rss_mb": processes.peak_mb(),
        "states": states,
    }


class _Watched(Tally):
    """A tally that knows when its first window was settled, and may stop the sender then."""

    def __init__(self, stop: asyncio.Event | None) -> None:
        super().__init__()
        self.first_at = 0.0
        self._stop = stop

    def add(self, campaign_id: int, people: Sequence[Due], settlements: Sequence[Settlement]) -> None:
        """Count a window."""
        super().add(campaign_id, people, settlements)
        self.first_at = self.first_at or time.perf_counter()
        if self._stop is not None:
            self._stop.set()


if __name__ == "__main__":
    print(json.dumps(edge.run(send(Path(sys.argv[1]), sys.argv[2], only_first="--first" in sys.argv))))
