"""The calendar that follows the mails: an update takes the place of what was there, a cancellation takes it back."""

import email
import email.policy
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from newsletter.campaigns import previewing, store
from newsletter.constellation import store as constellations
from newsletter.database import Database
from newsletter.engine import parts

NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)


class Calendar:
    """What RFC 5546 makes of the messages: by UID, the highest SEQUENCE and then the latest DTSTAMP wins (2.1.5)."""

    def __init__(self) -> None:
        self.entries: dict[str, dict[str, Any]] = {}

    def take(self, method: str, entries: dict[str, dict[str, Any]]) -> None:
        for uid, entry in entries.items():
            known = self.entries.get(uid)
            if known is None or (entry["SEQUENCE"], entry["stamp"]) > (known["SEQUENCE"], known["stamp"]):
                self.entries[uid] = {**entry, "method": method}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_change_replaces_and_a_cancellation_takes_back(
    database: Database, settings, constellation, read
) -> None:
    calendar, paper = Calendar(), parts.stationery(settings)
    opening = constellation.events[0]

    async def mail(event: object, kind: str, now: datetime) -> None:
        async with database.begin() as connection:
            events = tuple(event if one.slug == "opening" else one for one in constellation.events)
            await constellations.load(connection, replace(constellation, events=events), now)
            draft = await store.draft(connection, "opening", kind, now=now)
            seen = await previewing.preview(connection, settings, paper, draft, now)
        message = email.message_from_bytes(seen.raw, policy=email.policy.default)
        (inline,) = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
        (file,) = message.iter_attachments()
        body = inline.get_payload(decode=True)
        assert file.get_payload(decode=True) == body
        assert file.get_filename() == "opening.ics"
        method, entries = read(body)
        assert inline["Content-Type"].params["method"] == method, "RFC 6047, section 2.4"
        calendar.take(method, entries)

    await mail(opening, "invitation", NOW)
    later = replace(opening, starts=opening.starts + timedelta(days=1), ends=opening.ends + timedelta(days=1))
    await mail(later, "changed", NOW + timedelta(days=1))
    ((entry),) = calendar.entries.values()
    assert entry["starts"] == later.starts.astimezone(UTC)
    assert (entry["method"], entry["SEQUENCE"]) == ("PUBLISH", 1)
    await mail(replace(later, cancelled=True), "cancelled", NOW + timedelta(days=2))
    ((entry),) = calendar.entries.values()
    assert (entry["method"], entry["STATUS"], entry["SEQUENCE"]) == ("CANCEL", "CANCELLED", 2)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_what_does_not_concern_calendars_raises_no_sequence(database: Database, constellation) -> None:
    async with database.begin() as connection:
        await constellations.load(connection, constellation, NOW)
        first = replace(constellation.events[0], capacity=7)
        await constellations.load(connection, replace(constellation, events=(first, *constellation.events[1:])), NOW)
        assert (await constellations.find(connection, "opening")).sequence == 0
