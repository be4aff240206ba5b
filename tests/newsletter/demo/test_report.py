"""The season in pictures, and its summary: what is drawn is what was counted."""

import re
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import html5lib
import pytest

from newsletter.constellation.model import Brand
from newsletter.demo import charts, report, summary
from newsletter.demo.checks import Evidence, Finding
from newsletter.demo.clock import BEGINS
from newsletter.demo.diary import Deed, Entry

BRAND = Brand("#3d2b6d", "#e8a33d")


@pytest.fixture
def evidence(played: Any) -> Evidence:
    return played.result.evidence


def test_it_is_one_file_that_needs_nothing_else(played: Any) -> None:
    page = played.folder.report.read_text("utf-8")
    html5lib.HTMLParser(strict=True).parse(page)
    assert not re.search(r"""(src|href)=|url\(|@import|<script|<link""", page)
    assert "prefers-color-scheme: dark" in page


def test_it_says_what_did_not_hold(evidence: Evidence, tmp_path: Path) -> None:
    broken = Finding("Nobody was mailed twice", "2 mails", ("ana@example.org got <b>it</b> 2 times",))
    report.write(tmp_path / "report.html", evidence, [broken], BRAND, 1.0)
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Not everything held" in page
    assert "got &lt;b&gt;it&lt;/b&gt; 2 times" in page


def test_every_mail_of_a_mailing_is_counted_once(evidence: Evidence) -> None:
    outcomes = summary.outcomes(evidence)
    arrived = Counter(mail.mailing for mail in evidence.mails if mail.mailing)
    assert {one.name: one.arrived for one in outcomes} == arrived
    assert sum(one.refused for one in outcomes) == sum(told.refused for told in evidence.told.values()) > 0
    assert 0 < sum(one.late for one in outcomes) < sum(one.arrived for one in outcomes)


def test_the_audience_grows_by_those_who_confirm_and_shrinks_by_those_who_are_lost() -> None:
    def at(day: int, who: str, deed: Deed) -> Entry:
        return Entry(BEGINS + timedelta(days=day), who, deed)

    entries = [
        at(0, "ana", Deed.AGREED),
        at(0, "ben", Deed.AGREED),
        at(0, "cem", Deed.LISTED),
        at(1, "cem", Deed.CONFIRMED),
        at(2, "ana", Deed.LEFT),
        at(2, "ana", Deed.BOUNCED),
        at(3, "dee", Deed.COMPLAINED),
    ]
    growth = summary.growth(entries)
    assert growth.people == (2, 3, 2)
    assert growth.moments == tuple(BEGINS + timedelta(days=day) for day in (0, 1, 2))


@pytest.mark.parametrize(
    ("lowest", "highest", "expected"),
    [
        (1143, 1278, (1100, 1300, 50)),
        (0, 3, (0, 3, 1)),
        (7, 7, (7, 8, 1)),
        (0, 0, (0, 1, 1)),
        (980, 10_400, (0, 15_000, 5000)),
    ],
)
def test_a_scale_has_round_numbers(lowest: int, highest: int, expected: tuple[float, float, float]) -> None:
    assert charts.scale(lowest, highest) == expected


def test_the_report_of_a_season_in_which_nobody_did_anything_can_be_drawn(evidence: Evidence, tmp_path: Path) -> None:
    quiet = replace(
        evidence, mails=[], attempts=[], told={}, entries=[one for one in evidence.entries if one.deed is Deed.AGREED]
    )
    report.write(tmp_path / "report.html", quiet, [], BRAND, 0.0)
    html5lib.HTMLParser(strict=True).parse((tmp_path / "report.html").read_text("utf-8"))
