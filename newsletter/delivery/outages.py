"""Times in which no relay takes mail: each is said when it begins and when it is over, however many ask meanwhile."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import structlog

log = structlog.get_logger(__name__)

_LATELY = timedelta(minutes=3)
"""So long after it was to be asked again, somebody who has something to send would have asked."""


@dataclass(frozen=True, slots=True)
class Outage:
    """Since when none of these relays has taken mail, why, and until when they are left alone."""

    relays: Sequence[str]
    since: datetime
    reason: str
    until: datetime


@dataclass(slots=True)
class Outages:
    """Those of this process. There may be several at once: a sender's domain can have relays of its own."""

    _open: dict[frozenset[str], Outage] = field(default_factory=dict)

    def current(self, now: datetime) -> list[Outage]:
        """Those that were found so lately that they go on as far as is known: who has nothing to send asks nobody."""
        return [one for one in self._open.values() if now - one.until < _LATELY]

    def note(self, relays: Sequence[str], reason: str, now: datetime, until: datetime | None) -> None:
        """None of these relays takes mail, nor is asked before `until`; no news if that was so before."""
        known = self._open.get(frozenset(relays))
        if known is None:
            log.warning("no relay takes mail", relays=relays, reason=reason)
            known = Outage(relays, now, reason, now)
        self._open[frozenset(relays)] = replace(known, until=until or now)

    def end(self, relay: str, now: datetime) -> bool:
        """A relay takes mail again; whether that ends an outage."""
        over = [relays for relays in self._open if relay in relays]
        for relays in over:
            lasted = timedelta(seconds=round((now - self._open.pop(relays).since).total_seconds()))
            log.warning("mail is taken again", relay=relay, lasted=str(lasted))
        return bool(over)
