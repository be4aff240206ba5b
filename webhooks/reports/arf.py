"""Complaints in the abuse reporting format (RFC 5965).

Only `abuse` is a complaint and `opt-out` an unsubscribe; `not-spam`, `auth-failure`, `fraud`, `virus` and `other` leave
the person alone. Recipients are often redacted: our own token says who it was.
"""

import re

from webhooks.reports import dsn, mime
from webhooks.reports.report import Action, Recipient, ReportKind

KINDS = {
    "abuse": ReportKind.COMPLAINT,
    "opt-out": ReportKind.UNSUBSCRIBE,
    "opt-out-list": ReportKind.UNSUBSCRIBE,
}

_ADDRESS = re.compile(r"[^\s<>\"'();,:]{1,128}@[^\s<>\"'();,:]{1,255}")
_JUNK = "x-hmxmroriginalrecipient"
"""Microsoft's junk mail reports are not ARF: the mail complained of, marked with whom it was for."""
_REDACTED = re.compile(r"redacted|xxxx|\*\*|\[|unknown", re.IGNORECASE)


def read(message: mime.Part) -> tuple[ReportKind, tuple[Recipient, ...]] | None:
    """The kind and the recipients of a feedback report, one without an address where all are redacted; or None."""
    parts = message.parts()
    feedback = next((part for part in parts if part.media_type == "message/feedback-report"), None)
    if feedback is not None and message.media_type == "multipart/report":
        fields = list(mime.fields(feedback.text()))
        kind = next((value for name, value in fields if name == "feedback-type"), "").strip().lower()
        return KINDS.get(kind, ReportKind.OTHER), _recipients(fields, dsn.returned(message))
    complained_of = enclosed(message)
    if complained_of is not None and complained_of.has(_JUNK):
        return ReportKind.COMPLAINT, _recipients([], complained_of)
    return None


def enclosed(message: mime.Part) -> mime.Part | None:
    """The mail that a report is about: enclosed in it, or, as Microsoft once sent it, the report itself."""
    return dsn.returned(message) or (message if message.has(_JUNK) else None)


def _recipients(fields: list[tuple[str, str]], mail: mime.Part | None) -> tuple[Recipient, ...]:
    named = [value for name, value in fields if name in ("original-rcpt-to", "removal-recipient")]
    if mail is not None:
        named += mail.all(_JUNK)
    told = _addresses(named) or _addresses(mail.all("to") if mail is not None else [])
    addresses = told or [""]  # all redacted; without a recipient, whoever passed the complaint on would stand for it
    return tuple(Recipient(address, Action.REPORTED) for address in addresses[: dsn.MOST_RECIPIENTS])


def _addresses(values: list[str]) -> list[str]:
    found = [match[0] for value in values for match in _ADDRESS.finditer(value.partition(";")[2] or value)]
    return list(dict.fromkeys(address for address in found if not _REDACTED.search(address)))
