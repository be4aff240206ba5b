"""Where what happens is written down: stderr, for people on a terminal, as JSON for machines elsewhere.

It names people by number only. Relays repeat addresses in their answers, and databases values in their complaints, so
whatever looks like an address is taken out of every line, and so is the row that a database refused.
"""

import logging
import re
import sys
import traceback
from typing import Any

import structlog

from subscribers import addresses

log = structlog.get_logger(__name__)

_ROW = re.compile(r"(Failing row contains |Key \([^)]*\)=)\(.*\)")
"""How PostgreSQL tells of what it refuses: with names, which nothing else would find."""


def one_line(error: BaseException) -> str:
    """What is said of a fault in the log."""
    return " ".join(str(error).split())[:300] or type(error).__name__


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


def listen(library: str, level: int, *, event: str, briefly: tuple[type[BaseException], ...]) -> None:
    """Have what a library finds wrong, from `level` up, stand in our log: Python would write it to stderr as it is.

    Each is one line, with the words of its error if it has one. Where that is none of `briefly`, which are nobody's
    mistake, the line also says where in the code it was.
    """
    logging.getLogger(library).addHandler(_Heard(level, event, briefly))


class _Heard(logging.Handler):
    def __init__(self, level: int, event: str, briefly: tuple[type[BaseException], ...]) -> None:
        super().__init__(level)
        self.event, self.briefly = event, briefly

    def emit(self, record: logging.LogRecord) -> None:
        """One line."""
        fault = record.exc_info[1] if record.exc_info else None
        said: dict[str, str] = {"said": " ".join(record.getMessage().split())}
        if fault is not None:
            cause = fault.__cause__ or fault  # the driver's own words, without the statement
            said["reason"] = one_line(cause)
        if fault is not None and not isinstance(fault, self.briefly):
            said["exception"] = "".join(traceback.format_exception(fault))
        log.log(record.levelno, self.event, **said)


def _name_nobody(_: object, __: str, line: structlog.typing.EventDict) -> structlog.typing.EventDict:
    return {key: _without_addresses(value) for key, value in line.items()}


def _without_addresses(value: Any) -> Any:
    match value:
        case str():
            return addresses.hidden(_ROW.sub(r"\1(…)", value))
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
