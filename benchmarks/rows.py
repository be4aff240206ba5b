"""What was measured: rows with their baseline and target, as a table for people and as JSON for scripts."""

import json
import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Row:
    """One measurement. `ratio` is value / baseline, both in `unit`; without a target a row only informs."""

    name: str
    value: float
    unit: str
    baseline: float | None = None
    ratio: float | None = None
    target: str | None = None
    ok: bool = True


def row(
    name: str,
    value: float,
    unit: str,
    *,
    baseline: float | None = None,
    ratio_at_least: float | None = None,
    at_least: float | None = None,
    below: float | None = None,
) -> Row:
    """A row judged by what was to be reached: a ratio to the baseline, a least value, or a bound."""
    ratio = value / baseline if baseline else None
    target, ok = None, True
    if ratio_at_least is not None:
        target, ok = f"ratio ≥ {ratio_at_least:g}", ratio is not None and ratio >= ratio_at_least
    elif at_least is not None:
        target, ok = f"≥ {at_least:,g}", value >= at_least
    elif below is not None:
        target, ok = f"< {below:g}", value < below
    return Row(name, round(value, 3), unit, _rounded(baseline), _rounded(ratio), target, ok)


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 3)


def write(rows: Sequence[Row], path: Path) -> None:
    """Write the rows as a JSON list, whole or not at all."""
    unfinished = path.with_suffix(".partial")
    unfinished.write_text(json.dumps([asdict(one) for one in rows], indent=2, ensure_ascii=False) + "\n")
    unfinished.replace(path)


def show(rows: Sequence[Row], console: Console) -> None:
    """Print the table, and how many targets were missed."""
    table = Table(title=f"{machine()}, {datetime.now(UTC):%Y-%m-%d %H:%M} UTC", title_justify="left")
    table.add_column("measured", overflow="fold")
    for column in ("value", "unit", "baseline", "ratio", "target", "ok"):
        table.add_column(column, justify="left" if column in ("unit", "target") else "right", no_wrap=True)
    for one in rows:
        judged = "" if one.target is None else "yes" if one.ok else "NO"
        ratio = "" if one.ratio is None else f"{one.ratio:.2f}"
        baseline = "" if one.baseline is None else _short(one.baseline)
        table.add_row(one.name, _short(one.value), one.unit, baseline, ratio, one.target or "", judged)
    console.print(table)
    judged_rows = [one for one in rows if one.target is not None]
    missed = sum(not one.ok for one in judged_rows)
    said = "every target is reached" if not missed else f"{missed} of {len(judged_rows)} targets missed"
    console.print(f"{said}; ratio is value / baseline, each measured in this run")


def _short(number: float) -> str:
    return f"{number:,.0f}" if number >= 100 else f"{number:.3g}"


def machine() -> str:
    """This machine in a few words."""
    model = next(
        (line.partition(":")[2].strip() for line in _cpuinfo() if line.startswith("model name")), platform.machine()
    )
    return f"{os.cpu_count()} × {model}, Python {platform.python_version()}, {platform.system()}"


def _cpuinfo() -> list[str]:
    path = Path("/proc/cpuinfo")
    return path.read_text().splitlines() if path.exists() else []
