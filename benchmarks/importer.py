"""The process that is measured: it imports a file as the command does, and prints the seconds.

python -m benchmarks.importer URL FILE
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from newsletter import database as databases
from newsletter.cli import edge
from subscribers import importing


async def imported(url: str, path: Path) -> float:
    """Seconds; every person of the file must have become active."""
    database = databases.connect(url, for_import=True)
    try:
        begun = time.perf_counter()
        report = await importing.run(path, begin=database.briefly, hash_key="k" * 40, now=datetime.now(UTC))
        seconds = time.perf_counter() - begun
    finally:
        await database.close()
    if report.counts.active != report.counts.rows:
        raise SystemExit(f"benchmarks: not everyone was imported: {report.counts}")
    return seconds


if __name__ == "__main__":
    print(json.dumps(edge.run(imported(sys.argv[1], Path(sys.argv[2])))))
