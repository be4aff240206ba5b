"""Returned mails, and providers' reports, that only a person can judge: kept as they arrived until somebody has."""

from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.errors import NewsletterError
from newsletter.feedback import inbox
from newsletter.tables import kept_mail
from subscribers import statements
from webhooks import mailed, reports
from webhooks.events import derived_id
from webhooks.reports import Report, ReportKind

MOST_BYTES = 256 * 1024
"""What is kept of a mail: all that a person would read of it."""

_NEEDS_TOKEN = frozenset({ReportKind.BOUNCE, ReportKind.COMPLAINT, ReportKind.UNSUBSCRIBE})


class NoSuchMail(NewsletterError):
    """No mail with that number is kept."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One such mail; `kind` is what it was read as."""

    id: int
    received_at: datetime
    kind: ReportKind
    sender: str
    subject: str


def is_unclear(report: Report, token: str | None) -> bool:
    """Whether a person must look: we do not understand it, or nothing proves whom it concerns."""
    if report.kind is ReportKind.OTHER:
        return not report.recipients
    return token is None and report.kind in _NEEDS_TOKEN


async def keep(connection: AsyncConnection, report: Report, raw: bytes, now: datetime) -> None:
    """Keep a mail, once however often it is read."""
    await connection.execute(
        statements.insert(connection, kept_mail)
        .values(
            digest=report.id,
            received_at=now,
            kind=report.kind,
            sender=report.sender[:320],
            subject=report.subject,
            raw=raw[:MOST_BYTES],
        )
        .on_conflict_do_nothing()
    )


async def keep_report(connection: AsyncConnection, provider: str, body: bytes, why: str, now: datetime) -> None:
    """Keep what a provider truly posted and we cannot read, once however often it comes; its subject is `why`."""
    await connection.execute(
        statements.insert(connection, kept_mail)
        .values(
            digest=derived_id(provider, body),
            received_at=now,
            kind=ReportKind.OTHER,
            sender=f"a report of {provider}",
            subject=" ".join(why.split())[:200],
            raw=body[:MOST_BYTES],
        )
        .on_conflict_do_nothing()
    )


async def waiting(connection: AsyncConnection, limit: int = inbox.LATEST) -> list[Kept]:
    """The latest that nobody has judged."""
    rows = await connection.execute(
        select(kept_mail.c.id, kept_mail.c.received_at, kept_mail.c.kind, kept_mail.c.sender, kept_mail.c.subject)
        .order_by(kept_mail.c.id.desc())
        .limit(limit)
    )
    return [Kept(row.id, row.received_at, ReportKind(row.kind), row.sender, row.subject) for row in rows]


async def raw(connection: AsyncConnection, number: int) -> bytes:
    """A mail as it arrived. Raises NoSuchMail."""
    found = await connection.scalar(select(kept_mail.c.raw).where(kept_mail.c.id == number))
    if found is None:
        raise NoSuchMail(f"no mail with the number {number} is kept; `newsletter bounces review` lists those that are")
    return found


async def dismiss(connection: AsyncConnection, number: int, now: datetime) -> None:
    """Let go of a mail that has been judged, and of what it reported without a proof. Raises NoSuchMail."""
    taken = delete(kept_mail).where(kept_mail.c.id == number).returning(kept_mail.c.digest, kept_mail.c.raw)
    gone = (await connection.execute(taken)).one_or_none()
    if gone is None:
        raise NoSuchMail(f"no mail with the number {number} is kept")
    # It may have been cut when it was kept: the digest is of the whole.
    report = replace(mailed.read(gone.raw, now=now), id=gone.digest)
    await inbox.dismiss_of(connection, reports.events(report, token=None))
