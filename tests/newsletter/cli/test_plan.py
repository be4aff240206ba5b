"""`newsletter plan`: what fires when, in rows that stay whole."""

import json
import re
import sqlite3
from collections.abc import Callable
from contextlib import closing
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

_ROW = re.compile(
    r" +\w{3} \d{4}-\d\d-\d\d \d\d:\d\d(?P<local>[* ]) +(?P<mail>[a-z-]+) +(?:\d+ +)?(?:skipped|in \d+ \w+) *"
)
LONG = "studio-weekend-in-the-old-lighthouse"


@pytest.fixture
def season(newsletter: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The sample season with a long slug, far in its zone's name, and a mail by readers' own clocks."""
    monkeypatch.chdir(tmp_path)
    assert newsletter("init").code == 0
    file = tmp_path / "constellation.toml"
    text = file.read_text(encoding="utf-8").replace('"studio-weekend"', f'"{LONG}"')
    text = text.replace('"America/New_York"', '"America/Argentina/ComodRivadavia"', 1)
    file.write_text(text.replace('at = "09:00"', 'at = "09:00 local"', 1), encoding="utf-8")
    for step in (("db", "upgrade"), ("constellation", "load", "--yes", "constellation.toml")):
        assert newsletter(*step).code == 0
    return newsletter


def test_no_row_is_torn_at_80_columns(season: Callable[..., Any]) -> None:
    done = season("plan", "--at", "2021-01-01T09:00")
    lines = done.out.splitlines()
    assert max(map(len, lines)) <= 80
    planned = json.loads(season("plan", "--json").out)
    rows = [found for line in lines if (found := _ROW.fullmatch(line))]
    assert [row["mail"] for row in rows] == [mail["kind"] for mail in planned]
    assert [row["local"] == "*" for row in rows] == [mail["local"] for mail in planned]
    assert [line.strip() for line in lines].count(LONG) == len([mail for mail in planned if mail["event"] == LONG])
    assert "By the clock of America/Argentina/ComodRivadavia; * by each reader's own." in lines


def test_a_season_of_shorter_names_has_a_line_for_each_mail(newsletter: Callable[..., Any], season: Any) -> None:
    file = Path("constellation.toml")
    file.write_text(file.read_text(encoding="utf-8").replace(LONG, "policy-roundtables"), encoding="utf-8")
    assert newsletter("constellation", "load", "--yes", "constellation.toml").code == 0
    done = newsletter("plan", "--at", "2021-01-01T09:00")
    assert max(map(len, done.out.splitlines())) <= 80
    assert len(re.findall(r"(?m)^ \w{3} 2021-\d\d-\d\d \d\d:\d\d[* ] +policy-roundtables +[a-z-]+ ", done.out)) > 1


def test_a_mail_is_called_due_only_while_it_may_still_go(season: Callable[..., Any], tmp_path: Path) -> None:
    def state(at: str) -> str:
        lines = season("plan", "--at", at).out.splitlines()
        (row,) = [row for name, row in pairwise(lines) if name.strip() == "opening" and "invitation" in row]
        return " ".join(row.split()[-2:])

    with closing(sqlite3.connect(tmp_path / "newsletter.sqlite3")) as database, database:
        database.execute("UPDATE plan SET state = 'planned'")  # as when nothing has run since they were due
    assert state("2021-03-01T09:00") == "too late"
    file = tmp_path / "constellation.toml"
    file.write_text(file.read_text(encoding="utf-8").replace("2021-", "2121-"), encoding="utf-8")
    assert season("constellation", "load", "--yes", "constellation.toml").code == 0
    assert state("2121-01-20T08:00") == "1 hour"
    assert state("2121-01-20T10:00").endswith("due")
    assert state("2121-03-01T09:00") == "by then"
