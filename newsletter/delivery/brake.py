"""The brake: what makes a sender offer no further message, even in the middle of a window.

A window may take minutes on a slow relay. A pause must not wait for its end, nor a stop, nor a process that was silent
for so long that another may have taken over. What was not offered is queued again.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass(slots=True)
class Brake:
    """Asked before each message; whoever keeps watch sets `halted` and moves `good_until`."""

    halted: frozenset[int] = frozenset()
    """Campaigns that are no longer being sent."""
    good_until: float = math.inf
    """Until when, by the monotonic clock in seconds, nobody can believe this process dead."""
    hears_since: float = -math.inf
    """Since when, by the monotonic clock, this process has heard of the others without a gap."""
    in_work: Counter[int] = field(default_factory=Counter)
    """The campaigns being worked on now, and by how many connections."""

    @property
    def is_silent(self) -> bool:
        """Whether this process has not been heard of for so long that others may have taken over."""
        return time.monotonic() > self.good_until

    def holds(self, campaign_id: int) -> bool:
        """Whether nothing more of this campaign may be offered now."""
        return campaign_id in self.halted or time.monotonic() > self.good_until  # is_silent, for every message

    @contextmanager
    def working(self, campaign_id: int) -> Iterator[None]:
        """Count a connection that works on a campaign."""
        self.in_work[campaign_id] += 1
        try:
            yield
        finally:
            self.in_work[campaign_id] -= 1
            self.in_work += Counter()  # forget those at zero
