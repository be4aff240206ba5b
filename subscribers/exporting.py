"""Subscribers on their way out: CSV that a spreadsheet opens safely and the import reads again, or JSON lines."""

import csv
import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TextIO

from subscribers import spreadsheet
from subscribers.directory import Entry

COLUMNS = (
    "email",
    "first_name",
    "last_name",
    "locale",
    "timezone",
    "role",
    "tags",
    "attributes",
    "events",
    "muted",
    "status",
    "suppressed",
    "joined_at",
    "consented_at",
    "left_at",
    "paused_until",
)

Write = Callable[[Entry], None]


def private(path: Path) -> TextIO:
    """A file for people's data that nobody else on the machine may read. Raises OSError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="")


def comma_separated(file: TextIO) -> Write:
    """Write the header; what is given back writes a row for each entry."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)
    return lambda entry: writer.writerow([spreadsheet.safe(cells(entry)[column]) for column in COLUMNS])


def json_lines(file: TextIO) -> Write:
    """What is given back writes one JSON object a line."""

    def write(entry: Entry) -> None:
        said = cells(entry) | {"tags": entry.fields.get("tags", []), "attributes": entry.fields}
        file.write(json.dumps(said, ensure_ascii=False) + "\n")

    return write


def cells(entry: Entry) -> dict[str, str]:
    """An entry as text, by column. Someone suppressed has that as their status, so that no import revives them."""
    return {
        "email": entry.address,
        "first_name": entry.first_name,
        "last_name": entry.last_name,
        "locale": entry.locale,
        "timezone": entry.timezone,
        "role": str(entry.fields.get("role", "")),
        "tags": ";".join(entry.fields.get("tags", ())),
        "attributes": _attributes(entry),
        "events": "all" if entry.choices.everything else ";".join(sorted(entry.choices.followed)) or "none",
        "muted": ";".join(sorted(entry.choices.muted)),
        "status": entry.status if entry.suppressed is None else "suppressed",
        "suppressed": entry.suppressed or "",
        "joined_at": _moment(entry.joined_at),
        "consented_at": _moment(entry.confirmed_at),
        "left_at": _moment(entry.left_at),
        "paused_until": _moment(entry.paused_until),
    }


def _attributes(entry: Entry) -> str:
    """What else is known of a person, as JSON; the import reads it back."""
    others = {name: value for name, value in entry.fields.items() if name not in ("role", "tags")}
    return json.dumps(others, ensure_ascii=False) if others else ""


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()
