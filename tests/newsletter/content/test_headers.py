import email
import email.policy
from dataclasses import replace
from datetime import datetime
from email.message import EmailMessage

import pytest

from newsletter import content


def sent(kind: str, facts: content.Facts, envelope: content.Envelope, values: dict[str, str]) -> EmailMessage:
    skeleton = content.compile(kind, facts, content.Facets(named=True), envelope=envelope)
    return email.message_from_bytes(skeleton.fill(values), policy=email.policy.default)


def test_a_campaigns_mail_carries_what_mailboxes_demand(
    facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    mail = sent("invitation", facts, envelope, values)
    token, one_click = values["token"], f"{facts.public_url}/one-click/{values['unsubscribe_link']}"
    assert {name: str(value) for name, value in mail.items() if name != "Content-Type"} == {
        "From": "The Orchard Gatherings <news@orchard.example.org>",
        "To": "Zoë O’Neil <zoe@example.org>",
        "Reply-To": "hello@orchard.example.org",
        "Subject": "You are invited: An evening of lanterns: what we learned this year",
        "Date": "Wed, 24 Sep 2031 09:00:00 +0000",
        "Message-ID": f"<{token}@orchard.example.org>",
        "List-Id": "The Orchard Gatherings <orchard.orchard.example.org>",
        "List-Help": "<mailto:hello@orchard.example.org?subject=help>",
        "List-Unsubscribe": f"<{one_click}>, <mailto:unsubscribe+{token}@bounces.example.org>",
        "List-Unsubscribe-Post": "List-Unsubscribe=One-Click",
        "Feedback-ID": "lanterns-invitation:orchard:invitation:orchard.example.org",
        "CFBL-Address": "bounce@bounces.example.org; report=arf",
        "CFBL-Feedback-ID": token,
        "Precedence": "bulk",
        "MIME-Version": "1.0",
    }
    assert mail.get_content_type() == "multipart/mixed"
    alternatives, file = mail.iter_parts()
    kinds = [part.get_content_type() for part in alternatives.iter_parts()]
    assert kinds == ["text/plain", "text/html", "text/calendar"]
    assert file.get_content_type() == "application/ics"


def test_a_mail_without_anything_for_a_calendar_has_two_parts(
    facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    mail = sent("reminder", facts, envelope, values)
    assert mail.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in mail.iter_parts()] == ["text/plain", "text/html"]


def test_a_transactional_mail_says_that_a_machine_sent_it_and_offers_no_one_click(
    facts: content.Facts, transactional: content.Envelope, values: dict[str, str]
) -> None:
    mail = sent("confirm", replace(facts, event=None), transactional, values)
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail["Feedback-ID"] == "transactional:orchard:confirm:orchard.example.org"
    assert not [name for name in mail.keys() if name.startswith("List-") or name == "Precedence"]  # noqa: SIM118


def test_the_unsubscribe_link_is_never_folded(
    facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    skeleton = content.compile("invitation", facts, content.Facets(), envelope=envelope)
    link = "t" * 200
    header = skeleton.fill({**values, "unsubscribe_link": link}).partition(b"\r\n\r\n")[0]
    (line,) = [line for line in header.split(b"\r\n") if line.startswith(b"List-Unsubscribe:")]
    assert link.encode() in line
    assert line.endswith(b"@bounces.example.org>")


def test_without_an_address_for_bounces_no_mail_is_promised_to_it(
    facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    mail = sent("invitation", facts, replace(envelope, bounce=""), values)
    assert mail["List-Unsubscribe"] == f"<{facts.public_url}/one-click/{values['unsubscribe_link']}>"
    assert "CFBL-Address" not in mail
    assert "CFBL-Feedback-ID" not in mail


def test_a_sender_in_any_script_is_encoded_and_an_idn_domain_is_an_a_label(
    facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    odd = replace(envelope, sender_name="Bücher, \r\nBcc: x", list_name="列表", sender_email="news@bücher.example")
    skeleton = content.compile("invitation", facts, content.Facets(), envelope=odd)
    mail = email.message_from_bytes(skeleton.fill(values), policy=email.policy.default)
    assert mail["From"].addresses[0].display_name == "Bücher, Bcc: x"
    assert mail["Message-ID"].endswith("@xn--bcher-kva.example>")
    assert mail["List-Id"].endswith("<orchard.xn--bcher-kva.example>")
    assert "Bcc" not in mail


def test_a_person_without_a_name_is_written_to_by_address(
    facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    mail = sent("invitation", facts, envelope, {**values, "first_name": "", "last_name": " "})
    assert str(mail["To"]) == "zoe@example.org"


def test_a_date_without_a_zone_is_refused(facts: content.Facts, envelope: content.Envelope) -> None:
    naive = replace(envelope, date=datetime(2031, 1, 1))  # noqa: DTZ001 # the very mistake
    with pytest.raises(content.ContentError, match="time zone"):
        content.compile("invitation", facts, content.Facets(), envelope=naive)


def test_a_mail_that_all_may_read_says_where_and_another_says_nothing(
    facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    url = "https://news.example.org/archive/lanterns/invitation"
    archived = replace(envelope, archive="https://news.example.org/events", archived_at=url)
    mail = sent("invitation", replace(facts, archive_url=url), archived, values)
    assert mail["List-Archive"] == "<https://news.example.org/events>"  # RFC 2369
    assert mail["Archived-At"] == f"<{url}>"  # RFC 5064
    for kind in ("plain", "html"):
        assert url in mail.get_body((kind,)).get_content()
    mail = sent("invitation", facts, envelope, values)
    assert mail["List-Archive"] is None
    assert mail["Archived-At"] is None
    assert "View in the browser" not in mail.get_body(("plain",)).get_content()
