"""The commands about the season, run as a person runs them: what they print, and how they end."""

import json
import re
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from newsletter import cli

SETTINGS = f"""\
public_url = "https://news.example.org"
[secrets]
signing_keys = ["{"k" * 40}"]
hash_key = "{"h" * 40}"
"""


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def data(self) -> Any:
        """What it printed, read as JSON."""
        return json.loads(self.out)


Run = Callable[..., Ended]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run `newsletter …` in a folder with its settings and an upgraded database."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NEWSLETTER_PREFLIGHT__NETWORK", "false")
    monkeypatch.setenv("NEWSLETTER_PREFLIGHT__SPAMASSASSIN", "false")
    (tmp_path / "newsletter.toml").write_text(SETTINGS)

    def run_command(*arguments: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["newsletter", *arguments])
        try:
            cli.main()
            status = 0
        except SystemExit as ending:
            status = ending.code if isinstance(ending.code, int) else 0
        printed = capsys.readouterr()
        return Ended(status, printed.out, printed.err)

    run_command("db", "upgrade")
    return run_command


@pytest.fixture
def season_file(tmp_path: Path, content: str) -> Path:
    """The small constellation, far enough in the future that all its mails are still to come."""
    path = tmp_path / "season.toml"
    path.write_text(content.replace("2021-", "2150-"))
    return path


def test_a_right_file_is_summed_up_in_a_line(run: Run, season_file: Path) -> None:
    ended = run("constellation", "check", "season.toml")
    assert ended.status == 0
    assert ended.out == "season.toml: The season: 2 events, 2150-02-03 to 2150-03-10, 5 mails.\n"


def test_a_wrong_file_prints_its_faults_as_editors_read_them(run: Run, season_file: Path) -> None:
    season_file.write_text(season_file.read_text().replace('kind = "event"', 'kind = "party"').replace('"-1h"', '"x"'))
    ended = run("constellation", "check", "season.toml")
    assert (ended.status, ended.out) == (1, "")
    assert [line.split(": ")[0] for line in ended.err.splitlines()] == ["season.toml:16", "season.toml:22"]


def test_a_wrong_file_says_its_faults_as_json(run: Run, season_file: Path) -> None:
    season_file.write_text(season_file.read_text().replace('kind = "event"', 'kind = "party"'))
    ended = run("constellation", "check", "season.toml", "--json")
    assert (ended.status, ended.data["ok"]) == (1, False)
    assert ended.data["faults"][0]["line"] == 22


def test_a_load_shows_the_difference_and_the_same_again_says_that_nothing_changes(run: Run, season_file: Path) -> None:
    first = run("constellation", "load", "season.toml")
    assert first.status == 0
    assert "added      opening: Opening\n" in first.out
    assert "mails      5 planned\n" in first.out
    assert run("constellation", "load", "season.toml").out == "Nothing changes: the database holds this already.\n"


def test_a_move_is_shown_with_its_times_and_its_mails(run: Run, season_file: Path) -> None:
    run("constellation", "load", "season.toml", "--yes")
    season_file.write_text(season_file.read_text().replace("2150-02-03T15", "2150-02-03T14"))
    ended = run("constellation", "load", "season.toml", "--yes")
    assert "moved      opening: Opening\n" in ended.out
    assert "           starts: 2150-02-03 15:00 EST → 2150-02-03 14:00 EST\n" in ended.out
    assert "mails      1 planned\n" in ended.out


def test_a_dry_run_changes_nothing(run: Run, season_file: Path) -> None:
    assert run("constellation", "load", "season.toml", "--dry-run").out.endswith("this was a dry run.\n")
    ended = run("events", "list")
    assert ended.status == 1
    assert ended.err == "newsletter: no constellation is loaded yet; run `newsletter constellation load FILE`\n"


def test_a_load_refused_on_the_terminal_changes_nothing(
    run: Run, season_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question: False)
    ended = run("constellation", "load", "season.toml")
    assert (ended.status, ended.out.splitlines()[-1]) == (1, "Nothing was changed.")
    assert run("plan").status == 1


def test_a_load_that_was_agreed_to_before_somebody_else_loaded_another_changes_nothing_and_says_so(
    run: Run, season_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("constellation", "load", "season.toml")
    ours, theirs = season_file.read_text().replace('"Opening"', '"Our opening"'), season_file.with_name("theirs.toml")
    theirs.write_text(season_file.read_text().replace("2150-02-03T15", "2150-02-03T14"))
    season_file.write_text(ours)
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question: not run("constellation", "load", theirs.name, "--yes").status)
    ended = run("constellation", "load", "season.toml")
    assert ended.status == 1
    assert ended.err == (
        "newsletter: somebody else loaded the constellation meanwhile, so this would change other things than were"
        " shown; nothing was changed: run it again\n"
    )
    shown = run("events", "show", "opening", "--json").data
    assert (shown["title"], shown["starts"]) == ("Opening", "2150-02-03T14:00:00-05:00")
    again = run("constellation", "load", "season.toml", "--dry-run")
    assert "starts: 2150-02-03 14:00 EST → 2150-02-03 15:00 EST" in again.out


def test_a_load_says_that_somebody_else_loaded_the_same_meanwhile(
    run: Run, season_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin.isatty", lambda: True, raising=False)
    monkeypatch.setattr("typer.confirm", lambda question: not run("constellation", "load", "season.toml", "-y").status)
    ended = run("constellation", "load", "season.toml")
    assert ended.status == 0
    assert ended.out == "Somebody else has loaded the same meanwhile: the database holds it already.\n"


def test_another_constellation_is_one_line_and_no_traceback(run: Run, season_file: Path) -> None:
    run("constellation", "load", "season.toml")
    season_file.write_text(season_file.read_text().replace('slug = "season"', 'slug = "autumn"'))
    ended = run("constellation", "load", "season.toml")
    assert ended.status == 1
    assert ended.err.startswith("newsletter: this database holds season; load autumn into a database of its own")
    assert ended.err.count("\n") == 1


def test_a_load_reports_as_json(run: Run, season_file: Path) -> None:
    loaded = run("constellation", "load", "season.toml", "--json").data
    assert loaded["loaded"] is True
    assert [event["what"] for event in loaded["difference"]["events"]] == ["added", "added"]
    assert loaded["plan"]["planned"][0] == {
        "event": "opening",
        "kind": "invitation",
        "due_at": "2150-01-20T14:00:00+00:00",
    }


def test_events_are_listed_and_shown(run: Run, season_file: Path) -> None:
    run("constellation", "load", "season.toml")
    listed = run("events", "list")
    assert "2150-02-03 15:00 EST   opening" in listed.out
    assert max(map(len, listed.out.splitlines())) <= 80
    assert [event["slug"] for event in run("events", "list", "--json").data] == ["opening", "a-story"]
    shown = run("events", "show", "opening")
    assert "https://meet.example.org/opening" in shown.out
    assert "14d before the start at 09:00" in shown.out
    assert run("events", "show", "a-story", "--json").data["plan"][0]["state"] == "planned"


def test_an_event_that_is_not_there_is_answered_with_the_nearest(run: Run, season_file: Path) -> None:
    run("constellation", "load", "season.toml")
    ended = run("events", "show", "openin")
    assert (ended.status, ended.err) == (1, "newsletter: there is no event openin; did you mean opening?\n")


def test_the_plan_is_seen_from_any_moment(run: Run, season_file: Path) -> None:
    run("constellation", "load", "season.toml")
    seen = run("plan", "--at", "2150-01-20T08:00")
    assert seen.status == 0
    assert max(map(len, seen.out.splitlines())) <= 80
    [line] = [line for line in seen.out.splitlines() if "invitation" in line]
    assert line.split() == ["Tue", "2150-01-20", "09:00", "opening", "invitation", "0", "in", "1", "hour"]
    rows = run("plan", "--at", "2150-01-20T14:00Z", "--json").data
    assert [row["is_due"] for row in rows] == [True, False, False, False, False]


def test_a_moment_that_is_none_is_a_matter_of_usage(run: Run, season_file: Path) -> None:
    run("constellation", "load", "season.toml")
    ended = run("plan", "--at", "tuesday")
    assert ended.status == 2
    assert "tuesday is no moment; write one as in 2021-02-03T09:00" in ended.err


@pytest.mark.parametrize(
    "command",
    [("constellation", "check"), ("constellation", "load"), ("events", "list"), ("events", "show"), ("plan",)],
)
def test_every_command_has_help_with_an_example(run: Run, command: tuple[str, ...]) -> None:
    assert f"Example: newsletter {' '.join(command)}" in run(*command, "--help").out


@pytest.fixture
def season(run: Run, tmp_path: Path, content: str) -> Path:
    """The small constellation where `events move` looks for it, loaded; one person has been invited to the opening."""
    path = tmp_path / "constellation.toml"
    path.write_text(content.replace("2021-", "2150-"))
    run("constellation", "load", "constellation.toml")
    with closing(sqlite3.connect(tmp_path / "newsletter.sqlite3")) as database, database:
        at = "2026-01-01T00:00:00.000000Z"
        database.execute(
            "INSERT INTO subscriber (id, address, normal, hash, status, joined_at, confirmed_at)"
            f" VALUES (1, 'ana@example.org', 'ana@example.org', 'h', 'active', '{at}', '{at}')"
        )
        database.execute("INSERT INTO choice VALUES (1, '*', 'follow')")
        database.execute(
            "INSERT INTO campaign (id, slug, event_id, kind, status, created_at, started_at)"
            f" SELECT 1, 'opening/invitation', id, 'invitation', 'finished', '{at}', '{at}' FROM event"
            " WHERE slug = 'opening'"
        )
        database.execute("INSERT INTO delivery (campaign_id, subscriber_id, state) VALUES (1, 1, 'sent')")
    return path


def test_events_move_changes_the_file_and_the_database_and_tells_who_had_been_told(run: Run, season: Path) -> None:
    before = season.read_text()
    looked = run("events", "move", "opening", "2150-02-10T15:00", "--dry-run")
    assert "moved      opening: Opening" in looked.out
    assert "starts: 2150-02-03 15:00 EST → 2150-02-10 15:00 EST" in looked.out
    assert "tell       changed, at once: 1 person has been told of opening" in looked.out
    assert season.read_text() == before
    refused = run("events", "move", "opening", "2150-02-10T15:00")
    assert (refused.status, season.read_text()) == (1, before)
    assert refused.err == "Nothing was changed. Without a terminal, say --yes, or --no-notices.\n"
    moved = run("events", "move", "opening", "2150-02-10T15:00", "--note", "Sorry.", "--yes")
    assert moved.status == 0, moved.err
    assert season.read_text() == before.replace("2150-02-03T", "2150-02-10T")
    assert run("events", "show", "opening", "--json").data["ends"] == "2150-02-10T17:00:00-05:00"
    assert run("campaign", "show", "opening/changed", "--json").data["people"] == 1
    assert run("constellation", "load", "constellation.toml").out == (
        "Nothing changes: the database holds this already.\n"
    )


def test_a_save_the_date_that_comes_after_the_invitation_is_said_to_be_skipped_for_that(run: Run, season: Path) -> None:
    with closing(sqlite3.connect(season.with_name("newsletter.sqlite3"))) as database, database:
        database.execute("UPDATE plan SET state = 'started', campaign_id = 1 WHERE kind = 'invitation'")
    season.write_text(season.read_text().replace("[mails]", '[mails]\nsave-the-date = { offset = "-4w" }'))
    looked = run("constellation", "load", "constellation.toml", "--dry-run")
    assert "mails      1 skipped, as people are invited already\n" in looked.out
    assert "time has passed" not in looked.out
    as_json = run("constellation", "load", "constellation.toml", "--dry-run", "--json").data["plan"]
    assert [mail["kind"] for mail in as_json["skipped"]] == ["save-the-date"]
    assert as_json["overtaken"] == as_json["skipped"]


def test_a_draft_says_that_it_is_in_the_archive_only_once_it_is_sent(run: Run, season: Path) -> None:
    assert run("campaign", "draft", "opening", "thanks").status == 0
    shown = " ".join(run("campaign", "show", "opening/thanks").out.split())
    assert "archive once it is sent: https://news.example.org/archive/opening/thanks" in shown


def test_a_draft_of_an_event_that_has_left_the_file_is_shown_and_says_so(run: Run, season: Path) -> None:
    assert run("campaign", "draft", "opening", "reminder", "--as", "again").status == 0
    whole = season.read_text()
    season.write_text(whole[: whole.index("[[event]]")] + whole[whole.rindex("[[event]]") :])
    assert run("constellation", "load", "constellation.toml", "--yes").status == 0
    shown = run("campaign", "show", "opening/reminder-again")
    assert (shown.status, shown.err) == (0, "")
    assert re.search(r"event +opening has left the constellation, so this is not sent unless", shown.out)
    assert re.search(r"subject +.*Opening", shown.out)
    as_json = run("campaign", "show", "opening/reminder-again", "--json").data
    assert (as_json["has_left"], as_json["status"]) == (True, "draft")
    checked = run("campaign", "check", "opening/reminder-again")
    assert checked.status == 1
    assert "the event opening is not in the constellation any more" in checked.err
    season.write_text(whole)
    run("constellation", "load", "constellation.toml", "--yes")
    assert run("campaign", "show", "opening/reminder-again", "--json").data["has_left"] is False


def test_an_event_of_whole_days_is_shown_and_moved_by_days(run: Run, season: Path) -> None:
    hours = "starts = 2150-02-03T15:00:00\nends = 2150-02-03T17:00:00"
    assert hours in season.read_text()
    whole = "starts = 2150-02-03  # the first\nends = 2150-02-04\nmails = ['invitation', 'reminder', 'thanks']"
    season.write_text(season.read_text().replace(hours, whole))
    loaded = run("constellation", "load", "constellation.toml", "--yes")
    assert "starts: 2150-02-03 15:00 EST → 2150-02-03\n" in loaded.out, loaded.err
    assert "2150-02-03, all day" in run("events", "list").out
    shown = run("events", "show", "opening").out
    assert "Tue 2150-02-03, all day" in shown
    assert "Wed 2150-02-04" in shown
    wrong = run("events", "move", "opening", "2150-02-10T15:00", "--yes")
    assert (wrong.status, "is no day, and this event lasts whole days" in wrong.err) == (2, True)
    moved = run("events", "move", "opening", "2150-02-10", "--yes")
    assert moved.status == 0, moved.err
    assert "starts: 2150-02-03 → 2150-02-10\n" in moved.out
    assert "starts = 2150-02-10  # the first\nends = 2150-02-11\n" in season.read_text()
    longer = run("events", "move", "opening", "2150-02-10", "--ends", "2150-02-12", "--yes")
    assert "ends: 2150-02-11 → 2150-02-12\n" in longer.out
    plan = json.loads(run("plan", "--json").out)
    reminder = next(mail for mail in plan if (mail["event"], mail["kind"]) == ("opening", "reminder"))
    assert reminder["due_at"].startswith("2150-02-09T20:00"), "three in the afternoon in New York, the day before"


def test_events_cancel_says_so_in_the_file_and_in_json(run: Run, season: Path) -> None:
    ended = run("events", "cancel", "opening", "--yes", "--json")
    assert ended.data["notices"] == [
        {"event": "opening", "kind": "cancelled", "people": 1, "campaign": "opening/cancelled"}
    ]
    assert 'slug = "opening"\ncancelled = true\n' in season.read_text()
    assert run("events", "list", "--json").data[0]["status"] == "cancelled"
    again = run("events", "cancel", "opening", "--yes")
    assert (again.status, again.out) == (0, "Nothing changes: the database holds this already.\n")


@pytest.mark.parametrize(
    "change",
    [
        ("events", "move", "opening", "2150-02-10T15:00"),
        ("events", "cancel", "opening"),
        ("constellation", "load", "moved.toml"),
    ],
    ids=["move", "cancel", "load"],
)
def test_a_notice_with_an_error_stops_the_change_unless_somebody_says_why(
    run: Run, season: Path, change: tuple[str, ...]
) -> None:
    season.with_name("moved.toml").write_text(season.read_text().replace("2150-02-03T", "2150-02-10T"))
    before, wrong = season.read_text(), ("--note", "See you on Friday, February 10, 2150!")
    slug = "opening/cancelled" if "cancel" in change else "opening/changed"
    for ask in ((), ("--yes",), ("--dry-run",)):
        stopped = run(*change, *wrong, *ask)
        assert stopped.status == 1
        assert "1 person has been told of opening" in stopped.out
        assert f"error: {slug}: weekday: " in stopped.err
        assert max(map(len, f"{stopped.out}{stopped.err}".splitlines())) <= 80
        assert ("this was a dry run" in stopped.out) != ("--force REASON" in stopped.err)
        assert season.read_text() == before
    assert run("campaign", "show", slug).status == 1
    as_json = run(*change, *wrong, "--yes", "--json")
    assert (as_json.status, as_json.data["loaded"]) == (1, False)
    assert [one["rule"] for one in as_json.data["checks"][0]["findings"] if one["severity"] == "error"] == ["weekday"]

    assert run(*change, *wrong, "--yes", "--force", "It is a joke.").status == 0
    with closing(sqlite3.connect(season.with_name("newsletter.sqlite3"))) as database, database:
        (kept,) = database.execute("SELECT detail FROM audit WHERE action = 'campaign.started'").fetchone()
    assert json.loads(kept) == {"people": 1, "forced": "It is a joke.", "errors": ["weekday"]}


def test_a_template_that_no_notice_can_be_written_by_is_said_with_what_can_be_done(run: Run, season: Path) -> None:
    own = season.with_name("own") / "mail" / "cancelled"
    own.mkdir(parents=True)
    (own / "subject.txt").write_text("{{ evnt.title }} is off\n")
    settings = season.with_name("newsletter.toml")
    settings.write_text(f'templates = "own"\n{settings.read_text()}')
    before = season.read_text()
    stopped = run("events", "cancel", "opening", "--yes", "--force", "In a hurry.")
    assert (stopped.status, season.read_text()) == (1, before)
    fault, advice = stopped.err.splitlines()
    assert fault.endswith("own/mail/cancelled/subject.txt:1:4: evnt is undefined; did you mean event?")
    assert "--no-notices" in advice
    assert run("events", "cancel", "opening", "--yes", "--no-notices").status == 0


def test_what_tells_nobody_is_not_checked(run: Run, season: Path) -> None:
    ended = run("events", "cancel", "opening", "--note", "Not on Friday, February 3, 2150.", "--no-notices", "--yes")
    assert (ended.status, ended.err) == (0, "")


@pytest.mark.parametrize(
    ("arguments", "status", "said"),
    [
        (("move", "opning", "2150-02-10T15:00"), 1, "there is no event opning in it; did you mean opening?"),
        (("move", "opening", "tomorrow"), 2, "tomorrow is no moment; write one as in 2021-02-03T09:00"),
        (("move", "opening", "2150-02-10"), 2, "2150-02-10 has no hour; write one as in 2150-02-10T15:00"),
        (("move", "opening", "2150-02-10T15:00", "--ends", "2150-02-11"), 2, "write one as in 2150-02-11T17:00"),
        (("move", "opening", "2021-02-10T15:00"), 2, "2021-02-10 15:00 EST has passed"),
        (("move", "opening", "2150-03-08T02:30"), 2, "2150-03-08 02:30 does not exist in America/New_York"),
        (("move", "opening", "2150-02-10T15:00", "--ends", "2150-02-10T14:00"), 1, "is not after the start"),
        (("cancel", "opening", "--file", "gone.toml"), 1, "gone.toml: there is no such file"),
    ],
)
def test_a_move_that_cannot_be_is_one_clear_line_and_changes_nothing(
    run: Run, season: Path, arguments: tuple[str, ...], status: int, said: str
) -> None:
    before = season.read_text()
    ended = run("events", *arguments, "--yes")
    assert ended.status == status
    assert said in " ".join(ended.err.replace("│", " ").split())
    assert season.read_text() == before
