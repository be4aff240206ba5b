"""Mailboxes whose mail cannot be taken in: said when that begins, when its reason changes and when it is over.

Who looks every second would say the same every second.
"""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger(__name__)

_LATELY = timedelta(minutes=3)


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Since when a mailbox gives up nothing, or not everything, and why; `until` when that is taken to go on."""

    since: datetime
    reason: str
    until: datetime


@dataclass(slots=True)
class Mailboxes:
    """Those of this process that are held up, by their names."""

    _open: dict[str, HeldUp] = field(default_factory=dict)

    def current(self, now: datetime) -> dict[str, HeldUp]:
        """Those found so lately that they go on as far as is known: another process may look after them by now."""
        return {name: one for name, one in self._open.items() if now < one.until}

    def note(self, mailbox: str, reason: str, now: datetime, every: timedelta) -> None:
        """A mailbox could not be read, and is tried again after `every`; no news if that was so before."""
        known = self._open.get(mailbox)
        if known is None or known.reason != reason:
            log.error("mailbox not read", mailbox=mailbox, reason=reason)
        self._open[mailbox] = HeldUp(known.since if known else now, reason, now + every + _LATELY)

    def end(self, mailbox: str, now: datetime) -> None:
        """A mailbox was read; no news if it was before."""
        known = self._open.pop(mailbox, None)
        if known is not None:
            lasted = timedelta(seconds=round((now - known.since).total_seconds()))
            log.warning("mailbox is read again", mailbox=mailbox, lasted=str(lasted))
