"""The demo's own reading of the constellation's file: which mailing is due when. No part of the service is asked."""

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_LENGTH = re.compile(r"([+-]?)(\d+)([wdhm])")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True, slots=True)
class Mailing:
    """One mail about one event, to all who want to hear of it; or a digest, of what it gathers for each.

    With `answers`, only to those who gave one of them when they were asked whether they come.
    """

    event: str
    kind: str
    due: datetime
    gathers: "tuple[Mailing, ...]" = ()
    answers: frozenset[str] = frozenset()

    @property
    def name(self) -> str:
        """Its name, as mails carry it in Feedback-ID."""
        return f"{self.event}-{self.kind}"


@dataclass(frozen=True, slots=True)
class Gathering:
    """An event: its name, its kind, and when it begins; how many `places` it has, where it asks who comes."""

    slug: str
    title: str
    kind: str
    starts: datetime
    places: int | None = None


@dataclass(frozen=True, slots=True)
class Timetable:
    """A season: its mailings in the order in which they are due, and what each of them must state."""

    name: str
    zone: ZoneInfo
    postal_address: str
    gatherings: tuple[Gathering, ...]
    mailings: tuple[Mailing, ...]


def read(path: Path) -> Timetable:
    """Read a constellation's file that the service found to be right."""
    document = tomllib.loads(path.read_text("utf-8"))
    series = document["constellation"]
    zone = ZoneInfo(series["timezone"])
    mailings = [mailing for event in document["event"] for mailing in _mailings(event, document["mails"], zone)]
    starts = {event["slug"]: _moments(event, zone)[0].astimezone(UTC) for event in document["event"]}
    mailings += _digests(mailings, starts, zone)
    return Timetable(
        name=series["name"],
        zone=zone,
        postal_address=series["postal_address"],
        gatherings=tuple(
            Gathering(
                event["slug"],
                event["title"],
                event["kind"],
                _moments(event, zone)[0],
                event["capacity"] if event.get("rsvp") else None,
            )
            for event in document["event"]
        ),
        mailings=tuple(sorted(mailings, key=lambda mailing: mailing.due)),
    )


def _moments(event: dict[str, Any], zone: ZoneInfo) -> tuple[datetime, datetime]:
    """When an event begins and ends, by the clock where it takes place."""
    place = ZoneInfo(event["timezone"]) if "timezone" in event else zone
    begins = event.get("starts") or event["published"]
    return begins.replace(tzinfo=place), event.get("ends", begins).replace(tzinfo=place)


def _mailings(event: dict[str, Any], rules: dict[str, dict[str, str]], zone: ZoneInfo) -> list[Mailing]:
    starts, ends = _moments(event, zone)
    if event["kind"] == "story":
        return [Mailing(event["slug"], "story", starts.astimezone(UTC))]
    kinds = event.get("mails", list(rules))
    answers = _ANSWERS if event.get("rsvp") else {}
    return [
        Mailing(event["slug"], kind, _due(rules[kind], starts, ends, zone), answers=answers.get(kind, frozenset()))
        for kind in kinds
    ]


_ANSWERS = {"reminder": frozenset({"going", "maybe"}), "starting-soon": frozenset({"going"})}


def _digests(mailings: list[Mailing], starts: dict[str, datetime], zone: ZoneInfo) -> list[Mailing]:
    """Each Monday at nine of the season: what is still ahead and due in the week to come, and what looks back on the
    week before. Thanks for what ends the season would be in a digest after it.
    """
    first = min(mailing.due for mailing in mailings).astimezone(zone).date()
    last = max(mailing.due for mailing in mailings).astimezone(zone).date()
    monday = first - timedelta(days=first.weekday())
    found = []
    while monday <= last:
        before, at, after = (_nine(monday + timedelta(weeks=weeks), zone) for weeks in (-1, 0, 1))
        gathers = tuple(
            one
            for one in mailings
            if (before < one.due <= at if one.kind in _BACKWARD else at <= one.due < after and starts[one.event] > at)
        )
        if gathers:
            found.append(Mailing("digest", monday.isoformat(), at, gathers))
        monday += timedelta(weeks=1)
    return found


_BACKWARD = ("story", "thanks")


def _nine(day: date, zone: ZoneInfo) -> datetime:
    return datetime.combine(day, time(9), zone).astimezone(UTC)


def _due(rule: dict[str, str], starts: datetime, ends: datetime, zone: ZoneInfo) -> datetime:
    anchor, text = (ends, rule["after"]) if "after" in rule else (starts, rule["offset"])
    found = _LENGTH.fullmatch(text)
    assert found is not None  # noqa: S101 - the service has read the same file before
    sign, amount, unit = found.groups()
    length = timedelta(**{_UNITS[unit]: -int(amount) if sign == "-" else int(amount)})
    if "at" in rule:
        day = anchor.astimezone(zone).date() + length
        return datetime.combine(day, time.fromisoformat(rule["at"]), zone).astimezone(UTC)
    if unit in "wd":  # days of the calendar, by the clock at the place
        return (anchor.replace(tzinfo=None) + length).replace(tzinfo=anchor.tzinfo).astimezone(UTC)
    return anchor.astimezone(UTC) + length
