"""Each rule is shown being broken, beside a mail that breaks none."""

from collections.abc import Callable
from dataclasses import replace
from html import escape
from typing import Any

import pytest

from newsletter.calendars import adding
from newsletter.campaigns.preflight import duties, leftovers, links, running, seeing, subject, weight
from newsletter.campaigns.preflight.findings import Severity, merged
from newsletter.content import samples
from newsletter.content.letters import Letter

MakeMail = Callable[..., Any]
Found = Callable[[Any], list[str]]


def test_a_mail_without_a_fault_has_none(mail: MakeMail, found: Found) -> None:
    assert [finding for check in running.CHECKS for finding in found(check(mail("<p>Come.</p>")))] == []


@pytest.mark.parametrize(
    ("html", "said"),
    [
        ('<a href="">Read</a>', ["error link-empty: “Read” leads nowhere: its href is empty"]),
        ('<a href="#">Read</a>', ["error link-empty: “Read” leads nowhere: its href is empty"]),
        ('<a href="https://x.example"> </a>', ["error link-empty: the link to https://x.example has no words"]),
        ('<a href="https://x.example"><img src="https://x.example/a.png" alt="Apples"></a>', []),
        (
            '<a href="/join">Join</a>',
            ["error link-relative: “Join” leads to /join, which is no address in a mail: https://…"],
        ),
        (
            '<a href="www.x.example">X</a>',
            ["error link-relative: “X” leads to www.x.example, which is no address in a"],
        ),
        ('<a href="http://x.example/">X</a>', ["warning link-http: “X” leads to http://x.example/ without encryption"]),
        ('<a href="mailto:a@x.example">Write</a><a href="tel:+49">Call</a>', []),
        (
            f'<a href="{samples.STORY.url}">Read</a>',
            [f"error link-other-event: “Read” leads to {samples.STORY.url}, which belongs to Story: the girl"],
        ),
        (f'<a href="{samples.GATHERING.url}">Read</a>', []),
    ],
)
def test_links_lead_somewhere_and_to_this_event(mail: MakeMail, found: Found, html: str, said: list[str]) -> None:
    lines = found(links.check(mail(html, about={"upcoming": ()})))
    assert [line.startswith(start) for line, start in zip(lines, said, strict=True)] == [True] * len(said), lines


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("Hello {{ person.first_name }}!", "{{ person.first_name }}"),
        ("Hello *|FNAME|*!", "*|FNAME|*"),
        ("Hello |LIST:NAME|!", "|LIST:NAME|"),
        ("{% if event.rsvp %}Come!", "{% if event.rsvp %}"),
        ("A {brace} and {{ one alone, * | *, |a|, | A |", ""),
    ],
)
def test_what_nothing_fills_in_is_an_error(mail: MakeMail, found: Found, words: str, left: str) -> None:
    said = [f"error placeholder: “{left}” stands in the mail as it is: nothing fills it in"] if left else []
    assert found(leftovers.check(mail(f"<p>{words}</p>"))) == said
    assert found(leftovers.check(mail("<p>Come.</p>", subject=words))) == said


def test_a_mail_that_lists_other_events_may_link_to_them(mail: MakeMail, found: Found) -> None:
    html = f'<a href="{samples.STORY.url}">Read</a>'
    assert found(links.check(mail(html, about={"upcoming": (samples.STORY,)}))) == []


def test_readers_own_links_to_this_machine_only_are_told(mail: MakeMail, found: Found, facts: Any) -> None:
    seen = mail(
        own_links=frozenset({"http://127.0.0.1:8025/unsubscribe/x"}),
        facts=replace(facts, public_url="http://127.0.0.1:8025"),
    )
    (line,) = found(links.check(seen))
    assert line.startswith(
        "warning link-http: readers' own links lead to http://127.0.0.1:8025, which only this machine"
    )


def test_what_is_reached_is_never_a_readers_own_and_our_pages_only_once(mail: MakeMail) -> None:
    seen = mail(
        '<a href="https://news.example.org/join">a</a><img src="https://x.example/a.png" alt=""><a href="#">b</a>'
    )
    assert links.to_reach(seen) == {"https://news.example.org/health", "https://x.example/a.png"}


def test_that_a_calendar_on_the_web_cannot_be_reached_from_here_holds_no_invitation_back(
    mail: MakeMail, facts: Any
) -> None:
    offered = [adding.google(facts.event), adding.outlook(facts.event)]
    seen = mail("".join(f'<a href="{escape(link)}">Add</a>' for link in offered))
    assert links.to_reach(seen) == {"https://news.example.org/health"}


@pytest.mark.parametrize(
    ("html", "said"),
    [
        (
            '<img src="https://x.example/a.png"><p>' + "word " * 50,
            ["error alt-text: the picture https://x.example/a.png has"],
        ),
        ('<img src="https://x.example/a.png" alt=""><p>' + "word " * 50, []),
        ('<img src="https://x.example/a.png" alt="Apples"><p>Few.</p>', ["warning text-image-ratio: 1 pictures and "]),
        (
            '<p style="color:#888888">Pale</p>',
            ["warning contrast: “Pale” is hard to read: #888888 on #ffffff has a contrast"],
        ),
        ('<p style="color:#888;font-size:26px">Pale</p>', []),
        ('<p style="color:#888;font-size:20px"><b>Pale</b></p>', []),
        ('<div style="background:#000"><p style="color:#fff">Night</p></div>', []),
        (
            '<div style="background-color:#222"><p>Ink</p></div>',
            ["warning contrast: “Ink” is hard to read: #000000 on #222222"],
        ),
        ('<p style="display:none;color:#fff">Hidden</p>', []),
        ("<h2>A</h2><h4>B</h4>", ["warning headings: “B” is of level 4 after one of level 2"]),
        ("<h1>Again</h1>", ["warning headings: there are 2 headings of the first level"]),
        ("<h2>A</h2><h3>B</h3><h2>C</h2>", []),
    ],
)
def test_everyone_can_read_it(mail: MakeMail, found: Found, html: str, said: list[str]) -> None:
    lines = found(seeing.check(mail(html)))
    assert [line.startswith(start) for line, start in zip(lines, said, strict=True)] == [True] * len(said), lines


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"subject": ""}, "error subject-length: the subject is empty"),
        ({"subject": "long " * 20}, "warning subject-length: the subject has 99 characters"),
        ({"preheader": ""}, "warning preheader: there is no preheader"),
        ({"preheader": "\u034f\u200c\xa0"}, "warning preheader: there is no preheader"),
        ({"preheader": "Short."}, "warning preheader: the preheader is short: “Short.”"),
        ({"preheader": "An evening of lanterns"}, "warning preheader: the preheader repeats the subject"),
        (
            {"about": {"letters": (Letter("en", "S", "", "", "H", "<p>x</p>", "How it begins, and goes on.\n"),)}},
            "warning preheader: there is no preheader; lists show how the text begins instead",
        ),
    ],
)
def test_a_mailboxs_list_has_something_to_show(
    mail: MakeMail, found: Found, changes: dict[str, Any], said: str
) -> None:
    (line,) = found(subject.check(mail(**changes)))
    assert line.startswith(said)


def test_the_way_out_and_the_address_stand_in_both_parts(mail: MakeMail, found: Found) -> None:
    assert found(duties.check(mail(owed=False))) == [
        "error postal-address: the text part does not state the postal address",
        "error postal-address: the HTML part does not state the postal address",
    ]
    assert found(duties.check(mail(way_out=False))) == [
        "error unsubscribe: the text part has no link out of it",
        "error unsubscribe: the HTML part has no link out of it",
    ]
    bare = mail()
    bare.message.__delitem__("List-Unsubscribe-Post")
    assert found(duties.check(bare)) == [
        "error unsubscribe: the header has no List-Unsubscribe for one click (RFC 8058)"
    ]


def test_what_gmail_clips_is_an_error_and_what_it_nearly_does_a_warning(mail: MakeMail, found: Found) -> None:
    assert found(weight.check(mail("x" * 103_000)))[0].startswith(
        "error size: the HTML has 103 KB; Gmail clips above 102"
    )
    assert found(weight.check(mail("x" * 90_000)))[0].startswith("warning size: the HTML has 90 KB")
    assert found(weight.check(mail(text="x" * 1_100_000)))[0].startswith("warning size: the whole mail has 1.")


def test_findings_are_told_once_the_worst_first_with_whom_they_concern(mail: MakeMail) -> None:
    pale, empty = (
        list(seeing.check(mail('<p style="color:#888">Pale</p>'))),
        list(links.check(mail('<a href="">x</a>'))),
    )
    told = merged([("en", pale[0]), ("de", pale[0]), ("de", empty[0])], 2)
    assert [(one.severity, one.readers) for one in told] == [(Severity.ERROR, ("de",)), (Severity.WARNING, ())]
