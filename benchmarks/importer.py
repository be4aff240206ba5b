"""The process that is measured: it imports a file as the command does, and prints what that took.

python -m benchmarks.importer URL FILE
"""

import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

from benchmarks import ground, processes
from newsletter import database as databases
from newsletter.cli import edge
from subscribers import importing


async def imported(url: str, path: Path) -> dict[str, float]:
    """Seconds, the processor's too, and the most memory; every person of the file must have become active."""
    database = databases.connect(url, for_import=True)
    try:
        begun, cpu = time.perf_counter(), time.process_time()
        report = await importing.run(path, database=database, hash_key=ground.KEY, now=datetime.now(UTC))
        seconds, cpu = time.perf_counter() - begun, time.process_time() - cpu
    finally:
        await database.close()
    if report.counts.active != report.counts.rows:
        raise SystemExit(f"benchmarks: not everyone was imported: {report.counts}")
    return {"seconds": seconds, "cpu": cpu, "rss_mb": processes.peak_mb()}


if __name__ == "__main__":
    print(json.dumps(edge.run(imported(sys.argv[1], Path(sys.argv[2])))))
