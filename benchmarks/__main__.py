"""`python -m benchmarks`: measure, print the table, write benchmarks/results.json.

Exit status 0 also when a target is missed: the rows say so, and the closing line says how many.
"""

import argparse
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from rich.console import Console

from benchmarks import campaigns, crowd, growth, imports, reports, rows, scale, startup, web
from benchmarks.rows import Row
from benchmarks.scale import Scale

MEASUREMENTS: dict[str, Callable[[Scale], Iterator[Row]]] = {
    "campaign": campaigns.measure,
    "memory": growth.memory,
    "start": growth.start,
    "import": imports.measure,
    "web": web.measure,
    "crowd": crowd.measure,
    "reports": reports.measure,
    "help": startup.measure,
}
RESULTS = Path(__file__).parent / "results.json"


def main() -> None:
    """Read the options, measure one thing after the other, and report."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure the speed against yardsticks.")
    size = parser.add_mutually_exclusive_group()
    size.add_argument("--quick", action="store_true", help="small numbers: to see that everything runs")
    size.add_argument(
        "--full", action="store_true", help="a million recipients, imported, and in the database: a long while"
    )
    parser.add_argument("--only", action="append", choices=list(MEASUREMENTS), metavar="NAME", help="only this one")
    asked = parser.parse_args()
    chosen = scale.QUICK if asked.quick else scale.FULL if asked.full else scale.DEFAULT
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)
    if chosen is scale.DEFAULT:
        console.print(
            f"The memory is measured up to {chosen.growth[-1]:,} recipients, the import with {chosen.imported:,} people"
            f" and the pages beside one among {chosen.crowd:,}, to be done in minutes; --full takes a million for each."
        )
    found: list[Row] = []
    for name in asked.only or MEASUREMENTS:
        with console.status(f"measuring: {name}"):
            for one in MEASUREMENTS[name](chosen):
                found.append(one)
                console.print(f"  {one.name}: {one.value:,g} {one.unit}", highlight=False)
    rows.show(found, console)
    rows.write(found, RESULTS)
    console.print(f"written to {RESULTS}")


if __name__ == "__main__":
    main()
