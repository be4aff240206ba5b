"""The file of refused rows: number, reason and what the row held, safe to open in a spreadsheet."""

import csv
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from subscribers import spreadsheet
from subscribers.importing.errors import ImportFailed
from subscribers.importing.report import Rejected


@contextmanager
def writing(path: Path) -> Iterator[Callable[[Rejected], None]]:
    """Open a rejects file; what is handed out writes one row to it. Raises ImportFailed if it cannot be written."""
    try:
        file = path.open("w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise ImportFailed(f"{path}: cannot write the refused rows there: {error.strerror or error}") from error
    with file:
        writer = csv.writer(file)
        writer.writerow(["row", "reason", "cells"])
        yield lambda one: writer.writerow([one.row, spreadsheet.safe(one.reason), *map(spreadsheet.safe, one.cells)])
