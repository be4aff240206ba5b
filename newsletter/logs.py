"""Where what happens is written down: stderr, for people on a terminal, as JSON for machines elsewhere."""

import logging
import sys

import structlog


def configure(level: int) -> None:
    """Write log lines from `level` (of the logging module) up, with times in UTC."""
    renderer: structlog.typing.Processor
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the stderr of the moment, which may be replaced
        cache_logger_on_first_use=False,
    )


QUIET = logging.WARNING
"""For a command, whose own output says what it did."""

FULL = logging.INFO
"""For a service, whose log is all there is."""
