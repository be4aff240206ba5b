"""A campaign from its start to the last settled row, on both databases, beside smtp-source, Django and aiosmtplib."""

import asyncio
from collections.abc import Iterator
from typing import Any

from benchmarks import ground, processes, signatures, wire
from benchmarks.ground import Ground
from benchmarks.rows import Row, row
from benchmarks.scale import Scale

_AGAINST_SOURCE = {"SQLite": 1.0, "PostgreSQL": 0.8}
_AGAINST_DJANGO = 20
_SIGNED_AGAINST_SOURCE = 0.4
_SECURED_AGAINST_PLAIN = 0.5
_SIZES = (0, 16 * 1024, 36 * 1024)
"""Of a mail: the smallest there is, a usual one, a long one."""

_MAIN = _SIZES[1]


def measure(scale: Scale) -> Iterator[Row]:
    """Rows of messages a second; the wire's yardstick is taken before and after each of ours."""
    with wire.sink() as port:
        for backend in ground.BACKENDS:
            for size in _SIZES:
                yield from _against_source(backend, size, scale, port)
        yield from _against_source("SQLite", _MAIN, scale, port, signed=True)
    yield from _secured(scale)


def _against_source(backend: str, size: int, scale: Scale, port: int, *, signed: bool = False) -> Iterator[Row]:
    is_main = size == _MAIN and not signed
    people = scale.campaign if size == _MAIN else scale.others
    with ground.BACKENDS[backend]() as url, ground.folder() as at:
        made = asyncio.run(ground.prepare(url, at, people=people, size=size, port=port, signed=signed))
        before = wire.source(port, messages=people, size=made.size)
        sent = deliver(made, core=None if signed else 0)
        after = wire.source(port, messages=people, size=made.size)
        rate = sent["people"] / sent["seconds"]
        what = f"campaign of {people:,}, {made.size / 1024:.0f} KB, {backend}{', signed by RSA-2048' if signed else ''}"
        target = _SIGNED_AGAINST_SOURCE if signed else _AGAINST_SOURCE[backend]
        yield row(f"{what}, against smtp-source", rate, "msg/s", baseline=(before + after) / 2, ratio_at_least=target)
        yield row(f"the sender's own CPU for it, {backend}", sent["cpu"] / sent["people"] * 1e6, "µs/msg")
        if signed:  # the most that the ratio above could be, if sending cost nothing
            alone = "RSA-2048 signatures alone, by every core, against smtp-source"
            yield row(alone, signatures.rate(), "1/s", baseline=(before + after) / 2)
        if is_main and backend == "SQLite":
            yield from _rivals(made, rate, scale)


def _secured(scale: Scale) -> Iterator[Row]:
    """The same campaign over STARTTLS and in clear, to one sink of our own that offers it."""
    rates = {}
    with wire.secure_sink() as port:
        for tls in ("none", "opportunistic"):
            with ground.sqlite() as url, ground.folder() as at:
                made = asyncio.run(ground.prepare(url, at, people=scale.others, port=port, tls=tls))
                sent = deliver(made)
                rates[tls] = sent["people"] / sent["seconds"]
    yield row(
        f"campaign of {scale.others:,}, 16 KB, SQLite, over STARTTLS, against the same in clear",
        rates["opportunistic"],
        "msg/s",
        baseline=rates["none"],
        ratio_at_least=_SECURED_AGAINST_PLAIN,
    )


def _rivals(made: Ground, rate: float, scale: Scale) -> Iterator[Row]:
    arguments = made.settings_path, made.campaign.slug, scale.rivals
    django = processes.ask("benchmarks.rivals", "django", *arguments, core=0)
    yield row(
        "the same on SQLite, against Django's mail loop",
        rate,
        "msg/s",
        baseline=django,
        ratio_at_least=_AGAINST_DJANGO,
    )
    aiosmtplib = processes.ask("benchmarks.rivals", "aiosmtplib", *arguments, core=0)
    yield row("the same on SQLite, against aiosmtplib.sendmail of ready bytes", rate, "msg/s", baseline=aiosmtplib)


def deliver(made: Ground, *flags: str, core: int | None = 0) -> dict[str, Any]:
    """Send the campaign in a process of its own. Whoever was not reached makes the figures worthless.

    On one core, beside the wire that has the other; by every core (None) where it signs.
    """
    told: dict[str, Any] = processes.ask("benchmarks.sender", made.settings_path, made.campaign.slug, *flags, core=core)
    if not flags and told["states"] != {"sent": told["people"]}:
        raise SystemExit(f"benchmarks: not everyone was reached: {told['states']}")
    return told
