"""Each closing check holds for an honest season, and fails when what it forbids has happened."""

import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from newsletter.demo import checks, diary, outbox
from newsletter.demo.checks import Evidence, Finding, Told
from newsletter.demo.diary import GONE, Deed, Entry
from newsletter.demo.etiquette import Etiquette
from newsletter.demo.mailboxes import Verdict
from newsletter.demo.outbox import Mail

LAB = frozenset({"equity-lab"})


def place_mails(evidence: Evidence) -> list[Mail]:
    return [mail for mail in evidence.mails if mail.kind == "place"]


@pytest.fixture
def evidence(played: Any) -> Evidence:
    """What the season left behind."""
    return played.result.evidence


def violations(finding: Finding) -> list[str]:
    assert not finding.holds
    return list(finding.violations)


def entry(evidence: Evidence, *deeds: Deed) -> Entry:
    """The first entry of one of these deeds."""
    return next(one for one in evidence.entries if one.deed in deeds)


def mailing(evidence: Evidence, number: int = -1) -> Mail:
    """One mail of a mailing; the last to arrive unless another is named."""
    return sorted((mail for mail in evidence.mails if mail.mailing), key=lambda mail: mail.at)[number]


def test_an_honest_season_passes_every_check(played: Any) -> None:
    assert [finding.violations for finding in played.result.findings] == [()] * len(checks.CHECKS)


def test_the_season_shows_every_way_that_a_season_can_take(evidence: Evidence) -> None:
    """Else a check could hold because nothing happened."""
    deeds = {one.deed for one in evidence.entries}
    assert deeds >= {Deed.AGREED, Deed.LISTED, Deed.ASKED, Deed.CONFIRMED, Deed.LEFT, Deed.BOUNCED, Deed.CHOSE}
    assert {attempt.verdict for attempt in evidence.attempts} == {Verdict.LATER, Verdict.NEVER}
    assert {mail.kind for mail in evidence.mails} >= {"confirm", "welcome", "link", "invitation", "story", "thanks"}
    answers = {one.how for one in evidence.entries if one.deed is Deed.ANSWERED}
    assert answers == {"going", "maybe", "not", "waiting"}
    assert any(mail.kind == "place" for mail in evidence.mails)


@pytest.mark.parametrize("deed", sorted(GONE))
def test_a_mail_to_somebody_who_is_gone_is_found(evidence: Evidence, deed: Deed) -> None:
    mail = mailing(evidence)
    left = Entry(mail.at - timedelta(seconds=1), diary.key(mail.recipient), deed)
    doctored = replace(evidence, entries=[*evidence.entries, left])
    assert mail.mailing in violations(checks.nobody_gone_is_mailed(doctored))[0]


def test_a_mail_before_they_left_or_after_they_came_back_is_none(evidence: Evidence) -> None:
    mail = mailing(evidence, 0)
    who = diary.key(mail.recipient)
    later = Entry(mail.at + timedelta(seconds=1), who, Deed.LEFT)
    others = [one for one in evidence.entries if one.address != who]
    mails = [mail]
    assert checks.nobody_gone_is_mailed(replace(evidence, mails=mails, entries=[*others, later])).holds
    gone, back = (
        Entry(mail.at - timedelta(days=2 - days), who, deed) for days, deed in enumerate((Deed.LEFT, Deed.CONFIRMED))
    )
    assert checks.nobody_gone_is_mailed(replace(evidence, mails=mails, entries=[*others, gone, back])).holds


def test_only_the_mail_that_asks_to_confirm_may_go_to_somebody_who_is_gone(evidence: Evidence) -> None:
    mail = next(mail for mail in evidence.mails if mail.kind == "confirm")
    gone = Entry(mail.at - timedelta(days=1), diary.key(mail.recipient), Deed.LEFT)
    alone = replace(evidence, mails=[mail], entries=[gone])
    assert checks.nobody_gone_is_mailed(alone).holds
    assert not checks.nobody_gone_is_mailed(replace(alone, mails=[replace(mail, kind="welcome")])).holds


def test_a_mailing_to_somebody_who_never_confirmed_is_found(evidence: Evidence) -> None:
    stranger = replace(mailing(evidence), recipient="listed.only@example.org")
    doctored = replace(evidence, mails=[*evidence.mails, stranger])
    assert "listed.only@example.org" in violations(checks.nobody_unconfirmed_gets_a_mailing(doctored))[0]


def test_a_mailing_that_came_before_the_confirmation_is_found(evidence: Evidence) -> None:
    confirmed = entry(evidence, Deed.CONFIRMED)
    early = replace(mailing(evidence), recipient=confirmed.address, at=confirmed.at - timedelta(minutes=1))
    doctored = replace(evidence, mails=[early], entries=[confirmed])
    assert violations(checks.nobody_unconfirmed_gets_a_mailing(doctored))


def test_a_second_mail_of_one_mailing_is_found_though_the_address_is_spelled_otherwise(evidence: Evidence) -> None:
    mail = mailing(evidence)
    again = replace(mail, recipient=mail.recipient.upper(), message_id="<another@example.org>")
    doctored = replace(evidence, mails=[*evidence.mails, again])
    assert "2 times" in violations(checks.nobody_is_mailed_twice(doctored))[0]


def test_two_mails_that_share_a_message_id_are_found(evidence: Evidence) -> None:
    one, other = mailing(evidence, 0), mailing(evidence)
    assert one.mailing != other.mailing
    doctored = replace(evidence, mails=[*evidence.mails, replace(one, mailing="else", message_id=other.message_id)])
    assert "Message-ID" in violations(checks.nobody_is_mailed_twice(doctored))[-1]


def test_a_mail_that_never_came_is_found(evidence: Evidence) -> None:
    lost = mailing(evidence)
    doctored = replace(evidence, mails=[mail for mail in evidence.mails if mail != lost])
    expected = f"{diary.key(lost.recipient)} did not get {lost.mailing}"
    assert violations(checks.everyone_due_is_mailed(doctored)) == [expected]


def test_a_whole_mailing_that_never_went_out_is_found(evidence: Evidence) -> None:
    name = mailing(evidence).mailing
    kept = [mail for mail in evidence.mails if mail.mailing != name]
    lost = len(evidence.mails) - len(kept)
    assert len(violations(checks.everyone_due_is_mailed(replace(evidence, mails=kept)))) == lost > 1


def test_a_mail_that_nobody_asked_for_is_found(evidence: Evidence) -> None:
    mail = mailing(evidence)
    muted = Entry(
        mail.dated - timedelta(hours=1),
        diary.key(mail.recipient),
        Deed.MUTED,
        topics=frozenset({mail.mailing.removesuffix(f"-{mail.kind}")}),
    )
    doctored = replace(evidence, entries=[*evidence.entries, muted])
    assert violations(checks.everyone_due_is_mailed(doctored)) == [
        f"{muted.address} got {mail.mailing} without wanting it"
    ]


def test_a_mail_during_a_pause_is_found(evidence: Evidence) -> None:
    mail = mailing(evidence)
    begins = mail.dated - timedelta(hours=1)
    pause = Entry(begins, diary.key(mail.recipient), Deed.PAUSED, until=begins + timedelta(days=9))
    doctored = replace(evidence, entries=[*evidence.entries, pause])
    assert violations(checks.everyone_due_is_mailed(doctored))


def test_a_reminder_to_somebody_who_does_not_come_is_found(evidence: Evidence) -> None:
    mail = next(mail for mail in evidence.mails if mail.mailing == "equity-lab-reminder")
    declined = Entry(mail.dated - timedelta(hours=1), diary.key(mail.recipient), Deed.ANSWERED, "not", topics=LAB)
    doctored = replace(evidence, entries=[*evidence.entries, declined])
    assert f"{declined.address} got {mail.mailing} without wanting it" in violations(
        checks.everyone_due_is_mailed(doctored)
    )


def test_one_person_more_than_there_are_places_is_found(evidence: Evidence) -> None:
    last = max(place_mails(evidence), key=lambda mail: mail.dated)
    taken = Entry(last.dated, "one.more@example.org", Deed.ANSWERED, "going", topics=LAB)
    found = violations(checks.places_are_given_in_turn(replace(evidence, entries=[*evidence.entries, taken])))
    assert "6 people had one of 5 places at equity-lab" in found[0]


def test_a_place_that_was_given_out_of_turn_is_found(evidence: Evidence) -> None:
    first = min(place_mails(evidence), key=lambda mail: mail.dated)
    waited = [one for one in evidence.entries if one.how == "waiting" and one.at < first.dated]
    last = max(waited, key=lambda one: one.at)
    others = [mail for mail in evidence.mails if mail != first]
    jumped = replace(evidence, mails=[*others, replace(first, recipient=last.address)])
    assert violations(checks.places_are_given_in_turn(jumped))[0] == (
        f"{last.address} got a place at equity-lab before {diary.key(first.recipient)}, who waited longer"
    )
    stranger = replace(first, recipient="stranger@example.org")
    found = violations(checks.places_are_given_in_turn(replace(evidence, mails=[*evidence.mails, stranger])))
    assert "stranger@example.org was told of a place at equity-lab and had not waited for one" in found


def test_a_place_that_stays_free_while_somebody_waits_is_found(evidence: Evidence) -> None:
    silent = [mail for mail in evidence.mails if mail.kind != "place"]
    found = violations(checks.places_are_given_in_turn(replace(evidence, mails=silent)))
    assert re.fullmatch(r"\d of 5 places at equity-lab stayed free, and \S+ waited for one", found[-1])


def test_a_mail_that_went_out_at_another_time_is_found(evidence: Evidence) -> None:
    mail = mailing(evidence)
    late = replace(mail, dated=mail.dated + timedelta(hours=3))
    doctored = replace(evidence, mails=[*[one for one in evidence.mails if one != mail], late])
    assert "was not due" in violations(checks.everyone_due_is_mailed(doctored))[0]


def test_nobody_is_missed_whose_mailbox_refused_the_mail(evidence: Evidence) -> None:
    refused = next(attempt for attempt in evidence.attempts if attempt.verdict is Verdict.NEVER)
    forgotten = [attempt for attempt in evidence.attempts if attempt != refused]
    assert refused.address in violations(checks.everyone_due_is_mailed(replace(evidence, attempts=forgotten)))[0]


def test_a_report_of_the_service_that_does_not_tell_the_truth_is_found(evidence: Evidence) -> None:
    name = mailing(evidence).mailing
    told = {**evidence.told, name: Told(evidence.told[name].sent + 1, evidence.told[name].refused)}
    assert name in violations(checks.the_reports_tell_the_truth(replace(evidence, told=told)))[0]


def _without(name: bytes) -> Callable[[bytes], bytes]:
    def remove(raw: bytes) -> bytes:
        header, gap, body = raw.partition(b"\r\n\r\n")
        lines = header.replace(b"\r\n ", b"\0").split(b"\r\n")
        kept = [line for line in lines if not line.startswith(name + b":")]
        assert len(kept) == len(lines) - 1
        return b"\r\n".join(kept).replace(b"\0", b"\r\n ") + gap + body

    return remove


def _with(old: bytes, new: bytes) -> Callable[[bytes], bytes]:
    def change(raw: bytes) -> bytes:
        assert old in raw
        return raw.replace(old, new)

    return change


@pytest.mark.parametrize(
    ("doctor", "fault"),
    [
        (_without(b"List-Unsubscribe-Post"), "List-Unsubscribe-Post"),
        (_without(b"List-Unsubscribe"), "List-Unsubscribe"),
        (_without(b"List-Id"), "List-Id"),
        (_without(b"List-Help"), "List-Help"),
        (_without(b"Precedence"), "Precedence"),
        (_without(b"CFBL-Address"), "Cfbl-Address"),
        (_without(b"CFBL-Feedback-ID"), "CFBL-Feedback-ID names another"),
        (_without(b"Message-ID"), "Message-Id"),
        (_without(b"Subject"), "Subject"),
        (_without(b"Reply-To"), "Reply-To"),
        (_without(b"MIME-Version"), "Mime-Version"),
        (_with(b"/one-click/", b"/elsewhere/"), "names no page for one click"),
        (_with(b"List-Unsubscribe: <", b"List-Unsubscribe:\r\n <"), "folded"),
        (_with(b"Precedence: bulk", b"Precedence: bulk\r\nAuto-Submitted: auto-generated"), "not Auto-Submitted"),
        (_with(b"Precedence: bulk", b"Precedence: bulk\r\nPrecedence: bulk"), "it has 2 Precedence"),
        (_with(b"Return-Path: <bounce+", b"Return-Path: <bounce"), "envelope sender"),
        (_with(b"text/html", b"text/plain"), "not plain text and HTML"),
        (_with(b"Lexington", b"Nowhere"), "postal address"),
        (_with(b"Hello", b"Hello {{ first_name }}"), "not filled"),
        (_with(b"\r\nHello", b"\nHello"), "bare CR or LF"),
        (_with(b"Hello", b"H" * 999), "longer than 998"),
        (_with(b"Subject: ", "Subject: é".encode()), "not ASCII"),
        (_with(b"charset=utf-8", b"charset"), "parser minds"),
    ],
)
def test_a_mail_that_lacks_what_it_owes_is_found(
    played: Any, evidence: Evidence, tmp_path: Path, doctor: Callable[[bytes], bytes], fault: str
) -> None:
    """In a copy of the outbox, as it would lie there."""
    mail = mailing(evidence)
    folder = tmp_path / "outbox" / mail.path.parent.name
    folder.mkdir(parents=True)
    path = Path(shutil.copy(mail.path, folder))
    path.write_bytes(doctor(path.read_bytes()))
    rules = Etiquette(_public_url(played), evidence.timetable.postal_address)
    mails, faults = checks.look_at_each(outbox.read(tmp_path / "outbox"), rules)
    found = violations(checks.every_mail_is_well_formed(replace(evidence, mails=mails, faults=faults)))
    assert any(fault in one for one in found), found


def _public_url(played: Any) -> str:
    from newsletter import settings

    return settings.read(played.folder.settings).public_url


def test_an_answer_to_a_person_says_that_no_person_wrote_it(played: Any, evidence: Evidence) -> None:
    mail = next(mail for mail in evidence.mails if mail.kind == "welcome")
    rules = Etiquette(_public_url(played), evidence.timetable.postal_address)
    raw = mail.path.read_bytes()
    assert rules.faults(mail, raw) == []
    assert "it is not Auto-Submitted" in rules.faults(mail, _without(b"Auto-Submitted")(raw))
    bulk = _with(b"Auto-Submitted:", b"Precedence: bulk\r\nAuto-Submitted:")(raw)
    assert "it looks like a mailing" in rules.faults(mail, bulk)


def test_a_finding_shows_a_few_of_its_violations_and_says_how_many_more_there_are() -> None:
    finding = Finding("Nothing went wrong", "5 things", tuple("abcde"))
    assert finding.shown == ["a", "b", "c", "… and 2 more"]
