"""When a mail of an event is due, and until when it is still worth sending: plain arithmetic, right across DST.

- An offset in days or weeks counts days of the calendar: "-1d" before 15:00 is 15:00 the day before, though a clock
  may have changed in between. An offset in hours or minutes counts elapsed time.
- An hour (`at`) is read by the clock of the constellation's zone, and the days before it are counted on that zone's
  calendar. Without an hour, days are counted in the event's own zone.
- An hour that a clock change skips becomes as much later (02:30 becomes 03:30); of one that occurs twice, the first
  is meant.
"""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from newsletter.constellation.model import Anchor, Event, Mail, MailKind
from subscribers.audience import About

AFTERWARDS = frozenset({MailKind.THANKS, MailKind.STORY})
"""The mails that look back. All others are about something that is still to come."""


ESSENTIALS = frozenset({"save-the-date", "changed", "cancelled"})
"""The mails that say when something is, and that it is not so any more: all that some people want."""


def about(slug: str | None, event_kind: str, mail_kind: str) -> About:
    """What a mail of an event is about, for its audience."""
    return About(slug, event_kind, mail_kind in ESSENTIALS)


def due(event: Event, mail: Mail) -> datetime:
    """The moment a mail of an event is due, in UTC."""
    anchor = event.starts if mail.anchor is Anchor.START else event.ends
    if mail.at is not None:
        zone = ZoneInfo(mail.timezone)
        day = anchor.astimezone(zone).date() + timedelta(days=mail.days)
        return instant(datetime.combine(day, mail.at), zone)
    if mail.days:
        anchor = instant(anchor.replace(tzinfo=None) + timedelta(days=mail.days), ZoneInfo(event.timezone))
    return anchor.astimezone(UTC) + mail.elapsed


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which a clock in `zone` shows the naive `local`; see above for clock changes."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def exists(local: datetime, zone: ZoneInfo) -> bool:
    """Whether a clock in `zone` ever shows the naive `local`, which a clock change may skip."""
    return instant(local, zone).astimezone(zone).replace(tzinfo=None, fold=0) == local.replace(fold=0)


def useless_from(event: Event, kind: MailKind, due_at: datetime, grace: timedelta) -> datetime:
    """The moment (UTC) from which a mail is not to be sent any more, `grace` being how late one may go out.

    A mail about something to come has no use once that has started, however small the delay.
    """
    late = due_at + grace + timedelta.resolution
    return late if kind in AFTERWARDS else min(late, event.starts.astimezone(UTC))
