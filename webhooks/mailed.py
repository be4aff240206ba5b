"""Reads whatever comes back by mail: what mail systems write, and what a provider reports by a mail of its own.

Amazon SNS mails what a topic is told to whoever subscribes an address to it: the notification of SES as the text, or
the whole message of SNS, and below a line how to unsubscribe. Nobody has signed that for us to check: it is believed as
other returned mail is, by our own token alone.

https://docs.aws.amazon.com/ses/latest/dg/monitor-sending-activity-using-notifications-sns.html
"""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from webhooks import reports
from webhooks.events import Event, Kind
from webhooks.providers import ses
from webhooks.reports import Action, Recipient, Report, ReportKind, mime

_MEANS = {
    Kind.BOUNCED: (ReportKind.BOUNCE, Action.FAILED),
    Kind.DEFERRED: (ReportKind.OTHER, Action.DELAYED),
    Kind.COMPLAINED: (ReportKind.COMPLAINT, Action.REPORTED),
    Kind.DELIVERED: (ReportKind.DELIVERED, Action.DELIVERED),
}


def read(raw: bytes, *, now: datetime) -> Report:
    """Read a mail. Never raises, whatever the bytes are."""
    report = reports.read(raw, now=now)
    if report.kind is not ReportKind.OTHER or report.recipients:
        return report
    told = [one for one in _notified(mime.notice(mime.parse(raw)), now) if one.kind in _MEANS]
    return _as_report(report, told) if told else report


def _notified(text: str, now: datetime) -> list[Event]:
    """What SES reports, where that is all that the text says."""
    said = text.partition("\n--\n")[0].replace("!\n ", "").strip()  # Sendmail breaks long lines so
    return ses.mailed(said, now=now) if said.startswith("{") else []


def _as_report(mail: Report, told: Sequence[Event]) -> Report:
    kind, action = _MEANS[told[0].kind]
    tokens = [one.token for one in told if one.token]
    return replace(
        mail,
        kind=kind,
        at=min(told[0].at, mail.at),
        recipients=tuple(
            Recipient(one.address, action, one.bounce, one.reason, one.status, one.detail) for one in told
        ),
        tokens=tuple(dict.fromkeys([*tokens, *mail.tokens])),
    )
