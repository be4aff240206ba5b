"""Times in which the database is away: each is said when it begins and when it is over, however many ask meanwhile.

It is said again where another kind of fault follows, as when a server is back that may only be read.
"""

import time
from dataclasses import dataclass, field
from datetime import timedelta

import structlog

from newsletter.logs import one_line

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class Contact:
    """Whether this process has its database."""

    lost_at: float | None = None
    """Since when it is away, by the monotonic clock."""
    kinds: set[type] = field(default_factory=set)
    """The faults that have been said of it."""

    @property
    def is_lost(self) -> bool:
        """Whether the database is away, which has been said."""
        return self.lost_at is not None

    def lose(self, error: BaseException) -> None:
        """The database did not answer, or could not be written to; no news if that was so before."""
        self.lost_at = self.lost_at or time.monotonic()
        kind = type(getattr(error, "orig", error))  # of SQLAlchemy's, the driver's
        if kind not in self.kinds:
            self.kinds.add(kind)
            log.warning("database away, asked again", reason=one_line(error))

    def regain(self) -> None:
        """Something was written, so that it is back if it was away."""
        if self.lost_at is not None:
            lasted = timedelta(seconds=round(time.monotonic() - self.lost_at))
            self.lost_at = None
            self.kinds.clear()
            log.warning("database is back", lasted=str(lasted))
