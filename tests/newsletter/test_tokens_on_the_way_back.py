"""A complaint or a bounce names a delivery by any one of the places our token stands in, whatever was done to it."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select

from newsletter import feedback
from newsletter.database import Database
from newsletter.engine import parts, returned_mail
from newsletter.feedback import kept, listing
from newsletter.settings import Settings
from newsletter.tables import campaign, delivery, inbox, kept_mail
from subscribers import suppression
from subscribers.links import DeliveryRef
from subscribers.suppression import Reason
from tests import hashes
from webhooks import mailbox
from webhooks.account import MailboxError

COMPLAINT = """From: fbl@mx.example.org
To: {to}
Subject: FW: An invitation
Date: Fri, 15 Jan 2021 11:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

A report of abuse.

--b
Content-Type: message/feedback-report

Feedback-Type: abuse
User-Agent: feedback/1
Version: 1
Original-Rcpt-To: p0@example.org

--b
Content-Type: {part}

From: news@example.org
{header}
Subject: An invitation

{body}
--b--
"""
BOUNCE = """From: MAILER-DAEMON@mx.example.org
To: {to}
Subject: Undelivered Mail Returned to Sender
Date: Fri, 15 Jan 2021 11:00:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

There is no such person here.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; p0@example.org
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 User unknown

--b
Content-Type: {part}

From: news@example.org
{header}
Subject: An invitation

{body}
--b--
"""
PLAIN = "fbl@bounces.example.org"

ADDRESSES = {
    "as it was": "bounce+{token}@bounces.example.org",
    "SRS0": "SRS0=xJ4k=QT=bounces.example.org=bounce+{token}@forwarder.example",
    "SRS1": "SRS1=Hs7d=forwarder.example==xJ4k=QT=bounces.example.org=bounce+{token}@another.example",
    "BATV": "prvs=1234567890=bounce+{token}@bounces.example.org",
    "gateway": "bounce+{token}=bounces.example.org@gateway.example",
    "capitals": "BOUNCE+{TOKEN}@BOUNCES.EXAMPLE.ORG",
    "SRS0 in capitals": "SRS0=XJ4K=QT=BOUNCES.EXAMPLE.ORG=BOUNCE+{TOKEN}@FORWARDER.EXAMPLE",
}
HEADERS = {
    "CFBL-Feedback-ID": "CFBL-Feedback-ID: {token}",
    "CFBL-Feedback-ID in capitals": "CFBL-FEEDBACK-ID: {TOKEN}",
    "CFBL-Feedback-ID folded": "CFBL-Feedback-ID:\n {token}",
    "Message-ID": "Message-ID: <{token}@news.example.org>",
    "Message-ID in capitals": "Message-ID: <{TOKEN}@NEWS.EXAMPLE.ORG>",
    "List-Unsubscribe": "List-Unsubscribe: <mailto:unsubscribe+{token}@bounces.example.org?subject=unsubscribe>",
    "List-Unsubscribe through SRS": (
        "List-Unsubscribe: <mailto:SRS0=xJ4k=QT=bounces.example.org=unsubscribe+{TOKEN}@forwarder.example>"
    ),
    **{f"Return-Path, {how}": f"Return-Path: <{address}>" for how, address in ADDRESSES.items()},
}
KINDS = {"complaint": (COMPLAINT, Reason.COMPLAINT), "bounce": (BOUNCE, Reason.HARD_BOUNCE)}


@pytest.fixture
async def token(database: Database, settings: Settings, now: datetime, add_people: Any) -> str:
    """The token of a delivery that was made to p0@example.org."""
    async with database.begin() as connection:
        (number,) = await add_people(connection, 1, now - timedelta(days=30))
        await connection.execute(insert(campaign).values(id=1, slug="a/b", kind="invitation", created_at=now))
        made = {"campaign_id": 1, "subscriber_id": number, "state": "sent", "attempts": 1, "at": now}
        await connection.execute(insert(delivery), made)
    return parts.links(settings).delivery_token(DeliveryRef("campaign", 1, number))


async def told(database: Database, settings: Settings, now: datetime, raw: str, recipient: str = "") -> Any:
    """Take the mail in and obey it: what follows for the person, and what is said of it."""
    links = parts.links(settings)
    await returned_mail.take(database, links, raw.encode(), now, recipient=recipient)
    async with database.begin() as connection:
        await feedback.Applier(links, settings.bounces).apply_due(connection, now)
        outcome = await connection.scalar(select(inbox.c.outcome))
        return await suppression.find(connection, hashes.of_number(0)), outcome


def filled(text: str, token: str) -> str:
    return text.replace("{token}", token).replace("{TOKEN}", token.upper())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("part", ["message/rfc822", "text/rfc822-headers"])
@pytest.mark.parametrize("carrier", HEADERS)
async def test_one_header_of_the_original_alone_names_the_delivery(
    database: Database, settings: Settings, now: datetime, token: str, carrier: str, part: str, kind: str
) -> None:
    form, expected = KINDS[kind]
    body = "Come!" if part == "message/rfc822" else ""
    raw = form.format(to=PLAIN, part=part, header=filled(HEADERS[carrier], token), body=body)
    reason, outcome = await told(database, settings, now, raw)
    assert (reason, outcome) == (expected, f"suppressed: {expected}")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("is_in_mail", [True, False], ids=["in the mail", "in the envelope"])
@pytest.mark.parametrize("how", ADDRESSES)
async def test_the_address_it_came_to_alone_names_the_delivery(
    database: Database, settings: Settings, now: datetime, token: str, how: str, is_in_mail: bool, kind: str
) -> None:
    form, expected = KINDS[kind]
    address = filled(ADDRESSES[how], token)
    raw = form.format(to=address if is_in_mail else PLAIN, part="message/rfc822", header="X-Nothing: 1", body="Come!")
    reason, _ = await told(database, settings, now, raw, "" if is_in_mail else address)
    assert reason is expected


@pytest.mark.parametrize("named", ["", "Original-Rcpt-To: redacted@example.org\n"], ids=["nobody", "somebody redacted"])
async def test_a_complaint_that_names_nobody_is_taken_at_its_tokens_word(
    database: Database, settings: Settings, now: datetime, token: str, named: str
) -> None:
    header = f"To: [redacted]\nCFBL-Feedback-ID: {token}"
    raw = COMPLAINT.replace("Original-Rcpt-To: p0@example.org\n", named)
    told_of = await told(database, settings, now, raw.format(to=PLAIN, part="message/rfc822", header=header, body="Hi"))
    assert told_of == (Reason.COMPLAINT, "suppressed: complaint")
    async with database.read() as connection:
        (listed,) = await listing.latest(connection)
    assert (listed.heard, listed.receiver) == ("complaint", "p0@example.org")


async def test_an_opt_out_that_names_nobody_is_a_machines_and_answered_by_no_goodbye(
    database: Database, settings: Settings, now: datetime, token: str
) -> None:
    raw = COMPLAINT.replace("Original-Rcpt-To: p0@example.org\n", "").replace("Type: abuse", "Type: opt-out")
    header = f"CFBL-Feedback-ID: {token}"
    _, outcome = await told(
        database, settings, now, raw.format(to=PLAIN, part="message/rfc822", header=header, body="Hi")
    )
    assert outcome == "unsubscribed"


SNS = """From: news <no-reply@sns.amazonaws.com>
To: hello@example.org
Date: Fri, 15 Jan 2021 11:00:00 +0000
Message-ID: <1@eu-west-1.amazonses.com>
Subject: AWS Notification Message

{{"notificationType":"Bounce","bounce":{{"bounceType":"Permanent","bounceSubType":"General","bouncedRecipients":\
[{{"emailAddress":"p0@example.org","status":"5.1.1","diagnosticCode":"smtp; 550 5.1.1 user unknown"}}]}},\
"mail":{{"headers":[{{"name":"Message-ID","value":"<{token}@news.example.org>"}}]}}}}

--
If you wish to stop receiving notifications from this topic, please click or visit the link below to unsubscribe:
"""


async def test_what_amazon_sns_mails_of_ses_is_believed_by_our_token_alone(
    database: Database, settings: Settings, now: datetime, token: str
) -> None:
    forged = "a" * len(token)
    assert await told(database, settings, now, SNS.format(token=forged)) == (
        None,
        "unproven: it names no delivery of ours",
    )
    async with database.begin() as connection:
        ((number, *_),) = (await connection.execute(select(kept_mail.c.id))).all()
        await kept.dismiss(connection, number, now)
        assert await feedback.unproven(connection) == [], "who lets go of the mail has judged what it reports"
        await connection.execute(inbox.delete())
    assert await told(database, settings, now, SNS.format(token=token).replace("<1@", "<2@")) == (
        Reason.HARD_BOUNCE,
        "suppressed: hard-bounce",
    )


async def test_a_mail_that_cannot_leave_its_mailbox_holds_up_none_behind_it(
    database: Database, settings: Settings, now: datetime, token: str, tmp_path: Path
) -> None:
    raw = COMPLAINT.format(to=PLAIN, part="message/rfc822", header=f"CFBL-Feedback-ID: {token}", body="Hi")
    (tmp_path / "new").mkdir()
    (tmp_path / "new" / "1.a").write_bytes(b"Subject: first\n\n")
    (tmp_path / "new" / "2.b").write_text(raw)
    (tmp_path / "cur").write_bytes(b"")
    with pytest.raises(MailboxError, match="cannot be moved"):
        await returned_mail.collect(database, parts.links(settings), mailbox.maildir(tmp_path), now)
    async with database.read() as connection:
        events = await connection.scalars(select(inbox.c.event).order_by(inbox.c.id))
        assert [event["kind"] for event in events] == ["other", "complained"]


@pytest.mark.parametrize("kind", KINDS)
async def test_without_any_token_nothing_follows(
    database: Database, settings: Settings, now: datetime, token: str, kind: str
) -> None:
    raw = KINDS[kind][0].format(to=PLAIN, part="message/rfc822", header="X-Nothing: 1", body="Come!")
    assert await told(database, settings, now, raw) == (None, "unproven: it names no delivery of ours")


@pytest.mark.parametrize("kind", KINDS)
async def test_a_token_that_was_altered_by_a_letter_names_nothing(
    database: Database, settings: Settings, now: datetime, token: str, kind: str
) -> None:
    altered = token[:-1] + ("a" if token[-1] != "a" else "b")
    header = f"CFBL-Feedback-ID: {altered}"
    raw = KINDS[kind][0].format(to=PLAIN, part="message/rfc822", header=header, body="Come!")
    assert await told(database, settings, now, raw) == (None, "unproven: it names no delivery of ours")
