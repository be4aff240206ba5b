"""Reads the mail that comes back: what it is, whom it concerns, why, and which delivery of ours it names.

Complaints (RFC 5965) and delivery reports (RFC 3464) come first, then what mail systems write that know neither, then
answers of machines (RFC 3834) and unsubscribes by mail. What none of them fits is `other`, and for people to read.
"""

import re
from datetime import UTC, datetime
from email.utils import parseaddr, parsedate_to_datetime

from webhooks import tokens
from webhooks.events import Event, Kind, derived_id
from webhooks.reports import arf, auto_reply, dsn, legacy, mime
from webhooks.reports.report import Action, Recipient, Report, ReportKind

__all__ = ["Action", "Recipient", "Report", "ReportKind", "events", "read"]

PROVIDER = "mail"

BY_HAND = "mailto"
"""The provider of an unsubscribe that a person wrote to us, rather than a machine that reports one."""

_ENVELOPE = ("x-original-to", "delivered-to", "envelope-to", "x-envelope-to", "x-real-to", "x-rcpt-to", "apparently-to")
_UNSUBSCRIBE = re.compile(r"(?<![\w.+-])unsubscribe(?:[+=-][^\s@<>]*)?@|[=+]unsubscribe[+=-]", re.IGNORECASE)
_NAMED = ("message-id", "cfbl-feedback-id", "return-path", "x-hmxmroriginalmessageid", "list-unsubscribe", "sender")
_ENVELOPE_ID = re.compile(r"^original-envelope-id:.*", re.IGNORECASE | re.MULTILINE)
_QUOTED = re.compile(
    r"^[ \t>]{0,20}(?:message-id|cfbl-feedback-id|return-path|list-unsubscribe|from|sender|to):.*(?:\n[ \t].*)?",
    re.IGNORECASE | re.MULTILINE,
)


def read(raw: bytes, *, now: datetime) -> Report:
    """Read a mail. Never raises, whatever the bytes are."""
    message = mime.parse(raw)
    kind, recipients = _kind(message)
    identity = message.header("message-id")
    return Report(
        kind=kind,
        id=derived_id(identity, message.header("date")) if identity else derived_id(raw[: mime.MOST_BYTES]),
        at=_date(message, now),
        sender=parseaddr(message.header("from"))[1] or message.header("from")[:320],
        subject=message.header("subject")[:200],
        recipients=recipients,
        tokens=_tokens(message),
    )


def events(report: Report, *, token: str | None) -> list[Event]:
    """The report as events, one for each recipient; `token` is the one of its tokens that proved genuine, if any."""
    concerned = report.recipients or (Recipient(report.sender, Action.REPORTED),)
    is_by_hand = report.kind is ReportKind.UNSUBSCRIBE and not report.recipients
    return [
        Event(
            provider=BY_HAND if is_by_hand else PROVIDER,
            id=derived_id(report.id, report.kind, recipient.address, index),
            kind=_event_kind(report.kind, recipient.action),
            address=recipient.address,
            at=report.at,
            token=token,
            bounce=recipient.bounce,
            reason=recipient.reason,
            status=recipient.status,
            detail=recipient.diagnostic,
        )
        for index, recipient in enumerate(concerned)
    ]


def _kind(message: mime.Part) -> tuple[ReportKind, tuple[Recipient, ...]]:
    complaint = arf.read(message)
    if complaint is not None:
        return complaint
    from_system = legacy.is_report(message)
    if message.parameter("report-type").lower() == "disposition-notification":
        if not (from_system and legacy.is_refusal(message)):
            return ReportKind.OTHER, ()  # a receipt (RFC 8098): it was read, or thrown away, by a person
    elif message.media_type == "multipart/report" or from_system:
        recipients = dsn.read(message)
        if recipients:
            return _outcome(recipients), recipients
    if from_system:
        recipients = legacy.read(message)
        return _outcome(recipients), recipients
    return _without_report(message), ()


def _without_report(message: mime.Part) -> ReportKind:
    if auto_reply.is_one(message):
        return ReportKind.AUTO_REPLY
    addressed = [value for name in (*_ENVELOPE, "to", "cc") for value in message.all(name)]
    if any(map(_UNSUBSCRIBE.search, addressed)) and not auto_reply.is_machine(message):
        return ReportKind.UNSUBSCRIBE
    return ReportKind.OTHER


def _outcome(recipients: tuple[Recipient, ...]) -> ReportKind:
    actions = {recipient.action for recipient in recipients}
    if Action.FAILED in actions:
        return ReportKind.BOUNCE
    return ReportKind.DELIVERED if Action.DELIVERED in actions else ReportKind.OTHER


def _event_kind(kind: ReportKind, action: Action) -> Kind:
    match kind, action:
        case ReportKind.COMPLAINT, _:
            return Kind.COMPLAINED
        case ReportKind.UNSUBSCRIBE, _:
            return Kind.UNSUBSCRIBED
        case ReportKind.AUTO_REPLY, _:
            return Kind.AUTO_REPLIED
        case _, Action.FAILED:
            return Kind.BOUNCED
        case _, Action.DELIVERED:
            return Kind.DELIVERED
        case _, Action.DELAYED:
            return Kind.DEFERRED
        case _:
            return Kind.OTHER


def _tokens(message: mime.Part) -> tuple[str, ...]:
    """Candidates: the address the report came to, then what the returned mail carries, then what the text quotes."""
    enclosed = arf.enclosed(message)
    envelope = [value for name in (*_ENVELOPE, "to", "cc", "subject") for value in message.all(name)]
    sent_with = [_ENVELOPE_ID.findall(part.text()) for part in message.parts() if part.media_type in dsn.STATUS_TYPES]
    carried = [value for name in _NAMED for value in (enclosed.all(name) if enclosed else [])]
    answered = [value for name in ("in-reply-to", "references") for value in message.all(name)]
    quoted = _QUOTED.findall(mime.notice(message))[:50]
    return tokens.find(*envelope, *carried, *(found for each in sent_with for found in each), *answered, *quoted)


def _date(message: mime.Part, now: datetime) -> datetime:
    try:
        found = parsedate_to_datetime(message.header("date"))
        return min(found if found.tzinfo else found.replace(tzinfo=UTC), now)
    except (ValueError, TypeError, OverflowError, IndexError):
        return now
