"""Days and hours as a reader writes them: in the order of their locale, by the clock of the event or of the reader."""

import re
from datetime import date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import (
    format_date,
    format_datetime,
    format_interval,
    format_skeleton,
    format_time,
    get_timezone_name,
)

from newsletter import catalogues
from newsletter.constellation.model import Event

_SPACES = str.maketrans({"\u202f": " ", "\u2009": " "})  # CLDR's thin spaces look broken in many mail programs


def day(moment: datetime, where: Locale) -> str:
    """`Wednesday, February 3`, by the moment's own clock."""
    return format_date(moment.date(), _without_year(where), locale=where)


def short_day(moment: datetime, where: Locale) -> str:
    """`Feb 3`, for a subject."""
    return format_skeleton("MMMd", moment.date(), locale=where)


def full_day(moment: datetime, where: Locale) -> str:
    """`Wednesday, February 3, 2021`."""
    return format_date(moment.date(), "full", locale=where)


def month(moment: datetime, where: Locale) -> str:
    """`Feb`, for the leaf of a calendar."""
    return format_date(moment.date(), "LLL", locale=where)


def time(moment: datetime, where: Locale) -> str:
    """`3:00 PM`, without a zone."""
    return format_time(moment.timetz(), "short", locale=where).translate(_SPACES)


def clock(moment: datetime, where: Locale) -> str:
    """`3:00 PM Eastern Time`."""
    return f"{time(moment, where)} {zone_name(moment, where)}"


def moment(at: datetime, where: Locale) -> str:
    """`Feb 3, 2021, 3:00 PM`, by the moment's own clock."""
    return f"{format_date(at.date(), 'medium', locale=where)}, {time(at, where)}"


def days(event: Event, where: Locale) -> str:
    """`Wednesday, February 3, 2021`, or from the first day to the last."""
    if event.days == 1:
        return full_day(event.starts, where)
    return f"{day(event.starts, where)} – {format_date(event.last_day, 'full', locale=where)}"


def short_days(event: Event, where: Locale) -> str:
    """`Feb 3`, or `May 6 – 7` of an event of several days."""
    return _short_days(event.starts.date(), event.last_day if event.days > 1 else None, where)


@lru_cache(maxsize=1024)  # a page has a season of them, and each takes as long as a statement to the database
def _short_days(first: date, last: date | None, where: Locale) -> str:
    if last is None:
        return format_skeleton("MMMd", first, locale=where)
    return format_interval(first, last, "MMMd", locale=where).translate(_SPACES)


def day_numbers(event: Event) -> str:
    """`3`, or `6–7` of an event of several days in one month."""
    first, last = event.starts, event.last_day
    return str(first.day) if event.days == 1 or first.month != last.month else f"{first.day}–{last.day}"


def hours(event: Event, where: Locale, zone: str = "") -> str:
    """`3:00 – 5:00 PM Eastern Time` by the clock of the event, or of another zone; `All day` of one that has no hours.

    Weekdays are named where the days are not plain from `days`: the event has several, or it is another day there.
    """
    if event.all_day:
        return catalogues.voice(str(where)).gettext("All day")
    there = ZoneInfo(zone or event.timezone)
    starts, ends = event.starts.astimezone(there), event.ends.astimezone(there)
    elsewhere = starts.date() != event.starts.date()
    name = zone_name(starts, where)
    if starts == ends:
        return f"{_with_weekday(starts, where)} {name}" if elsewhere else clock(starts, where)
    if event.days > 1 or elsewhere or (ends - timedelta(microseconds=1)).date() != starts.date():
        return f"{_with_weekday(starts, where)} – {_with_weekday(ends, where)} {name}"
    skeleton = "Hm" if re.search("[Hk]", str(where.time_formats["short"])) else "hm"
    return f"{format_interval(starts, ends, skeleton, tzinfo=there, locale=where)} {name}".translate(_SPACES)


def hours_for_reader(event: Event, where: Locale, zone: str) -> str:
    """The hours by the reader's clock; "" where that is not known (no `zone`), or shows the same as the event's."""
    return "" if _same_clock(event, zone) else hours(event, where, zone)


def start_for_reader(event: Event, where: Locale, zone: str) -> str:
    """`9:00 PM Central European Time`; "" where the reader's clock is not known, or shows the same as the event's."""
    return "" if _same_clock(event, zone) else clock(event.starts.astimezone(ZoneInfo(zone)), where)


def when(event: Event, where: Locale) -> str:
    """`Wednesday, February 3, 2021, 3:00 – 5:00 PM Eastern Time`; of an event of whole days, these."""
    if event.all_day:
        return days(event, where)
    return f"{days(event, where)}, {hours(event, where)}"


def zone_name(moment: datetime, where: Locale) -> str:
    """`Eastern Time`: what people call the clock, whether it is summer or winter."""
    zone = moment.tzinfo
    if moment.utcoffset() == timedelta() and getattr(zone, "key", "UTC") in _UNIVERSAL:
        return "UTC"
    name = get_timezone_name(zone, width="long", zone_variant="generic", locale=where)
    return name.replace(" :", "\u00a0:")  # French: “heure : Royaume-Uni”


_UNIVERSAL = {"UTC", "Etc/UTC", "Etc/UCT", "Etc/Universal", "Etc/Zulu", "UCT", "Universal", "Zulu", "Etc/GMT", "GMT"}


def _same_clock(event: Event, zone: str) -> bool:
    if not zone or event.all_day:  # a day has the same name wherever somebody is
        return True
    there = ZoneInfo(zone)
    return all(moment.astimezone(there).utcoffset() == moment.utcoffset() for moment in (event.starts, event.ends))


def _with_weekday(moment: datetime, where: Locale) -> str:
    weekday = format_datetime(moment, "EEE", tzinfo=moment.tzinfo, locale=where)
    return f"{weekday} {time(moment, where)}"


@lru_cache(maxsize=64)
def _without_year(where: Locale) -> str:
    # Locales that write the year first would leave its sign behind: they keep it.
    return re.sub(r"(?:[,\s]|'[^']*')*y+$", "", where.date_formats["full"].pattern)
