"""Whether the calendar in a mail is one that calendars take (RFC 5545, 5546), and says what the mail says."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from newsletter.campaigns.preflight.findings import Finding, Rule, error
from newsletter.campaigns.preflight.mail import Mail
from newsletter.constellation.model import Event

_REQUIRED = ("UID", "DTSTAMP", "DTSTART")
_LONGEST_LINE = 75


def check(mail: Mail) -> Iterator[Finding]:
    """Each text/calendar part of a mail."""
    for part in mail.message.walk():
        if part.get_content_type() == "text/calendar":
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)  # noqa: S101 # a leaf has bytes
            method = part.get_param("method")
            for text in faults(payload, method if isinstance(method, str) else "", mail.facts.event):
                yield error(Rule.CALENDAR, f"the calendar in the mail {text}")


def faults(raw: bytes, method: str, event: Event | None) -> Iterator[str]:
    """What is wrong with a calendar; `method` is that of its MIME part, `event` what it should be about."""
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        yield "is not in UTF-8"
        return
    lines = text.split("\r\n")
    if "\n" in text.replace("\r\n", "") or any(len(line.encode()) > _LONGEST_LINE for line in lines):
        yield f"has lines that are not folded at {_LONGEST_LINE} bytes and ended by CRLF"
    fields = [_field(line) for line in re.sub(r"\r\n[ \t]", "", text).split("\r\n") if line]
    unbalanced = _unbalanced(fields)
    if unbalanced:
        yield unbalanced
        return
    named = {name: value for name, _, value in fields}
    if named.get("METHOD", "").upper() != method.upper():
        yield f"has the method {named.get('METHOD', 'none')}, its part {method or 'none'}"
    events = list(_components(fields, "VEVENT"))
    if not events:
        yield "has no event"
    for properties in events:
        missing = [name for name in _REQUIRED if name not in properties]
        if missing:
            yield f"has an event without {' and '.join(missing)}"
        elif event is not None and len(events) == 1:
            yield from _wrong_start(*properties["DTSTART"], event)


_Field = tuple[str, str, str]
"""A property's name, its parameters as they stand, and its value."""


def _field(line: str) -> _Field:
    found = re.match(r'([\w-]+)((?:;[\w-]+=(?:"[^"]*"|[^";:]*))*):(.*)', line)
    return (found[1].upper(), found[2], found[3]) if found else ("", "", line)


def _unbalanced(fields: list[_Field]) -> str:
    stack: list[str] = []
    for name, _, value in fields:
        if not name:
            return f"has a line that is no property: {value[:60]}"
        if name == "BEGIN":
            stack.append(value.upper())
        elif name == "END" and (not stack or stack.pop() != value.upper()):
            return f"ends {value}, which is not open"
    if stack:
        return f"does not end {stack[-1]}"
    return "" if fields and fields[0][0] == "BEGIN" and fields[0][2].upper() == "VCALENDAR" else "is no VCALENDAR"


def _wrong_start(parameters: str, value: str, event: Event) -> Iterator[str]:
    if event.all_day:
        if "VALUE=DATE" not in parameters or value != f"{event.starts:%Y%m%d}":
            yield f"begins at {value}, the event on the day {event.starts:%Y-%m-%d}"
    elif (starts := _moment(parameters, value)) != event.starts.astimezone(UTC):
        told = "at no moment" if starts is None else f"at {starts:%Y-%m-%d %H:%M} UTC"
        yield f"begins {told}, the event at {event.starts.astimezone(UTC):%Y-%m-%d %H:%M} UTC"


def _components(fields: list[_Field], kind: str) -> Iterator[dict[str, tuple[str, str]]]:
    inside: list[str] = []
    properties: dict[str, tuple[str, str]] = {}
    for name, parameters, value in fields:
        if name == "BEGIN":
            inside.append(value.upper())
            if value.upper() == kind:
                properties = {}
        elif name == "END":
            inside.pop()
            if value.upper() == kind:
                yield properties
        elif inside and inside[-1] == kind:
            properties[name] = (parameters, value)


def _moment(parameters: str, value: str) -> datetime | None:
    zone = re.search(r"TZID=\"?([^\";]+)", parameters)
    try:
        if value.endswith("Z"):
            return datetime.strptime(value, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        local = datetime.strptime(value, "%Y%m%dT%H%M%S")  # noqa: DTZ007 - its zone is added
        return local.replace(tzinfo=ZoneInfo(zone[1] if zone else "UTC")).astimezone(UTC)
    except (ValueError, ZoneInfoNotFoundError):
        return None
