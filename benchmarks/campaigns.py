"""A campaign from its start to the last settled row, on both databases, beside smtp-source, Django and aiosmtplib."""

import asyncio
from collections.abc import Iterator
from typing import Any

from benchmarks import ground, processes, wire
from benchmarks.ground import Ground
from benchmarks.rows import Row, row
from benchmarks.scale import Scale

_AGAINST_SOURCE = {"SQLite": 0.25, "PostgreSQL": 0.8}
_AGAINST_DJANGO = 5


def measure(scale: Scale) -> Iterator[Row]:
    """Rows of messages a second; the wire's yardstick is taken before and after each of ours."""
    with wire.sink() as port:
        for backend, opened in ground.BACKENDS.items():
            with opened() as url, ground.folder() as at:
                made = asyncio.run(ground.prepare(url, at, people=scale.campaign, port=port))
                before = wire.source(port, messages=scale.campaign, size=made.size)
                sent = deliver(made)
                after = wire.source(port, messages=scale.campaign, size=made.size)
                rate = sent["people"] / sent["seconds"]
                yield row(
                    f"campaign of {scale.campaign:,}, 16 KB, {backend}, against smtp-source",
                    rate,
                    "msg/s",
                    baseline=(before + after) / 2,
                    ratio_at_least=_AGAINST_SOURCE[backend],
                )
                yield row(f"the sender's own CPU for it, {backend}", sent["cpu"] / sent["people"] * 1e6, "µs/msg")
                if backend == "SQLite":
                    yield from _rivals(made, rate, scale)


def _rivals(made: Ground, rate: float, scale: Scale) -> Iterator[Row]:
    arguments = made.settings_path, made.campaign.slug, scale.rivals
    django = processes.ask("benchmarks.rivals", "django", *arguments)
    yield row(
        "the same on SQLite, against Django's mail loop",
        rate,
        "msg/s",
        baseline=django,
        ratio_at_least=_AGAINST_DJANGO,
    )
    aiosmtplib = processes.ask("benchmarks.rivals", "aiosmtplib", *arguments)
    yield row("the same on SQLite, against aiosmtplib.sendmail of ready bytes", rate, "msg/s", baseline=aiosmtplib)


def deliver(made: Ground, *flags: str) -> dict[str, Any]:
    """Send the campaign in a process of its own. Whoever was not reached makes the figures worthless."""
    told: dict[str, Any] = processes.ask("benchmarks.sender", made.settings_path, made.campaign.slug, *flags)
    if not flags and told["states"] != {"sent": told["people"]}:
        raise SystemExit(f"benchmarks: not everyone was reached: {told['states']}")
    return told
