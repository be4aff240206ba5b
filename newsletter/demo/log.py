"""What the service says of itself during a run: a file of JSON lines, each with the moment by the season's clock."""

import logging
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

import structlog


@contextmanager
def written(path: Path, clock: Callable[[], datetime]) -> Iterator[None]:
    """Write the log there for as long as the block runs."""

    def stamp(_: object, __: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        return {"at": clock().isoformat(timespec="seconds"), **line}

    before = structlog.get_config()
    with path.open("w", encoding="utf-8", buffering=1) as file:
        structlog.configure(
            processors=[
                structlog.processors.add_log_level,
                stamp,
                structlog.processors.JSONRenderer(ensure_ascii=False),
            ],
            wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
            logger_factory=structlog.WriteLoggerFactory(file),
            cache_logger_on_first_use=False,
        )
        try:
            yield
        finally:
            structlog.configure(**before)
