"""When a campaign goes out, as staff say it and are told: `campaign send --at`, `campaign show`, `campaign list`."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def desk(newsletter: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """The sample season a century on, mails by readers' own clocks, and a draft of one; the command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSLETTER_PREFLIGHT__NETWORK", "false")
    monkeypatch.setenv("NEWSLETTER_PREFLIGHT__SPAMASSASSIN", "false")
    assert newsletter("init").code == 0
    file = tmp_path / "constellation.toml"
    text = file.read_text(encoding="utf-8").replace("2021-", "2121-")
    file.write_text(text.replace('at = "09:00"', 'at = "09:00 local"'), encoding="utf-8")
    for step in (
        ("db", "upgrade"),
        ("constellation", "load", "--yes", "constellation.toml"),
        ("campaign", "draft", "opening", "invitation"),
    ):
        assert newsletter(*step).code == 0
    return newsletter


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2121-01-20T09:00", "Mon 2121-01-20 09:00 EST (America/New_York)"),
        ("2121-07-01 09:00", "Tue 2121-07-01 09:00 EDT (America/New_York)"),
        ("2121-01-20T09:00Z", "Mon 2121-01-20 04:00 EST (America/New_York)"),
        ("2121-01-20T09:00+01:00", "Mon 2121-01-20 03:00 EST (America/New_York)"),
    ],
)
def test_a_moment_is_by_the_constellations_clock_unless_it_says_its_offset(
    desk: Callable[..., Any], written: str, said: str
) -> None:
    done = desk("campaign", "send", "opening/invitation", "--at", written)
    assert done.out.startswith(f"opening/invitation will start at {said}, ")
    assert said.removesuffix(" (America/New_York)") in desk("campaign", "show", "opening/invitation").out
    assert "by each reader's own clock" not in desk("campaign", "show", "opening/invitation").out


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("2021-02-01T09:00", "Mon 2021-02-01 09:00 EST has passed; without --at, it is sent now"),
        ("2121-03-09T02:30", "2121-03-09 02:30 does not exist in America/New_York"),
        ("2121-02-01", "2121-02-01 has no hour; write one as in 2121-02-01T09:00"),
        ("tomorrow", "tomorrow is no moment; write one as in 2021-02-03T09:00"),
        ("", " is no moment"),
    ],
)
def test_a_moment_that_cannot_be_is_refused_in_a_line(desk: Callable[..., Any], written: str, said: str) -> None:
    done = desk("campaign", "send", "opening/invitation", "--at", written)
    assert (done.code, done.out) == (2, "")
    assert said in done.err.splitlines()[-1]
    assert "warning" not in done.err
    assert json.loads(desk("campaign", "show", "opening/invitation", "--json").out)["status"] == "draft"


def test_a_slip_in_whom_it_is_for_is_told_before_a_relay_is_asked(
    desk: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NEWSLETTER_SMTP__SOCKET", "no-relay")
    done = desk("campaign", "send", "opening/invitation", "--yes", "--to", "role = ")
    assert (done.code, done.out) == (1, "")
    assert "column 7: the expression ends where a text in quotation marks" in done.err.splitlines()[-1]


def test_a_mail_by_readers_own_clocks_is_said_to_be_one(desk: Callable[..., Any], tmp_path: Path) -> None:
    shown = desk("campaign", "show", "opening/invitation").out
    assert "09:00 by each reader's own clock, when the plan sends it" in shown
    with closing(sqlite3.connect(tmp_path / "newsletter.sqlite3")) as database, database:
        database.execute("UPDATE plan SET state = 'skipped'")
    assert json.loads(desk("campaign", "show", "opening/invitation", "--json").out)["hour"] == ""


def test_numbers_are_listed_as_they_are_elsewhere(desk: Callable[..., Any], tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "newsletter.sqlite3")) as database, database:
        rows = [(number, "sent" if number <= 1200 else "queued") for number in range(1, 2501)]
        database.executemany("INSERT INTO delivery (campaign_id, subscriber_id, state) VALUES (1, ?, ?)", rows)
    assert desk("campaign", "list").out.split()[-2:] == ["2,500", "1,200"]
