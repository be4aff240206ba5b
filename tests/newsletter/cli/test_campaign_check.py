"""`newsletter campaign check`, and the same before `campaign send`."""

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture
def desk(newsletter: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Settings, a database, and a draft whose link leads nowhere; answers the command."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSLETTER_PREFLIGHT__NETWORK", "false")
    monkeypatch.setenv("NEWSLETTER_PREFLIGHT__SPAMASSASSIN", "false")
    (tmp_path / "word.md").write_text(
        "---\nsubject: A word\npreheader: One word before the holidays.\n---\nSee [it](x).\n"
    )
    for step in (
        ("init",),
        ("db", "upgrade"),
        ("constellation", "load", "--yes", "constellation.toml"),
        ("campaign", "draft", "word.md"),
    ):
        assert newsletter(*step).code == 0
    return newsletter


def test_the_command_tells_what_is_wrong_and_ends_with_1(desk: Callable[..., Any]) -> None:
    done = desk("campaign", "check", "word")
    assert (done.code, done.err) == (1, "")
    said = " ".join(done.out.split())
    assert said.startswith("error link-relative: “it” leads to x, which is no address in a mail: https://…")
    assert done.out.splitlines()[-1].startswith("word: 1 error, ")
    assert max(map(len, done.out.splitlines())) <= 80
    listed = json.loads(desk("campaign", "check", "word", "--json").out)
    assert listed["findings"][0]["rule"] == "link-relative"


def test_a_preview_that_cannot_be_written_is_one_line(desk: Callable[..., Any]) -> None:
    done = desk("campaign", "preview", "word", "--folder", "word.md")
    assert (done.code, done.out, done.err) == (1, "", "newsletter: word.md: File exists\n")


def test_a_campaign_with_an_error_is_not_sent_unless_somebody_says_why(
    desk: Callable[..., Any], tmp_path: Path
) -> None:
    send = ("campaign", "send", "word", "--at", "2121-02-01T09:00")
    done = desk(*send)
    assert done.code == 1
    assert "error: link-relative: “it” leads to x" in done.err
    assert "--force REASON" in done.err
    assert json.loads(desk("campaign", "show", "word", "--json").out)["status"] == "draft"
    assert desk(*send, "--force", "The page comes tomorrow.").code == 0
    assert json.loads(desk("campaign", "show", "word", "--json").out)["status"] == "scheduled"
    with closing(sqlite3.connect(tmp_path / "newsletter.sqlite3")) as connection, connection:
        (kept,) = connection.execute("SELECT detail FROM audit WHERE action = 'campaign.scheduled'").fetchone()
    assert json.loads(kept)["forced"] == "The page comes tomorrow."
    assert json.loads(kept)["errors"] == ["link-relative"]
