"""Where what happens is written down: stderr, for people on a terminal, as JSON for machines elsewhere.

It names people by number only. Relays repeat addresses in their answers, and databases values in their complaints, so
whatever looks like an address is taken out of every line.
"""

import logging
import sys
from typing import Any

import structlog

from subscribers import addresses


def configure(level: int) -> None:
    """Write log lines from `level` (of the logging module) up, with times in UTC."""
    renderer: structlog.typing.Processor
    renderer = structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _name_nobody,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # the stderr of the moment, which may be replaced
        cache_logger_on_first_use=False,
    )


def _name_nobody(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: _without_addresses(value) for key, value in line.items()}


def _without_addresses(value: Any) -> Any:
    match value:
        case str():
            return addresses.hidden(value)
        case dict():
            return {_without_addresses(key): _without_addresses(one) for key, one in value.items()}
        case list() | tuple():
            return [_without_addresses(one) for one in value]
        case _:
            return value


QUIET = logging.WARNING
"""For a command, whose own output says what it did."""

FULL = logging.INFO
"""For a service, whose log is all there is."""
