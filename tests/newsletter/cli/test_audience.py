"""The audience commands as staff type them, wrong ones included."""

import csv
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

PEOPLE = (
    "email,first_name,role,tags,events,consented_at\n"
    "ana@example.org,Ana,teacher,vip;press,,2020-12-03\n"
    "ben@example.net,Ben,teacher,,closing,2020-12-04\n"
    "cem@example.org,Cem,coach,,,2020-12-05\n"
    "dia@example.org,Dia,teacher,,,\n"
)
TEACHERS = 'role = "teacher"'


@pytest.fixture
def desk(newsletter, tmp_path, monkeypatch) -> Path:
    """A folder with settings, a constellation, and four people, of whom Dia has not confirmed."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSLETTER_PREFLIGHT__NETWORK", "false")
    monkeypatch.setenv("NEWSLETTER_PREFLIGHT__SPAMASSASSIN", "false")
    (tmp_path / "people.csv").write_text(PEOPLE)
    for step in (
        ("init",),
        ("db", "upgrade"),
        ("constellation", "load", "--yes", "constellation.toml"),
        ("subscribers", "import", "people.csv"),
    ):
        assert newsletter(*step).code == 0
    return tmp_path


def test_an_audience_is_counted_of_those_who_may_be_written_to(desk, newsletter):
    assert newsletter("audience", "count", TEACHERS).out == "2 people.\n"
    assert newsletter("audience", "count", 'tags has "vip"').out == "1 person.\n"
    counted = json.loads(newsletter("audience", "count", TEACHERS, "--event", "opening", "--json").out)
    assert counted == {"expression": TEACHERS, "event": "opening", "people": 1}


def test_whose_proof_has_a_day_joined_on_that_day(desk, newsletter):
    (desk / "days.csv").write_text("email,consented_at\nday@example.org,2021-01-20\n")
    assert newsletter("subscribers", "import", "days.csv").code == 0
    added = ("add", "added@example.org", "--proof", "signed the list", "--on", "2021-01-20")
    assert newsletter("subscribers", *added).code == 0
    meant = json.loads(newsletter("audience", "sample", "confirmed = 2021-01-20", "--json").out)
    assert {"day@example.org", "added@example.org"} <= {one["address"] for one in meant}


def test_a_sample_shows_people_who_are_meant(desk, newsletter):
    (entry,) = json.loads(newsletter("audience", "sample", 'tags has "vip"', "--json").out)
    assert entry["address"] == "ana@example.org"
    assert len(json.loads(newsletter("audience", "sample", "joined > 2020-01-01", "-n", "2", "--json").out)) == 2
    assert "cem@example.org" in newsletter("audience", "sample", 'role = "coach"').out


def test_an_address_in_a_sample_is_not_broken_in_the_middle(desk, newsletter):
    long = "ana.maria.gonzalez-rodriguez@gymnasium-am-alten-hafen.example"
    proof = ("--proof", "signed the list", "--field", "role=a teacher of the school by the old harbour")
    assert newsletter("subscribers", "add", long, *proof).code == 0
    out = newsletter("audience", "sample", 'domain = "gymnasium-am-alten-hafen.example"').out
    assert long in out
    assert max(map(len, out.splitlines())) <= 80


def test_an_audience_is_saved_listed_shown_used_and_deleted(desk, newsletter):
    assert newsletter("audience", "save", "teachers", TEACHERS).out == "teachers is saved.\n"
    assert (
        newsletter("audience", "save", "teachers", TEACHERS).out
        == "teachers is saved, in the place of the one before.\n"
    )
    assert TEACHERS in newsletter("audience", "list").out
    assert newsletter("audience", "count", "teachers").out == "2 people.\n"
    assert json.loads(newsletter("audience", "show", "teachers", "--json").out)["people"] == 2
    exported = newsletter("subscribers", "export", "--mailable", "--where", "teachers").out.splitlines()
    assert [row["email"] for row in csv.DictReader(exported)] == ["ana@example.org", "ben@example.net"]
    assert newsletter("audience", "delete", "teachers").code == 0
    gone = newsletter("audience", "show", "teachers")
    assert (gone.code, "there is no audience teachers" in gone.err) == (1, True)
    with closing(sqlite3.connect(desk / "newsletter.sqlite3")) as connection, connection:
        done = [row[0] for row in connection.execute("SELECT action FROM audit WHERE action LIKE 'audience.%'")]
    assert done == ["audience.saved", "audience.saved", "audience.deleted"]


def test_a_draft_keeps_whom_it_is_for_and_shows_it(desk, newsletter):
    newsletter("audience", "save", "teachers", TEACHERS)
    assert newsletter("campaign", "draft", "closing", "invitation", "--to", "teachers").code == 0
    newsletter("audience", "save", "teachers", 'role = "coach"')
    shown = json.loads(newsletter("campaign", "show", "closing/invitation", "--json").out)
    assert (shown["expression"], shown["people"]) == (TEACHERS, 2)
    assert TEACHERS in newsletter("campaign", "show", "closing/invitation").out
    assert (
        "closing/invitation is draft: nobody was written to.\n"
        in newsletter("campaign", "report", "closing/invitation").out
    )


def test_a_campaign_that_there_is_not_is_told_before_the_mail_server_is_asked(desk, newsletter, monkeypatch):
    monkeypatch.setenv("NEWSLETTER_SMTP__PORT", "1")
    ended = newsletter("campaign", "send", "closing/invitaton", "--yes")
    assert (ended.code, "there is no campaign closing/invitaton" in ended.err) == (1, True)


def test_a_campaign_that_is_scheduled_may_be_addressed_on_the_way(desk, newsletter):
    newsletter("campaign", "draft", "closing", "invitation")
    at = ("--at", "2121-02-01T09:00")
    assert newsletter("campaign", "send", "closing/invitation", "--to", TEACHERS, *at).code == 0
    shown = json.loads(newsletter("campaign", "show", "closing/invitation", "--json").out)
    assert (shown["status"], shown["expression"]) == ("scheduled", TEACHERS)


@pytest.mark.parametrize(
    "command",
    [
        ("audience", "count", "role = teacher"),
        ("audience", "sample", "role = teacher"),
        ("audience", "save", "teachers", "role = teacher"),
        ("campaign", "draft", "closing", "invitation", "--to", "role = teacher"),
        ("subscribers", "export", "-o", "out.csv", "--where", "role = teacher"),
    ],
)
def test_a_wrong_expression_is_pointed_at_and_nothing_is_written(desk, newsletter, command):
    before = set(desk.iterdir())
    ended = newsletter(*command)
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines() == [
        "newsletter: role = teacher",
        "newsletter:        ^",
        "newsletter: column 8: a text stands in quotation marks: “teacher”",
    ]
    assert {path for path in set(desk.iterdir()) - before if "sqlite3" not in path.name} == set()
    assert json.loads(newsletter("audience", "list", "--json").out) == []
    assert json.loads(newsletter("campaign", "list", "--json").out) == []
    assert newsletter("audience", "list").out == "No audience is saved; `newsletter audience save` saves one.\n"
    assert newsletter("campaign", "list").out.startswith("There is no campaign yet")
    as_name = newsletter("campaign", "draft", "opening", "invitation", "--as", "A B")
    assert (as_name.code, as_name.out) == (1, "")
    assert as_name.err == "newsletter: 'A B' is no name for a campaign; name it by a-z, 0-9 and hyphens with --as\n"


@pytest.mark.parametrize(
    ("field", "wrong", "said"),
    [
        ("timezone", "Europe/Berln", "there is no time zone “Europe/Berln”; did you mean Europe/Berlin?"),
        ("timezone", "europe/berlin", "there is no time zone “europe/berlin”; did you mean Europe/Berlin?"),
        ("timezone", "New York", "there is no time zone “New York”; did you mean America/New_York?"),
        ("timezone", "", "there is no time zone “”; write one such as Europe/Berlin"),
        ("language", "fr-", "there is no language “fr-”; did you mean fr?"),
        ("language", "en_GB", "there is no language “en_GB”; did you mean en-GB?"),
        ("language", "german", "there is no language “german”; known: de, en, es, fr"),
    ],
)
def test_a_zone_or_a_language_that_there_is_not_is_a_slip(desk, newsletter, field, wrong, said):
    slip = f'tags has "vip" and {field} in ("UTC", "{wrong}")'.replace("UTC", "UTC" if field == "timezone" else "de-AT")
    ended = newsletter("audience", "count", slip)
    before = slip.index(f'"{wrong}")')
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines()[-1] == f"newsletter: column {before + 1}: {said}"
    for right in ('timezone = "US/Eastern"', 'language in ("pt", "zh-Hant-TW")'):
        assert newsletter("audience", "count", right).code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("audience", "count"),
        ("audience", "save", "teachers"),
        ("campaign", "draft", "closing", "invitation", "--to"),
        ("subscribers", "export", "--where"),
    ],
)
def test_a_role_that_the_form_does_not_offer_and_nobody_has_is_a_slip(desk, newsletter, command):
    slip = 'tags has "vip" and role in ("teacher", "teecher")'
    assert newsletter("audience", "count", slip).code == 0  # the form offers none yet, so that any may be meant
    with (desk / "constellation.toml").open("a") as file:
        file.write('\n[form.role]\nteacher = "Teacher"\nstudent = "Student"\n')
    assert newsletter("constellation", "load", "--yes", "constellation.toml").code == 0
    ended = newsletter(*command, slip)
    before = slip.index('"teecher"')
    reason = "the form offers no role teecher, and nobody has it; did you mean teacher?"
    assert (ended.code, ended.out) == (1, "")
    assert ended.err.splitlines() == [
        f"newsletter: {slip}",
        f"newsletter: {' ' * before}^",
        f"newsletter: column {before + 1}: {reason}",
    ]
    for meant in ("student", "coach", ""):  # offered; by an import; without one
        assert newsletter("audience", "count", f'role = "{meant}"').code == 0


@pytest.mark.parametrize(
    "command",
    [
        ("audience", "count"),
        ("campaign", "draft", "closing", "invitation", "--to"),
        ("subscribers", "export", "--where"),
    ],
)
@pytest.mark.parametrize("nothing", ["", "  "])
def test_what_a_script_left_empty_is_an_error_and_not_everybody(desk, newsletter, command, nothing):
    ended = newsletter(*command, nothing)
    assert (ended.code, ended.out) == (1, "")
    assert "the expression is empty" in ended.err
