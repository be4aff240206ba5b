"""Mail that came back: read, its token checked, put into the inbox, and only then taken out of its mailbox."""

import asyncio
from dataclasses import dataclass
from datetime import datetime

from newsletter import feedback
from newsletter.database import Database
from newsletter.feedback import kept
from subscribers.links import Links
from webhooks import mailed, reports
from webhooks.account import MailboxError
from webhooks.mailbox import Source
from webhooks.reports import Report


@dataclass(frozen=True, slots=True)
class Reading:
    """A returned mail, and the first of its tokens that we really made."""

    report: Report
    token: str | None


def read(raw: bytes, links: Links | None, now: datetime) -> Reading:
    """Read one mail; without `links` no token can be known as ours. Never raises, whatever the bytes are."""
    report = mailed.read(raw, now=now)
    genuine = (token for token in report.tokens if links and links.read_delivery_token(token) is not None)
    return Reading(report, next(genuine, None))


async def take(
    database: Database, links: Links, raw: bytes, now: datetime, *, sender: str | None = None, recipient: str = ""
) -> Reading:
    """Store what a mail says and, where it needs a person, the mail itself; when this returns, it is stored.

    `sender` and `recipient` are those of the envelope, where the mail does not carry them: our token may stand in the
    recipient alone, and nobody is answered whose sender is "" (RFC 5321 4.5.5). Taken a second time, a mail changes
    nothing.
    """
    raw = _with_envelope(raw, sender, recipient)
    reading = await asyncio.to_thread(read, raw, links, now)
    async with database.begin() as connection:
        await feedback.store(connection, reports.events(reading.report, token=reading.token), now)
        if kept.is_unclear(reading.report, reading.token):
            await kept.keep(connection, reading.report, raw, now)
    return reading


def _with_envelope(raw: bytes, sender: str | None, recipient: str) -> bytes:
    """The mail with its envelope as a mail server would write it down, below the line that some begin with."""
    told = [("Return-Path", f"<{sender}>")] if sender is not None else []
    if recipient:
        told.append(("X-Original-To", recipient))
    lines = "".join(f"{name}: {' '.join(value.split())}\n" for name, value in told).encode("utf-8", "replace")
    first, end, rest = raw.partition(b"\n") if raw.startswith(b"From ") else (b"", b"", raw)
    return first + end + lines + rest


async def collect(database: Database, links: Links, source: Source, now: datetime) -> int:
    """Take every message that waits in a mailbox into the inbox; answer how many. Raises MailboxError.

    A message leaves its mailbox only after it is stored. Killed in between, this stores it once more, to no effect.
    One that cannot leave is said in the end: those behind it do not wait for it.
    """
    waiting = source.waiting()
    count = 0
    stuck: MailboxError | None = None
    while (found := await asyncio.to_thread(next, waiting, None)) is not None:
        key, raw = found
        await take(database, links, raw, now)
        count += 1
        try:
            await asyncio.to_thread(source.done, key)
        except MailboxError as error:
            stuck = stuck or error
    if stuck is not None:
        raise stuck
    return count
