"""The file of refused rows, safe to open in a spreadsheet: the file's own columns, and before them number and reason.

Mended, it can be imported as the file was: nothing reads the two columns in front.
"""

import csv
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, TextIO

from subscribers import spreadsheet
from subscribers.importing.errors import ImportFailed
from subscribers.importing.report import Rejected


@contextmanager
def writing(path: Path) -> Iterator[Callable[[Rejected], None]]:
    """What is handed out writes one row to the file, which is made with the first. Raises ImportFailed."""
    with ExitStack() as opened:
        writer: Any = None

        def write(one: Rejected) -> None:
            nonlocal writer
            if writer is None:
                writer = csv.writer(opened.enter_context(_new(path)))
                writer.writerow(["refused row", "refused because", *map(spreadsheet.safe, one.columns)])
            cells = [spreadsheet.safe(spreadsheet.plain(cell)) for cell in one.cells]  # an export's is made safe once
            writer.writerow([one.row, spreadsheet.safe(one.reason), *cells])

        yield write


def _new(path: Path) -> TextIO:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)  # it names people
        return os.fdopen(descriptor, "w", encoding="utf-8-sig", newline="")
    except OSError as error:
        raise ImportFailed(f"{path}: cannot write the refused rows there: {error.strerror or error}") from error
