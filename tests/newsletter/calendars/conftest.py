"""Two libraries that know nothing of each other, each reading a calendar into the same plain values."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import icalendar
import pytest
import vobject

Read = Callable[[bytes], tuple[str, dict[str, dict[str, Any]]]]


def _by_icalendar(raw: bytes) -> tuple[str, dict[str, dict[str, Any]]]:
    calendar = icalendar.Calendar.from_ical(raw)
    found = {}
    for entry in calendar.walk("VEVENT"):
        assert not entry.errors
        found[str(entry["UID"])] = {
            "starts": _universal(entry["DTSTART"].dt),
            "ends": _universal(entry["DTEND"].dt),
            **{name: str(entry.get(name, "")) for name in ("SUMMARY", "LOCATION", "DESCRIPTION", "URL", "STATUS")},
            "SEQUENCE": int(entry["SEQUENCE"]),
            "ORGANIZER": str(entry["ORGANIZER"]),
            "CONFERENCE": str(entry.get("CONFERENCE", "")),
            "stamp": _universal(entry["DTSTAMP"].dt),
        }
    return str(calendar["METHOD"]), found


def _by_vobject(raw: bytes) -> tuple[str, dict[str, dict[str, Any]]]:
    calendar = vobject.readOne(raw.decode())
    found = {}
    for entry in getattr(calendar, "vevent_list", []):
        values = {name: _text(entry, name) for name in ("SUMMARY", "LOCATION", "DESCRIPTION", "URL", "STATUS")}
        found[entry.uid.value] = {
            "starts": _universal(entry.dtstart.value),
            "ends": _universal(entry.dtend.value),
            **values,
            "SEQUENCE": int(entry.sequence.value),
            "ORGANIZER": entry.organizer.value,
            "CONFERENCE": _text(entry, "CONFERENCE"),
            "stamp": _universal(entry.dtstamp.value),
        }
    return calendar.method.value, found


def _text(entry: Any, name: str) -> str:
    child = getattr(entry, name.lower(), None)
    return "" if child is None else child.value


def _universal(moment: datetime) -> datetime:
    return moment.astimezone(UTC)


@pytest.fixture(params=[_by_icalendar, _by_vobject], ids=["icalendar", "vobject"])
def read(request: pytest.FixtureRequest) -> Read:
    """Read a calendar: its method, and its entries by UID."""
    return request.param
