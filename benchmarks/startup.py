"""How long a person waits for `newsletter --help`."""

import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks import processes
from benchmarks.rows import Row, row
from benchmarks.scale import Scale

_SECONDS = 0.25


def measure(scale: Scale) -> Iterator[Row]:
    """The median of whole processes, against Python doing nothing."""
    installed = Path(sys.executable).with_name("newsletter")
    ours = [str(installed)] if installed.exists() else [sys.executable, "-m", "newsletter"]
    nothing = _median([sys.executable, "-c", "pass"], scale.helps)
    yield row(
        "newsletter --help, against an empty Python program",
        _median([*ours, "--help"], scale.helps),
        "s",
        baseline=nothing,
        below=_SECONDS,
    )


def _median(command: list[str], times: int) -> float:
    return statistics.median(_seconds(command) for _ in range(times))


def _seconds(command: list[str]) -> float:
    begun = time.perf_counter()
    subprocess.run(command, env=processes.environment(), stdout=subprocess.DEVNULL, check=True)
    return time.perf_counter() - begun
