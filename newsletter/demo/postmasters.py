"""What is reported of a mail after it was taken: a webhook as Postmark posts it, or a mail that comes back."""

import base64
import json
from datetime import datetime
from email.utils import format_datetime
from pathlib import Path

import httpx2

from newsletter.demo import outbox
from newsletter.demo.errors import DemoError
from newsletter.demo.outbox import Mail

_BOUNDARY = "demo-report"
_METADATA = "x-pm-metadata-"


class Provider:
    """A provider that posts to our webhook, with the user name and password that were set there.

    What a mail's X-PM-Metadata-* headers said comes back with each report about it; nothing else of it does.
    """

    def __init__(self, client: httpx2.AsyncClient, username: str, password: str) -> None:
        self._client = client
        self._credentials = "Basic " + base64.b64encode(f"{username}:{password}".encode()).decode()
        self._serial = 4_323_372_036

    async def bounced(self, mail: Mail, now: datetime) -> None:
        """Report that the mailbox does not exist after all."""
        await self._post(
            {
                "RecordType": "Bounce",
                "Type": "HardBounce",
                "TypeCode": 1,
                "Name": "Hard bounce",
                "Description": "The server was unable to deliver your message (ex: unknown user, mailbox not found).",
                "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist.",
                "BouncedAt": now.isoformat(),
            },
            mail,
        )

    async def complained(self, mail: Mail, now: datetime) -> None:
        """Report that the reader marked it as spam."""
        await self._post(
            {
                "RecordType": "SpamComplaint",
                "Type": "SpamComplaint",
                "TypeCode": 512,
                "Name": "Spam complaint",
                "Description": "The subscriber explicitly marked this message as spam.",
                "BouncedAt": now.isoformat(),
            },
            mail,
        )

    async def _post(self, report: dict[str, object], mail: Mail) -> None:
        self._serial += 1
        fields = outbox.headers(mail.path.read_bytes())
        handed_over = {
            name.removeprefix(_METADATA): value[0] for name, value in fields.items() if name.startswith(_METADATA)
        }
        body = {"ID": self._serial, **report, "Email": mail.recipient, "Metadata": handed_over}
        answer = await self._client.post(
            "/webhooks/postmark",
            content=json.dumps(body).encode(),
            headers={"Authorization": self._credentials, "Content-Type": "application/json"},
        )
        if answer.status_code != 200:
            raise DemoError(f"/webhooks/postmark answered {answer.status_code} to a report: {answer.text[:200]}")


def send_back(mail: Mail, now: datetime, maildir: Path) -> None:
    """Put a delivery report (RFC 3464) into the Maildir of the address that the mail said bounces go to."""
    header = mail.path.read_bytes().partition(b"\r\n\r\n")[0]
    site = mail.recipient.rpartition("@")[2]
    text = f"""\
Return-Path: <>
Delivered-To: {mail.sender}
Date: {format_datetime(now)}
From: Mail Delivery System <MAILER-DAEMON@mx.{site}>
To: {mail.sender}
Subject: Undelivered Mail Returned to Sender
Auto-Submitted: auto-replied
Message-ID: <{mail.token[:16]}.report@mx.{site}>
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="{_BOUNDARY}"

--{_BOUNDARY}
Content-Type: text/plain; charset=us-ascii

I am sorry to have to tell you that your message could not be delivered
to one of its recipients. It is attached below.

<{mail.recipient}>: user unknown

--{_BOUNDARY}
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.{site}
Arrival-Date: {format_datetime(mail.at)}

Final-Recipient: rfc822; {mail.recipient}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <{mail.recipient}>: Recipient address rejected: User unknown

--{_BOUNDARY}
Content-Type: text/rfc822-headers

"""
    report = text.replace("\n", "\r\n").encode() + header + f"\r\n\r\n--{_BOUNDARY}--\r\n".encode()
    # As every program that delivers to a Maildir does: written beside, then moved in, so that no half mail is read.
    name = f"{int(now.timestamp())}.{mail.token[:24]}.demo"
    beside = maildir / "tmp" / name
    beside.write_bytes(report)
    beside.replace(maildir / "new" / name)
