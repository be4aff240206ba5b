"""When a mail of an event is due, and until when it is still worth sending: plain arithmetic, right across DST.

- An offset in days or weeks counts days of the calendar: "-1d" before 15:00 is 15:00 the day before, though a clock
  may have changed in between. An offset in hours or minutes counts elapsed time.
- An hour (`at`) is read by the clock of the constellation's zone, and the days before it are counted on that zone's
  calendar; of a mail that is `local`, by each reader's own clock and calendar. Without an hour, days are counted in the
  event's own zone.
- An hour that a clock change skips becomes as much later (02:30 becomes 03:30); of one that occurs twice, the first
  is meant.
- Of an event of whole days, days are counted on the calendar, wherever it is: its first day, or after the end its last
  one. A mail in days without an hour is due at nine by the constellation's clock. Hours and minutes count from the
  midnight at the place.
"""

from collections.abc import Iterable
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from newsletter.constellation.model import Anchor, Digest, Event, Mail, MailKind
from subscribers.audience import About

AFTERWARDS = frozenset({MailKind.THANKS, MailKind.STORY})
"""The mails that look back. All others are about something that is still to come."""


NOTICES = frozenset({"changed", "cancelled"})
"""The mails that take something back that people were told."""

ESSENTIALS = frozenset({"save-the-date", "changed", "cancelled"})
"""The mails that say when something is, and that it is not so any more: all that some people want."""


ANSWERS = {"reminder": ("going", "maybe"), "starting-soon": ("going",)}
"""Where an event asks who comes, the mails that are for those alone who gave one of these answers. Whoever has not
answered had the invitation; to remind them of what they never agreed to is what makes people leave."""


DIGEST = "digest"
"""The mail that gathers a week for those who chose that."""


def about(slug: str | None, event_kind: str, mail_kind: str, *, asks: bool, is_planned: bool = True) -> About:
    """What a mail of an event is about, for its audience; `asks` says whether the event asks who comes.

    What the plan holds of an event can wait for a digest; what staff send besides is in no plan, and cannot.
    """
    return About(
        slug,
        event_kind,
        mail_kind in ESSENTIALS,
        answers=ANSWERS.get(mail_kind, ()) if asks else (),
        can_wait=is_planned and mail_kind in set(MailKind),
    )


def about_items(events: Iterable[Event]) -> About:
    """What a digest of these events is about."""
    return About(None, DIGEST, is_essential=False, items=tuple((event.slug, event.kind.value) for event in events))


def next_digest(digest: Digest, zone: ZoneInfo, after: datetime) -> datetime:
    """The first moment (UTC) after `after` at which a digest is due."""
    day = after.astimezone(zone).date()
    for days in range(9):
        wanted = day + timedelta(days=days)
        moment = instant(datetime.combine(wanted, digest.at), zone)
        if wanted.weekday() == digest.weekday and moment > after:
            return moment
    raise AssertionError("every weekday comes within nine days")


def last_digest(digest: Digest, zone: ZoneInfo, until: datetime) -> datetime:
    """The last moment (UTC) up to `until` at which a digest was due."""
    moment = next_digest(digest, zone, until - timedelta(days=9))
    while (following := next_digest(digest, zone, moment)) <= until:
        moment = following
    return moment


def due(event: Event, mail: Mail, reader: str = "") -> datetime:
    """The moment a mail of an event is due, in UTC; of one that is `local`, for a reader in that zone.

    A `reader` of no zone, or of one that this machine does not know, lives by the constellation's clock.
    """
    anchor = event.starts if mail.anchor is Anchor.START else event.ends
    if event.all_day and not mail.elapsed:
        there = zone(reader, mail.timezone) if mail.local else ZoneInfo(mail.timezone)
        return instant(datetime.combine(_day(event, mail), mail.at or _MORNING), there)
    if mail.at is not None:
        there = zone(reader, mail.timezone) if mail.local else ZoneInfo(mail.timezone)
        day = anchor.astimezone(there).date() + timedelta(days=mail.days)
        return instant(datetime.combine(day, mail.at), there)
    if mail.days:
        anchor = instant(anchor.replace(tzinfo=None) + timedelta(days=mail.days), ZoneInfo(event.timezone))
    return anchor.astimezone(UTC) + mail.elapsed


def span(event: Event, mail: Mail) -> tuple[datetime, datetime]:
    """Before and after which moments (UTC) no reader anywhere is due a mail; both are its moment unless it is `local`.

    Each clock shows the anchor at some hour of its day: a mail at `at` of the same day is less than a day before it,
    and no further after it than `at` is after midnight. Clocks that change on the way move that by at most two hours.
    """
    if not mail.local or mail.at is None:
        return (moment := due(event, mail)), moment
    if event.all_day:  # an hour of one day, which begins in Kiribati and ends in the west of the Pacific
        somewhere = datetime.combine(_day(event, mail), mail.at, UTC)
        return somewhere - timedelta(hours=14) - _CLOCK_CHANGE, somewhere + timedelta(hours=12) + _CLOCK_CHANGE
    anchor = (event.starts if mail.anchor is Anchor.START else event.ends).astimezone(UTC)
    last = anchor + timedelta(days=mail.days, hours=mail.at.hour, minutes=mail.at.minute, seconds=mail.at.second + 1)
    return last - timedelta(days=1) - _CLOCK_CHANGE, last + _CLOCK_CHANGE


def over_at(event: Event | None, kind: str) -> datetime | None:
    """The moment (UTC) from which a mail that is under way says nothing any more; None for one that looks back.

    Who has not got it by then does not get it: no invitation to what has begun, no change of what is over.
    """
    if event is None or kind in AFTERWARDS:
        return None
    if kind in NOTICES:
        return event.ends.astimezone(UTC)
    return event.starts.astimezone(UTC) if kind in set(MailKind) else None


_CLOCK_CHANGE = timedelta(hours=2)
_MORNING = time(9)


def _day(event: Event, mail: Mail) -> date:
    """The day of the calendar that a mail of an event of whole days is due on."""
    return (event.starts.date() if mail.anchor is Anchor.START else event.last_day) + timedelta(days=mail.days)


def midnight(day: date, timezone: str) -> datetime:
    """The moment, in a zone, at which a day begins there: an hour later where the clocks skip midnight."""
    there = ZoneInfo(timezone)
    return instant(datetime.combine(day, time()), there).astimezone(there)


def zone(name: str, otherwise: str) -> ZoneInfo:
    """The zone of that name, or another where there is none, or none that this machine knows."""
    try:
        return ZoneInfo(name or otherwise)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo(otherwise)


def instant(local: datetime, zone: ZoneInfo) -> datetime:
    """The moment, in UTC, at which a clock in `zone` shows the naive `local`; see above for clock changes."""
    return local.replace(tzinfo=zone, fold=0).astimezone(UTC)


def exists(local: datetime, zone: ZoneInfo) -> bool:
    """Whether a clock in `zone` ever shows the naive `local`, which a clock change may skip."""
    return instant(local, zone).astimezone(zone).replace(tzinfo=None, fold=0) == local.replace(fold=0)


def useless_from(event: Event, kind: str, due_at: datetime, grace: timedelta) -> datetime:
    """The moment (UTC) from which a mail is not to be sent any more, `grace` being how late one may go out.

    A mail about something to come has no use once that has started, however small the delay. Of a mail by readers' own
    clocks, the last of them counts.
    """
    mail = event.mail(kind)
    last = max(due_at, span(event, mail)[1]) if mail is not None and mail.local else due_at
    late = last + grace + timedelta.resolution
    return late if kind in AFTERWARDS else min(late, event.starts.astimezone(UTC))
