"""What Amazon SNS mails of SES is read for what it says, and nothing that only looks like it."""

import json
import quopri
from typing import Any

import pytest

from webhooks import mailed, reports
from webhooks.events import BounceClass, Kind, Reason
from webhooks.reports import Action, ReportKind

BOUNCE, COMPLAINT, DELIVERED, OTHER = (
    ReportKind.BOUNCE,
    ReportKind.COMPLAINT,
    ReportKind.DELIVERED,
    ReportKind.OTHER,
)
HARD, SOFT, BLOCK = BounceClass.HARD, BounceClass.SOFT, BounceClass.BLOCK

HEAD = """Return-Path: <0102017842f19cb6-000000@eu-west-1.amazonses.com>
Date: Mon, 01 Mar 2021 09:16:00 +0000
From: news-feedback <no-reply@sns.amazonaws.com>
To: hello@afl.example.org
Message-ID: <0102017842f19cb6-000000@eu-west-1.amazonses.com>
Subject: AWS Notification Message
MIME-Version: 1.0
Content-Type: text/plain; charset=UTF-8
Content-Transfer-Encoding: {}
x-amz-sns-message-id: ad6bdf42-f483-5bae-bf50-8fc1aad3f981

"""
FOOT = """

--
If you wish to stop receiving notifications from this topic, please click or visit the link below to unsubscribe:
https://sns.eu-west-1.amazonaws.com/unsubscribe.html?SubscriptionArn=arn:aws:sns:eu-west-1:123456789012:news-feedback

Please do not reply directly to this email.
"""


def compact(payload: bytes) -> str:
    return json.dumps(json.loads(payload), separators=(",", ":"))


def bare(payload: bytes) -> bytes:
    return (HEAD.format("7bit") + compact(payload) + FOOT).encode()


def broken(payload: bytes) -> bytes:
    """As Sendmail passes it on, which breaks a line that is too long wherever that is."""
    text = compact(payload)
    lines = [text[at : at + 400] for at in range(0, len(text), 400)]
    return (HEAD.format("7bit") + "!\n ".join(lines) + FOOT).encode().replace(b"\n", b"\r\n")


def wrapped(payload: bytes) -> bytes:
    """As it comes to an address that is subscribed by `email-json`, in quoted-printable."""
    message = {"Type": "Notification", "MessageId": "m1", "TopicArn": "arn:…", "Message": compact(payload)}
    text = quopri.encodestring(json.dumps(message, indent=2, ensure_ascii=False).encode())
    return HEAD.format("quoted-printable").encode() + text + FOOT.encode()


@pytest.mark.parametrize("mailing", [bare, broken, wrapped])
@pytest.mark.parametrize(
    ("name", "kind", "action", "bounce", "reason"),
    [
        ("bounce-permanent", BOUNCE, Action.FAILED, HARD, Reason.NO_SUCH_USER),
        ("bounce-mailbox-full", BOUNCE, Action.FAILED, SOFT, Reason.MAILBOX_FULL),
        ("bounce-published", BOUNCE, Action.FAILED, HARD, Reason.NO_SUCH_USER),
        ("bounce-permanent-blocked", BOUNCE, Action.FAILED, BLOCK, Reason.REPUTATION),
        ("complaint", COMPLAINT, Action.REPORTED, None, Reason.UNKNOWN),
        ("delivery", DELIVERED, Action.DELIVERED, None, Reason.UNKNOWN),
        ("delivery-delay", OTHER, Action.DELAYED, SOFT, Reason.MAILBOX_FULL),
    ],
)
def test_a_notification_that_sns_mails_is_read_as_the_one_that_it_posts(
    payload: Any,
    now: Any,
    token: str,
    mailing: Any,
    name: str,
    kind: ReportKind,
    action: Action,
    bounce: Any,
    reason: Any,
) -> None:
    report = mailed.read(mailing(payload(f"ses/{name}.json")), now=now)
    (one,) = report.recipients
    assert (report.kind, one.action, one.bounce, one.reason) == (kind, action, bounce, reason)
    assert (one.address, report.tokens[0]) == ("ana@school.example", token)
    assert report.at < now


def test_each_recipient_of_one_that_names_two_is_told_of(payload: Any, now: Any) -> None:
    report = mailed.read(bare(payload("ses/bounce-two.json")), now=now)
    assert len(report.recipients) == 2
    assert {event.kind for event in reports.events(report, token=None)} == {Kind.BOUNCED}


@pytest.mark.parametrize(
    "text",
    [
        "Look what they sent:\n{}",
        "{}\nWhat does it mean?",
        '{{"notificationType": "Bounce", "bounce": "none"}}',
        '{{"id": 7, "mail": {{"destination": ["ana@school.example"]}}}}',
        '{{"Type": "Notification", "Message": "the disk is full"}}',
        '{{"Type": "SubscriptionConfirmation", "Message": {}}}',
        "{{",
        "[{}]",
    ],
)
def test_what_is_not_exactly_a_notification_is_left_to_people(payload: Any, now: Any, text: str) -> None:
    raw = (HEAD.format("7bit") + text.format(compact(payload("ses/bounce-permanent.json"))) + FOOT).encode()
    report = mailed.read(raw, now=now)
    assert (report.kind, report.recipients) == (OTHER, ())


@pytest.mark.parametrize("name", ["complaint-not-spam", "send", "open", "subscription-topic"])
def test_a_notification_from_which_nothing_follows_stays_for_people(payload: Any, now: Any, name: str) -> None:
    report = mailed.read(bare(payload(f"ses/{name}.json")), now=now)
    assert (report.kind, report.recipients) == (OTHER, ())


def test_all_else_is_read_as_it_was(mails: Any, now: Any) -> None:
    for path in sorted(mails.glob("*.eml")):
        raw = path.read_bytes()
        assert mailed.read(raw, now=now) == reports.read(raw, now=now)
