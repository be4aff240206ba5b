import re
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from webhooks import reports
from webhooks.events import BounceClass, Kind, Reason
from webhooks.reports import Action, ReportKind

NOW = datetime(2021, 3, 1, tzinfo=UTC)
MAILS = [path.read_bytes() for path in sorted((Path(__file__).parent / "mails").glob("*.eml"))]

FRAGMENTS = [
    b"From: MAILER-DAEMON@x.example\n",
    b"Return-Path: <>\n",
    b"Subject: Undelivered Mail\n",
    b"Subject: =?utf-8?B?5L?=\n",
    b"Subject: =?x-unknown?Q?=FF?=\n",
    b"X-Failed-Recipients: a@b.example\n",
    b'Content-Type: multipart/report; boundary="b"\n',
    b'Content-Type: multipart/mixed; boundary=""\n',
    b"Content-Type: text/html; charset=utf-7\n",
    b"Content-Type: text/plain; charset=idna\n",
    b"Content-Type: message/delivery-status\n",
    b"Content-Type: message/feedback-report\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Content-Transfer-Encoding: quoted-printable\n",
    b"\n",
    b"\n--b\n",
    b"\n--b--\n",
    b"--b\n--b\n--b\n",
    b"Final-Recipient: rfc822; a@b.example\n",
    b"Final-Recipient: ;\n",
    b"Original-Recipient: utf-8; \\x{110000}@b\n",
    b"Action: failed\n",
    b"Status: 5.1.1\n",
    b"Feedback-Type: abuse\n",
    b"<a@b.example>: user unknown\n",
    b"\xff\xfe\x00=\n",
    b"=?=\r\r\n",
]


@settings(max_examples=400, deadline=None)
@given(
    st.binary(max_size=2000) | st.lists(st.sampled_from(FRAGMENTS) | st.binary(max_size=20), max_size=30).map(b"".join)
)
@example(b"")
@example(b"\n")
@example(b"From ")
def test_no_bytes_at_all_make_the_reader_fail(raw):
    report = reports.read(raw, now=NOW)
    assert report.at <= NOW
    assert report == reports.read(raw, now=NOW)
    assert all(event.address is not None for event in reports.events(report, token=None))


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_a_real_bounce_damaged_anywhere_is_still_read_without_failing(data):
    raw = data.draw(st.sampled_from(MAILS))
    place = data.draw(st.integers(0, len(raw)))
    cut = data.draw(st.integers(0, 50))
    reports.read(raw[:place] + data.draw(st.binary(max_size=10)) + raw[place + cut :], now=NOW)


def nested(levels):
    """A multipart in a multipart in a multipart, as deep as asked."""
    heads = b"".join(
        b'Content-Type: multipart/report; boundary="b%d"\n\n--b%d\n' % (level, level) for level in range(levels)
    )
    return b"From: mailer-daemon@x.example\nSubject: Undelivered\n" + heads + b"\nhello"


BOMBS = {
    "50 MB of returned mail": lambda mail: mail + b"x" * 50_000_000,
    "50 MB in one line": lambda mail: b"Subject: " + b"x" * 50_000_000,
    "a million headers": lambda mail: b"X: y\n" * 1_000_000,
    "a million recipients": lambda mail: mail.replace(
        b"Status:", b"Final-Recipient: rfc822; a@b.example\n\n" * 50_000 + b"Status:"
    ),
    "a million parts": lambda mail: mail.replace(b"--b1\n", b"--b1\n\n" * 200_000),
    "multiparts in multiparts": lambda mail: nested(20_000),
    "a boundary of dashes": lambda mail: b'Content-Type: multipart/report; boundary="--"\n\n' + b"--" * 500_000,
    "angle brackets": lambda mail: (
        b"Content-Type: text/html\nFrom: mailer-daemon@x\nSubject: undelivered\n\n" + b"<" * 1_000_000
    ),
    "at signs": lambda mail: b"From: mailer-daemon@x\nSubject: undelivered\n\n" + b"a@" * 500_000,
    "letters": lambda mail: b"From: mailer-daemon@x\nSubject: undelivered\n\n" + b"a" * 1_000_000,
    "a header that goes on": lambda mail: b"X: y\n" + b" z\n" * 500_000,
    "encoded words": lambda mail: b"Subject: " + b"=?utf-8?Q?a?= " * 100_000 + b"\n\n",
    "an encoded word that never ends": lambda mail: b"Subject: " + b"=?" * 500_000 + b"\n\n",
    "blank lines": lambda mail: b"From: mailer-daemon@x\nSubject: undelivered\n\n" + b" \n" * 500_000,
    "styles that never end": lambda mail: (
        b"Content-Type: text/html\nFrom: mailer-daemon@x\nSubject: undelivered\n\n" + b"<style>" * 100_000
    ),
    "comments that never end": lambda mail: (
        b"Content-Type: text/html\nFrom: mailer-daemon@x\nSubject: undelivered\n\n" + b"<!--" * 100_000
    ),
    "dashes": lambda mail: b"From: mailer-daemon@x\nSubject: undelivered\n\n" + b"-" * 1_000_000,
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_mail_built_to_hurt_is_read_within_a_few_seconds(bomb, mail, now):
    raw = BOMBS[bomb](mail("postfix-unknown-user.eml"))
    started = time.process_time()
    reports.read(raw, now=now)
    assert time.process_time() - started < 5


def test_a_report_before_50_mb_of_returned_mail_is_still_understood(mail, now):
    report = reports.read(mail("sendmail-unknown-user.eml").replace(b"\nHello", b"\n" + b"x" * 50_000_000), now=now)
    assert report.recipients[0].bounce is BounceClass.HARD


@pytest.mark.parametrize(
    ("sender", "kind"), [("no-reply@auone.example", ReportKind.BOUNCE), ("bo@auone.example", ReportKind.OTHER)]
)
def test_a_mail_that_encloses_another_is_a_bounce_where_nobody_can_be_answered(sender, kind, mail, now):
    head = b"Return-Path: <>\nFrom: ana@auone.example"
    report = reports.read(mail("auone-full.eml").replace(head, f"From: {sender}".encode()), now=now)
    assert (report.sender, report.kind) == (sender, kind)


@pytest.mark.parametrize("name", ["report-beside-a-disclaimer", "report-enclosed-by-a-gateway"])
def test_a_report_that_a_person_encloses_is_for_people_to_read(name, mail, now):
    head, _, rest = mail(f"{name}.eml").partition(b"\nTo:")
    assert b"postmaster" in head
    report = reports.read(b"Return-Path: <bo@school.example>\nFrom: bo@school.example\nTo:" + rest, now=now)
    assert report.kind is ReportKind.OTHER


def test_a_receipt_for_a_mail_thrown_away_unread_is_no_refusal(mail, now):
    thrown_away = mail("sieve-refused.eml").replace(b"was automatically rejected", b"was deleted without being read")
    assert reports.read(thrown_away, now=now).kind is ReportKind.OTHER


def test_a_bounce_becomes_one_event_for_each_recipient(mail, now, token):
    report = reports.read(mail("postfix-one-failed-one-delayed.eml"), now=now)
    delayed, failed = reports.events(report, token=token)
    assert (delayed.kind, delayed.bounce, delayed.reason) == (Kind.DEFERRED, BounceClass.SOFT, Reason.NETWORK)
    assert (failed.kind, failed.bounce, failed.reason) == (Kind.BOUNCED, BounceClass.BLOCK, Reason.RELAY_DENIED)
    assert delayed.id != failed.id
    assert {delayed.token, failed.token} == {token}


@pytest.mark.parametrize(
    ("name", "kind", "address"),
    [
        ("arf-abuse", Kind.COMPLAINED, "ana@isp.example"),
        ("arf-opt-out", Kind.UNSUBSCRIBED, "ana@isp.example"),
        ("arf-not-spam", Kind.OTHER, "ana@isp.example"),
        ("unsubscribe-by-mail", Kind.UNSUBSCRIBED, "ana@school.example"),
        ("vacation-gmail", Kind.AUTO_REPLIED, "ana@gmail.example"),
        ("postfix-delivered", Kind.DELIVERED, "ana@school.example"),
        ("postfix-delayed", Kind.DEFERRED, "ana@school.example"),
        ("person-asks", Kind.OTHER, "ana@school.example"),
    ],
)
def test_every_kind_of_mail_becomes_the_event_it_means(name, kind, address, mail, now):
    (event,) = reports.events(reports.read(mail(f"{name}.eml"), now=now), token=None)
    assert (event.kind, event.address, event.token) == (kind, address, None)


def test_the_same_mail_read_twice_gives_the_same_ids(mail, now):
    raw = mail("postfix-two-recipients.eml")
    again = reports.read(b"Received: from elsewhere\n" + raw, now=now + timedelta(days=1))
    assert [event.id for event in reports.events(reports.read(raw, now=now), token=None)] == [
        event.id for event in reports.events(again, token=None)
    ]


def test_a_report_dated_in_the_future_happened_when_it_was_read(mail, now):
    raw = mail("postfix-unknown-user.eml").replace(b"2021", b"2999")
    assert reports.read(raw, now=now).at == now


def test_a_bounce_that_names_nobody_still_tells_by_its_token(now, token):
    raw = (
        f"Return-Path: <>\nFrom: MAILER-DAEMON@x.example\nTo: bounce+{token}@bounces.example.org\n"
        "Subject: Undelivered mail\n\nSorry, user unknown.\n"
    ).encode()
    report = reports.read(raw, now=now)
    assert (report.kind, report.tokens) == (ReportKind.BOUNCE, (token,))
    assert [(each.address, each.bounce) for each in report.recipients] == [("", BounceClass.HARD)]


def test_of_replies_that_begin_alike_only_the_beginning_is_told(mail, now):
    beginning = "550-Thank you for writing to the school. Your mail was not taken"
    raw = mail("sendmail-callout.eml")
    (whole,) = reports.read(raw, now=now).recipients
    assert whole.diagnostic.startswith(beginning)
    assert whole.diagnostic.endswith("550 Sender verify failed")
    other = f"<<< {beginning}\n<<< 550 Mailbox full\n<<< 503".encode()
    (told,) = reports.read(raw.replace(b"<<< 503", other), now=now).recipients
    assert told.diagnostic == beginning


def test_an_unsubscribe_is_never_taken_from_a_machine(mail, now):
    raw = mail("unsubscribe-by-mail.eml")
    assert reports.read(raw, now=now).kind is ReportKind.UNSUBSCRIBE
    for sign in (
        b"Auto-Submitted: auto-generated",
        b"Auto-Submitted: auto-replied",
        b"Precedence: bulk",
        b"List-Id: <l.example>",
        b"X-Autoreply: yes",
        b"X-Auto-Response-Suppress: OOF",
    ):
        assert reports.read(sign + b"\n" + raw, now=now).kind is not ReportKind.UNSUBSCRIBE, sign
    assert (
        reports.read(raw.replace(b"Return-Path: <ana@school.example>", b"Return-Path: <>"), now=now).kind
        is ReportKind.OTHER
    )
    for sender in (
        b"MAILER-DAEMON@mx.example",
        b"Mail Delivery System <MAILER-DAEMON>",
        b"MAILER-DAEMON (Mail)",
        b"A list <owner-talk@lists.example>",
        b"talk-request@lists.example",
    ):
        from_there = re.sub(rb"(?m)^From: .*$", b"From: " + sender, raw)
        assert reports.read(from_there, now=now).kind is not ReportKind.UNSUBSCRIBE, sender
    for person in (b"ana-request-band@school.example", b"owner@school.example"):
        from_there = re.sub(rb"(?m)^From: .*$", b"From: " + person, raw)
        assert reports.read(from_there, now=now).kind is ReportKind.UNSUBSCRIBE, person
    without = raw.replace(b"Return-Path: <ana@school.example>\n", b"")
    assert reports.read(b"From ana@school.example Fri Jan 15 12:00:00 2021\n" + without, now=now).kind == "unsubscribe"
    assert reports.read(b"From MAILER-DAEMON Fri Jan 15 12:00:00 2021\n" + without, now=now).kind == "other"


def test_an_unsubscribe_without_a_token_says_so(now):
    raw = b"From: a@b.example\nTo: unsubscribe@bounces.example.org\nSubject: out\n\n"
    report = reports.read(raw, now=now)
    assert (report.kind, report.tokens, report.sender) == (ReportKind.UNSUBSCRIBE, (), "a@b.example")


@pytest.mark.parametrize(
    ("action", "status", "expected"),
    [
        ("failed", "2.0.0", Action.FAILED),
        ("failure", "5.1.1", Action.FAILED),
        ("Failed (bounced)", "5.1.1", Action.FAILED),
        ("delayed", "5.1.1", Action.DELAYED),
        ("", "5.1.1", Action.FAILED),
        ("", "4.1.1", Action.DELAYED),
        ("", "", Action.DELAYED),
        ("expanded", "2.0.0", Action.DELIVERED),
    ],
)
def test_the_action_says_whether_it_failed_and_the_status_only_why(action, status, expected, mail, now):
    raw = mail("postfix-unknown-user.eml").replace(b"Action: failed", f"Action: {action}".encode())
    raw = raw.replace(b"Status: 5.1.1", f"Status: {status}".encode())
    assert reports.read(raw, now=now).recipients[0].action is expected
