"""The days a mail speaks of: none that is past, and each on its right weekday."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from babel import Locale, UnknownLocaleError

from newsletter.campaigns.preflight.findings import Finding, Rule, error, warning
from newsletter.campaigns.preflight.mail import Mail
from newsletter.constellation.planning import AFTERWARDS


@dataclass(frozen=True, slots=True)
class Mention:
    """A day as a text names it. `weekday` is 0 for Monday, None where none is said; so is `year`."""

    words: str
    month: int
    day: int
    year: int | None
    weekday: int | None


def check(mail: Mail) -> Iterator[Finding]:
    """Each day in the subject and in both parts, against the calendar and the event."""
    event = mail.facts.event
    zone = ZoneInfo(event.timezone if event else mail.facts.constellation.timezone)
    today = mail.now.astimezone(zone).date()
    around = event.starts.date() if event else today
    before = mail.facts.previous
    known = {before.starts.date(), before.last_day} if before else set()
    for mention in dict.fromkeys(mentions(f"{mail.subject}\n{mail.text}\n{mail.outline.words}", mail.language)):
        day = _resolved(mention, around)
        if day is None:
            yield error(Rule.PAST_DATE, f"“{mention.words}” is no day of the calendar")
            continue
        if mention.weekday is not None and day.weekday() != mention.weekday:
            yield error(Rule.WEEKDAY, f"“{mention.words}”: {day:%Y-%m-%d} is a {day:%A}")
        if day < today and mail.kind not in AFTERWARDS and day not in known:
            yield warning(Rule.PAST_DATE, f"“{mention.words}” is past: it was {day:%Y-%m-%d}")


def mentions(text: str, language: str) -> Iterator[Mention]:
    """Every day that a text names with its month: `Wednesday, February 3, 2021`, `3. Februar`, `2021-02-03`."""
    pattern, months, weekdays = _pattern(language)
    for found in pattern.finditer(text):
        groups = found.groupdict()
        month = months[(groups["month"] or groups["month2"]).lower().rstrip(".")]
        weekday = groups["weekday"]
        yield Mention(
            words=" ".join(found[0].split()),
            month=month,
            day=int(groups["day"] or groups["day2"]),
            year=int(groups["year"]) if groups["year"] else None,
            weekday=None if weekday is None else weekdays[weekday.lower().rstrip(".")],
        )
    for found in re.finditer(r"(?<![\w/-])(\d{4})-(\d{2})-(\d{2})(?![\w/-])", text):
        yield Mention(found[0], int(found[2]), int(found[3]), int(found[1]), None)


def _resolved(mention: Mention, around: date) -> date | None:
    """The day that is meant: without a year, the one nearest to the event."""
    years = [mention.year] if mention.year else [around.year - 1, around.year, around.year + 1]
    days = [day for year in years if (day := _day(year, mention.month, mention.day)) is not None]
    return min(days, key=lambda day: abs(day - around), default=None)


def _day(year: int, month: int, day: int) -> date | None:
    try:
        return date(year, month, day)
    except ValueError:
        return None


@lru_cache(maxsize=16)
def _pattern(language: str) -> tuple[re.Pattern[str], dict[str, int], dict[str, int]]:
    try:
        locale = Locale(language)
    except (ValueError, UnknownLocaleError):
        locale = Locale("en")
    months, weekdays = _names(locale.months), _names(locale.days)
    month, weekday, day = _either(months), _either(weekdays), r"(?<!\d)[0-3]?\d(?!\d)"
    start = rf"(?:\b(?P<weekday>{weekday})\.?,?\s+)?(?:(?:the|el|le|den|der)\s+)?"
    month_first = rf"\b(?P<month>{month})\.?\s+(?P<day>{day})(?:st|nd|rd|th)?"
    day_first = rf"(?P<day2>{day})(?:st|nd|rd|th|er|\.)?\s+(?:de\s+)?(?P<month2>{month})\b\.?"
    year = r"(?:,?\s+(?:de\s+)?(?P<year>\d{4})(?!\d))?"
    return re.compile(f"{start}(?:{month_first}|{day_first}){year}", re.IGNORECASE), months, weekdays


def _names(found: Any) -> dict[str, int]:
    """The number of each name in Babel's tables: months from 1, weekdays from 0, which is Monday."""
    return {
        name.lower().rstrip("."): int(number)
        for context in ("format", "stand-alone")
        for width in ("wide", "abbreviated")
        for number, name in found[context][width].items()
    }


def _either(names: dict[str, int]) -> str:
    return "|".join(sorted(map(re.escape, names), key=len, reverse=True))
