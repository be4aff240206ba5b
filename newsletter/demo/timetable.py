"""The demo's own reading of the constellation's file: which mailing is due when. No part of the service is asked."""

import re
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

_LENGTH = re.compile(r"([+-]?)(\d+)([wdhm])")
_UNITS = {"w": "weeks", "d": "days", "h": "hours", "m": "minutes"}


@dataclass(frozen=True, slots=True)
class Mailing:
    """One mail about one event, to all who want to hear of it."""

    event: str
    kind: str
    due: datetime

    @property
    def name(self) -> str:
        """Its name, as mails carry it in Feedback-ID."""
        return f"{self.event}-{self.kind}"


@dataclass(frozen=True, slots=True)
class Gathering:
    """What the report draws of an event: its name, its kind, and when it begins."""

    slug: str
    title: str
    kind: str
    starts: datetime


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
    return Timetable(
        name=series["name"],
        zone=zone,
        postal_address=series["postal_address"],
        gatherings=tuple(
            Gathering(event["slug"], event["title"], event["kind"], _moments(event, zone)[0])
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
    return [Mailing(event["slug"], kind, _due(rules[kind], starts, ends, zone)) for kind in kinds]


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
