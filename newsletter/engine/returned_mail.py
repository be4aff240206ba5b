"""Mail that came back: read, its token checked, put into the inbox, and only then taken out of its mailbox."""

import asyncio
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from newsletter import feedback
from newsletter.database import Database
from subscribers.links import Links
from webhooks import mailbox, reports
from webhooks.reports import Report


@dataclass(frozen=True, slots=True)
class Reading:
    """A returned mail, and the first of its tokens that we really made."""

    report: Report
    token: str | None


def read(raw: bytes, links: Links | None, now: datetime) -> Reading:
    """Read one mail; without `links` no token can be known as ours. Never raises, whatever the bytes are."""
    report = reports.read(raw, now=now)
    genuine = (token for token in report.tokens if links and links.read_delivery_token(token) is not None)
    return Reading(report, next(genuine, None))


async def collect(database: Database, links: Links, folder: Path, now: datetime) -> int:
    """Take every new message of a Maildir into the inbox; answer how many. Raises MailboxError.

    Killed between storing and moving, it stores the same events again, which the inbox has already.
    """
    source = mailbox.Maildir(folder)
    waiting = source.waiting()
    count = 0
    while (found := await asyncio.to_thread(next, waiting, None)) is not None:
        key, raw = found
        reading = await asyncio.to_thread(read, raw, links, now)
        async with database.begin() as connection:
            await feedback.store(connection, reports.events(reading.report, token=reading.token), now)
        await asyncio.to_thread(source.done, key)
        count += 1
    return count
