"""Every mail of the corpus and what must be read in it. To teach the reader a new mail, add both here and there."""

from email.utils import parsedate_to_datetime

import pytest

from webhooks import reports

MAILS = [
    ("postfix-unknown-user", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("postfix-no-domain", "bounce", [("ana@shcool.example", "hard", "no-such-domain", "5.4.4")]),
    ("postfix-expired-timeout", "bounce", [("ana@school.example", "soft", "network", "4.4.1")]),
    ("postfix-blocked", "bounce", [("ana@school.example", "block", "reputation", "5.7.1")]),
    (
        "postfix-two-recipients",
        "bounce",
        [
            ("ana@school.example", "hard", "no-such-user", "5.1.1"),
            ("bo@school.example", "soft", "mailbox-full", "5.2.2"),
        ],
    ),
    ("postfix-delayed", "other", [("ana@school.example", "soft", "greylisted", "4.2.0")]),
    ("postfix-delivered", "delivered", [("ana@school.example", None, "unknown", "2.0.0")]),
    (
        "postfix-one-failed-one-delayed",
        "bounce",
        [("ana@school.example", "soft", "network", "4.4.1"), ("bo@school.example", "block", "relay-denied", "5.7.1")],
    ),
    ("postfix-forwarded", "bounce", [("ana@school.example", "block", "authentication", "5.7.26")]),
    ("postfix-cr-only", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("postfix-in-mbox-form", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("postfix-boundary-lost", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("verp-through-srs", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("exim-old", "bounce", [("ana@school.example", "hard", "no-such-user", "")]),
    ("ndr-without-an-address", "bounce", [("ana@school.example", "hard", "no-such-user", "")]),
    ("exim-alias", "bounce", [("ana@school.example", "hard", "no-such-user", "")]),
    ("exim-dsn-alias", "bounce", [("ana@school.example", "soft", "expired", "5.0.0")]),
    ("exim-unrouteable", "bounce", [("ana@shcool.example", "hard", "no-such-domain", "")]),
    ("exim-dsn-quota", "bounce", [("ana@school.example", "soft", "mailbox-full", "5.0.0")]),
    ("exim-warning", "other", [("ana@school.example", "soft", "greylisted", "4.7.1")]),
    ("opensmtpd-warning", "other", [("ana@school.example", "soft", "network", "")]),
    ("qmail-no-mailbox", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    (
        "qmail-remote-refused",
        "bounce",
        [("ana@school.example", "block", "content", "5.7.1"), ("bo@other.example", "soft", "mailbox-full", "")],
    ),
    ("qmail-too-long", "bounce", [("ana@school.example", "soft", "expired", "4.4.3")]),
    ("sendmail-unknown-user", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("sendmail-ancient", "bounce", [("ana@school.example", "hard", "no-such-user", "")]),
    ("sendmail-callout", "bounce", [("ana@school.example", "block", "policy", "5.1.1")]),
    ("sendmail-sender-refused", "bounce", [("ana@school.example", "block", "policy", "5.1.8")]),
    ("sendmail-told-in-words-alone", "bounce", [("ana@school.example", "hard", "no-such-user", "5.5.0")]),
    ("openmail-unknown", "bounce", [("ana@school.example", "hard", "no-such-user", "")]),
    ("zoho-invalid-address", "bounce", [("ana@school.example", "hard", "no-such-user", "")]),
    ("telephone-unknown", "bounce", [("5550100@telephone.example", "hard", "no-such-user", "")]),
    ("sendgrid-expired", "bounce", [("ana@school.example", "soft", "network", "")]),
    ("office365-not-found", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.10")]),
    ("office365-edge-blocking", "bounce", [("ana@school.example", "hard", "no-such-user", "5.4.1")]),
    ("office365-group-closed", "bounce", [("all@school.example", "block", "relay-denied", "5.7.133")]),
    ("office365-banned-ip", "bounce", [("ana@school.example", "block", "reputation", "5.7.606")]),
    ("office365-html-table", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.10")]),
    ("exchange-full", "bounce", [("ana@school.example", "soft", "mailbox-full", "5.2.2")]),
    ("exchange-french", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("exchange-too-big", "bounce", [("ana@school.example", "block", "too-big", "5.2.3")]),
    ("exchange-expired", "bounce", [("ana@school.example", "soft", "expired", "5.4.7")]),
    ("exchange-2003", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("exchange-below-blank-lines", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("mimecast-rejected", "bounce", [("ana@school.example", "block", "policy", "5.0.0")]),
    ("proofpoint-not-found", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("proofpoint-reputation", "bounce", [("ana@school.example", "block", "reputation", "4.0.0")]),
    ("barracuda-intent", "bounce", [("ana@school.example", "block", "content", "5.7.1")]),
    ("zimbra-quota", "bounce", [("ana@school.example", "soft", "mailbox-full", "5.2.2")]),
    ("domino-not-listed", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("domino-japanese", "bounce", [("ana@gakko.example", "hard", "no-such-user", "5.0.0")]),
    ("lotus-not-listed", "bounce", [("ana@school.example", "hard", "no-such-user", "")]),
    ("oracle-status-in-words", "bounce", [("ana@shcool.example", "hard", "no-such-domain", "5.4.4")]),
    ("lotus-loop", "bounce", [("ana@school.example", "soft", "system", "5.0.0")]),
    ("outlook-com-unavailable", "bounce", [("ana@outlook.example", "hard", "no-such-user", "5.5.0")]),
    ("outlook-com-s3140", "bounce", [("ana@outlook.example", "block", "reputation", "5.7.1")]),
    ("gmail-no-such-user", "bounce", [("ana@gmail.example", "hard", "no-such-user", "5.1.1")]),
    ("gmail-full", "bounce", [("ana@gmail.example", "soft", "mailbox-full", "4.2.2")]),
    ("gmail-disabled", "bounce", [("ana@gmail.example", "hard", "mailbox-disabled", "5.2.1")]),
    ("gmail-unsolicited", "bounce", [("ana@gmail.example", "block", "content", "5.7.1")]),
    ("gmail-rate", "bounce", [("ana@gmail.example", "soft", "rate-limited", "4.2.1")]),
    ("gmail-before-dsn", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("google-group-japanese", "bounce", [("parents@groups.example", "block", "policy", "")]),
    ("yahoo-old", "bounce", [("ana@yahoo.example", "hard", "no-such-user", "")]),
    ("yahoo-disabled", "bounce", [("ana@yahoo.example", "hard", "mailbox-disabled", "5.0.0")]),
    ("yahoo-complaints", "bounce", [("ana@yahoo.example", "block", "reputation", "4.7.0")]),
    ("qq-not-found", "bounce", [("10001@qq.example", "hard", "no-such-user", "")]),
    ("qq-frequency", "bounce", [("10001@qq.example", "block", "rate-limited", "")]),
    ("netease-suspended", "bounce", [("ana@163.example", "soft", "mailbox-disabled", "5.0.0")]),
    ("netease-spam", "bounce", [("ana@163.example", "block", "content", "5.0.0")]),
    ("netease-no-such-user", "bounce", [("ana@163.example", "hard", "no-such-user", "5.0.0")]),
    ("naver-unknown", "bounce", [("ana@naver.example", "hard", "no-such-user", "5.1.1")]),
    ("docomo-unknown", "bounce", [("ana@docomo.example", "hard", "no-such-user", "")]),
    ("docomo-refused", "bounce", [("ana@docomo.example", "block", "policy", "5.2.0")]),
    ("auone-full", "bounce", [("ana@auone.example", "soft", "mailbox-full", "")]),
    ("docomo-full", "bounce", [("ana@docomo.example", "soft", "mailbox-full", "4.2.2")]),
    ("yahoo-jp-unknown", "bounce", [("ana@yahoo-jp.example", "hard", "no-such-user", "5.1.1")]),
    ("mailru-unknown", "bounce", [("ana@mail-ru.example", "hard", "no-such-user", "5.0.0")]),
    ("mailru-full", "bounce", [("ana@mail-ru.example", "soft", "mailbox-full", "")]),
    ("yandex-unknown", "bounce", [("ana@yandex.example", "hard", "no-such-user", "5.7.1")]),
    ("rambler-full", "bounce", [("ana@rambler.example", "soft", "mailbox-full", "")]),
    ("gmx-unknown", "bounce", [("ana@gmx.example", "hard", "no-such-user", "5.0.0")]),
    ("t-online-unknown", "bounce", [("ana@t-online.example", "hard", "no-such-user", "5.1.1")]),
    ("german-full", "bounce", [("ana@schule.example", "soft", "mailbox-full", "")]),
    ("orange-unknown", "bounce", [("ana@orange.example", "hard", "no-such-user", "5.1.1")]),
    ("orange-too-many", "bounce", [("ana@orange.example", "soft", "rate-limited", "4.0.0")]),
    ("orange-disabled", "bounce", [("ana@orange.example", "hard", "mailbox-disabled", "5.2.1")]),
    ("free-refused", "bounce", [("ana@free.example", "block", "content", "5.0.0")]),
    ("free-too-many-errors", "bounce", [("ana@free.example", "soft", "rate-limited", "4.0.0")]),
    ("spanish-unknown", "bounce", [("ana@escuela.example", "hard", "no-such-user", "")]),
    ("spanish-unknown-or-full", "bounce", [("ana@escuela.example", "soft", "mailbox-full", "")]),
    ("portuguese-full", "bounce", [("ana@escola.example", "soft", "mailbox-full", "")]),
    ("italian-unknown", "bounce", [("ana@scuola.example", "hard", "no-such-user", "")]),
    ("polish-unknown", "bounce", [("ana@szkola.example", "hard", "no-such-user", "")]),
    ("internationalised", "bounce", [("zoë@bücher.example", "hard", "no-such-user", "5.1.1")]),
    ("virus-refused", "bounce", [("ana@school.example", "block", "virus", "5.7.1")]),
    ("moved", "bounce", [("ana@school.example", "hard", "moved", "5.1.6")]),
    ("status-unhelpful", "bounce", [("ana@school.example", "soft", "unknown", "5.0.0")]),
    ("status-contradicted", "bounce", [("ana@school.example", "block", "reputation", "5.1.1")]),
    ("loop", "bounce", [("ana@school.example", "soft", "system", "5.4.6")]),
    ("null-mx", "bounce", [("ana@school.example", "hard", "no-such-domain", "5.1.0")]),
    ("arf-abuse", "complaint", [("ana@isp.example", None, "unknown", "")]),
    ("arf-redacted", "complaint", [("ana@isp.example", None, "unknown", "")]),
    ("arf-unfolded", "complaint", [("ana@isp.example", None, "unknown", "")]),
    ("arf-opt-out", "unsubscribe", [("ana@isp.example", None, "unknown", "")]),
    ("arf-not-spam", "other", [("ana@isp.example", None, "unknown", "")]),
    ("arf-auth-failure", "other", [("ana@isp.example", None, "unknown", "")]),
    ("microsoft-junk-report", "complaint", [("ana@hotmail.example", None, "unknown", "")]),
    ("microsoft-junk-report-bare", "complaint", [("ana@hotmail.example", None, "unknown", "")]),
    ("vacation-gmail", "auto-reply", []),
    ("vacation-exchange", "auto-reply", []),
    ("vacation-old", "auto-reply", []),
    ("vacation-chinese", "auto-reply", []),
    ("no-longer-works-here", "auto-reply", []),
    ("challenge", "auto-reply", []),
    ("challenge-boxbe", "auto-reply", []),
    ("challenge-as-a-report", "bounce", [("ana@school.example", "block", "policy", "4.7.0")]),
    ("quarantine", "other", []),
    ("quarantine-digest", "other", []),
    ("quarantine-from-postmaster", "other", []),
    ("office365-quarantined", "other", []),
    ("own-words-in-the-title", "bounce", [("ana@school.example", "soft", "unknown", "")]),
    ("own-words-in-the-notice", "bounce", [("ana@school.example", "soft", "unknown", "5.0.0")]),
    ("own-words-in-a-spanish-copy", "bounce", [("ana@school.example", "soft", "unknown", "")]),
    ("own-words-in-the-copy", "bounce", [("ana@school.example", "soft", "unknown", "")]),
    ("own-words-in-the-title-alone", "bounce", [("ana@school.example", "soft", "unknown", "")]),
    ("own-words-below-a-notice", "bounce", [("ana@school.example", "soft", "unknown", "5.0.0")]),
    (
        "two-reasons-in-words",
        "bounce",
        [("ana@school.example", "soft", "network", "5.0.0"), ("bo@school.example", "hard", "no-such-user", "5.0.0")],
    ),
    (
        "two-reasons-in-a-notice",
        "bounce",
        [("ana@school.example", "soft", "unknown", ""), ("bo@school.example", "hard", "no-such-user", "5.1.1")],
    ),
    ("sendmail-below-a-banner", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("original-message-told-of", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("report-beside-a-disclaimer", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("report-enclosed-by-a-gateway", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("report-without-sender-or-status", "bounce", [("ana@school.example", "hard", "no-such-user", "")]),
    ("gateway-transcript", "bounce", [("ana@school.example", "hard", "no-such-user", "5.1.1")]),
    ("headers-repeated", "bounce", [("ana@school.example", "soft", "mailbox-full", "")]),
    ("sieve-refused", "bounce", [("ana@school.example", "soft", "mailbox-full", "")]),
    ("receipt", "other", []),
    ("unsubscribe-by-mail", "unsubscribe", []),
    ("unsubscribe-by-robot", "auto-reply", []),
    ("unsubscribe-from-a-list", "other", []),
    ("person-attaches-a-bounce", "other", []),
    ("person-asks", "other", []),
    ("person-in-reply", "other", []),
]


@pytest.mark.parametrize(("name", "kind", "recipients"), MAILS, ids=[row[0] for row in MAILS])
def test_a_mail_that_came_back_is_read(name, kind, recipients, mail, now, token):
    report = reports.read(mail(f"{name}.eml"), now=now)
    read = [(each.address, each.bounce, each.reason, each.status) for each in report.recipients]
    assert (report.kind, read) == (kind, recipients)
    assert report.tokens == (token,)
    assert report.at == parsedate_to_datetime("Mon, 1 Mar 2021 09:15:30 +0000")


def test_every_mail_of_the_corpus_stands_in_the_table(mails):
    assert {path.stem for path in mails.glob("*.eml")} == {name for name, _, _ in MAILS}


def test_hard_is_right_whenever_it_is_said(mail, now):
    """Of a hundred addresses we would bury, at least 95 must be dead; in the corpus it is all of them."""
    expected = {name: {address: bounce for address, bounce, _, _ in rows} for name, _, rows in MAILS}
    said = [
        expected[name][each.address]
        for name, _, _ in MAILS
        for each in reports.read(mail(f"{name}.eml"), now=now).recipients
        if each.bounce == "hard"
    ]
    assert len(said) > 30
    assert all(bounce == "hard" for bounce in said)


def test_a_report_is_read_the_same_with_each_kind_of_line_end(mail, now):
    for name, _, _ in MAILS:
        raw = mail(f"{name}.eml").replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        report = reports.read(raw, now=now)
        for end in (b"\r\n", b"\r"):
            again = reports.read(raw.replace(b"\n", end), now=now)
            assert (again.kind, again.recipients, again.tokens) == (report.kind, report.recipients, report.tokens)
