"""Subscribers on their way out: CSV that a spreadsheet opens safely and the import reads again, or JSON lines."""

import csv
import json
import os
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TextIO

from sqlalchemy import ColumnElement
from sqlalchemy.ext.asyncio import AsyncConnection

from subscribers import agreement, directory, spreadsheet
from subscribers.agreement import Agreement
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
    "suppressed_at",
    "joined_at",
    "consented_at",
    "consent_source",
    "consent_ip",
    "consent_version",
    "consent_text",
    "requested_at",
    "request_ip",
    "left_at",
    "paused_until",
    "rhythm",
)

_PAGE = 1000

Write = Callable[[Entry, Agreement], None]


async def run(connection: AsyncConnection, write: Write, *, only: ColumnElement[bool] | None = None) -> int:
    """Write everybody, or those of an audience, by id and in constant memory; how many they were."""
    count = 0
    page: list[Entry] = []

    async def turn() -> None:
        agreed = await agreement.of_many(connection, [entry.id for entry in page])
        for entry in page:
            write(entry, agreed.get(entry.id, Agreement()))
        page.clear()

    async for entry in directory.everyone(connection, only=only):
        page.append(entry)
        count += 1
        if len(page) == _PAGE:
            await turn()
    if page:
        await turn()
    return count


def private(path: Path) -> TextIO:
    """A file for people's data that nobody else on the machine may read. Raises OSError."""
    return os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8", newline="")


def comma_separated(file: TextIO) -> Write:
    """Write the header; what is given back writes a row for each entry."""
    writer = csv.writer(file)
    writer.writerow(COLUMNS)

    def write(entry: Entry, agreed: Agreement) -> None:
        said = cells(entry, agreed)
        writer.writerow([spreadsheet.safe(said[column]) for column in COLUMNS])

    return write


def json_lines(file: TextIO) -> Write:
    """What is given back writes one JSON object a line."""

    def write(entry: Entry, agreed: Agreement) -> None:
        said = cells(entry, agreed) | {"tags": entry.fields.get("tags", []), "attributes": entry.fields}
        file.write(json.dumps(said, ensure_ascii=False) + "\n")

    return write


def cells(entry: Entry, agreed: Agreement) -> dict[str, str]:
    """An entry as text, by column. Someone suppressed has that as their status, so that no import revives them."""
    events = [*["all"] * entry.choices.everything, *sorted(entry.choices.followed)]
    return {
        "email": entry.address,
        "first_name": entry.first_name,
        "last_name": entry.last_name,
        "locale": entry.locale,
        "timezone": entry.timezone,
        "role": str(entry.fields.get("role", "")),
        "tags": ";".join(entry.fields.get("tags", ())),
        "attributes": _attributes(entry),
        "events": ";".join(events) or "none",
        "muted": ";".join(sorted(entry.choices.muted)),
        "status": entry.status if entry.suppressed is None else "suppressed",
        "suppressed": entry.suppressed or "",
        "suppressed_at": _moment(entry.suppressed_at),
        "joined_at": _moment(entry.joined_at),
        "consented_at": _moment(entry.confirmed_at),
        "consent_source": agreed.source,
        "consent_ip": agreed.ip,
        "consent_version": agreed.text_version,
        "consent_text": agreed.text_shown,
        "requested_at": agreed.requested_at,
        "request_ip": agreed.request_ip,
        "left_at": _moment(entry.left_at),
        "paused_until": _moment(entry.paused_until),
        "rhythm": entry.rhythm,
    }


def _attributes(entry: Entry) -> str:
    """What else is known of a person, as JSON; the import reads it back."""
    others = {name: value for name, value in entry.fields.items() if name not in ("role", "tags")}
    return json.dumps(others, ensure_ascii=False) if others else ""


def _moment(at: datetime | None) -> str:
    return "" if at is None else at.isoformat()
