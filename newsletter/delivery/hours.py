"""Quiet hours: the hours of a receiver's day in which a mail that can wait does."""

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

from newsletter.constellation import planning

URGENT = frozenset({"starting-soon", "changed", "cancelled"})
"""Mails that are of no use in the morning."""


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From one hour to another by the receiver's own clock, over midnight where the first is later."""

    begin: time
    end: time

    @classmethod
    def read(cls, text: str) -> "QuietHours | None":
        """`21:00-08:00`, as the setting has it; None for an empty one."""
        if not text:
            return None
        begin, end = (time.fromisoformat(one) for one in text.split("-"))
        return cls(begin, end)

    def over_at(self, there: ZoneInfo, now: datetime) -> datetime | None:
        """When quiet ends in a zone (UTC), or None where it is not quiet now."""
        local = now.astimezone(there)
        hour = local.time()
        if self.begin < self.end:
            quiet, days = self.begin <= hour < self.end, 0
        else:
            quiet, days = hour >= self.begin or hour < self.end, int(hour >= self.begin)
        if not quiet:
            return None
        end = datetime.combine(local.date() + timedelta(days=days), self.end)
        first = planning.instant(end, there)
        # Where the clock was put back meanwhile, it shows that hour once more.
        return first if first > now else end.replace(tzinfo=there, fold=1).astimezone(UTC)
