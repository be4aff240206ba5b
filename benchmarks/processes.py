"""Processes of our own: started with a clean environment, answering in JSON, stopped for certain."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def environment() -> dict[str, str]:
    """This one's, without settings of the person who runs the benchmark, and unbuffered."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEWSLETTER_")}
    return {**kept, "PYTHONUNBUFFERED": "1"}


def ask(module: str, *arguments: object, core: int | None = None) -> Any:
    """Run one of our modules to its end and answer its last line, read as JSON; logs may stand before it."""
    command = [*pinned(core), sys.executable, "-m", module, *map(str, arguments)]
    done = subprocess.run(command, env=environment(), stdout=subprocess.PIPE, text=True)
    if done.returncode:
        raise SystemExit(f"benchmarks: {module} failed with status {done.returncode}; what it said stands above")
    return json.loads(done.stdout.splitlines()[-1])


def peak_mb() -> float:
    """The most memory this process ever had; `ru_maxrss` begins with that of the process that started it."""
    status = Path("/proc/self/status").read_text().splitlines()
    return int(next(line for line in status if line.startswith("VmHWM:")).split()[1]) / 1024


@contextmanager
def running(command: list[str], *, core: int | None = None, **options: Any) -> Iterator[subprocess.Popen[str]]:
    """A process for as long as the block runs."""
    process = subprocess.Popen([*pinned(core), *command], env=environment(), text=True, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def pinned(core: int | None) -> list[str]:
    """Bound to one of the cores we may use, where there are two; a yardstick must not share it by chance."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if core is None or len(allowed) < 2:
        return []
    return ["taskset", "-c", str(allowed[core % len(allowed)])]
