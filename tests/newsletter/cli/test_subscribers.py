"""The subscribers commands as staff type them, wrong ones included."""

import csv
import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

PEOPLE = (
    "email,first_name,events,consented_at,consent_source\n"
    "ana@example.org,Ana,,2020-12-03,sheet\n"
    "ben@example.org,=1+1,,,\n"
    "cem@example.org,Cem,,,\n"
    ",,,,nobody\n"
)
ANA = "ana@example.org"


@pytest.fixture
def desk(newsletter, tmp_path, monkeypatch) -> Path:
    """A folder with settings, a migrated database and a file of people."""
    monkeypatch.chdir(tmp_path)
    assert newsletter("init").code == 0
    assert newsletter("db", "upgrade").code == 0
    (tmp_path / "people.csv").write_text(PEOPLE)
    return tmp_path


@pytest.fixture
def imported(desk, newsletter) -> Path:
    """The same, with the people in it."""
    assert newsletter("subscribers", "import", "people.csv").code == 0
    return desk


def audit(folder: Path) -> list[tuple[str, str]]:
    """Every audit row, as action and subject."""
    (path,) = folder.glob("*.sqlite3")
    with closing(sqlite3.connect(path)) as connection, connection:
        return connection.execute("SELECT action, subject FROM audit ORDER BY id").fetchall()


def test_an_import_says_what_became_of_each_row_and_where_the_refused_are(desk, newsletter):
    done = newsletter("subscribers", "import", "people.csv")
    assert done.code == 0
    assert "UTF-8, comma-separated, layout generic" in done.out
    assert "new, consent proven: active" in done.out
    assert "people.rejects.csv" in done.out
    with (desk / "people.rejects.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [row[0] for row in csv.reader(file)] == ["refused row", "3", "5"]
    assert (desk / "people.rejects.csv").stat().st_mode & 0o077 == 0
    assert audit(desk) == [("subscribers.imported", "people.csv")]


def test_an_encoding_that_is_a_guess_is_said_with_a_word_of_the_file(desk, newsletter):
    (desk / "old.csv").write_bytes("email;first_name\nana@example.org;Юлия\n".encode("cp1251"))
    told = newsletter("subscribers", "import", "old.csv", "--dry-run").out
    assert "The encoding is a guess, which reads “Þëèÿ”." in told


@pytest.mark.parametrize("option", ["--ask", "--dry-run"])
def test_an_import_of_which_every_row_is_refused_says_so_by_its_exit_status(desk, newsletter, option):
    (desk / "none.csv").write_text("email\nno address\nnor this\n")
    done = newsletter("subscribers", "import", "none.csv", option)
    assert done.code == 1
    assert "none.rejects.csv" in done.out
    (desk / "some.csv").write_text("email\nno address\nana.one@example.org\n")
    assert newsletter("subscribers", "import", "some.csv", option).code == 0


@pytest.mark.parametrize("command", ["subscribers", "suppressions"])
def test_a_file_whose_name_is_no_utf_8_is_read_and_told_of(desk, newsletter, command):
    name = os.fsdecode(b"caf\xe9.csv")
    (desk / name).write_text("email\nana.one@example.org\nnobody\n")
    for option in ((), ("--json",)):
        done = newsletter(command, "import", name, *option)
        assert (done.code, "caf?.rejects.csv" in done.out) == (0, True)
    assert (desk / os.fsdecode(b"caf\xe9.rejects.csv")).exists()
    assert audit(desk)[-1] == (f"{command}.imported", "caf?.csv")


def test_a_column_that_is_called_as_ours_and_means_something_else_can_be_left_out_as_is_told(desk, newsletter):
    (desk / "crm.csv").write_text("email,Status,consented_at\nana.one@example.org,Customer,2020-12-03\n")
    done = newsletter("subscribers", "import", "crm.csv")
    assert (done.code, "the status is not known" in done.out) == (1, True)
    assert 'If “Status” says something else in this file, leave it out: --map "Status=-".' in " ".join(done.out.split())
    assert newsletter("subscribers", "import", "crm.csv", "--map", "Status=-").code == 0


def test_an_own_field_that_cannot_be_called_so_is_told_what_it_may_be_called(desk, newsletter):
    done = newsletter("subscribers", "import", "people.csv", "--map", 'consent_source=field:a b"c')
    assert done.code == 1
    assert 'field:a b"c: a field of your own is called by' in done.err
    assert "as in field:school" in done.err


def test_what_was_left_out_of_rows_that_were_taken_is_said_with_the_first_of_them(desk, newsletter):
    (desk / "mixed.csv").write_text(
        "email,timezone,consented_at\nana@example.org,Berlin,03/12/2020\nben@example.org,,03/12/2020\n"
    )
    said = newsletter("subscribers", "import", "mixed.csv", "--dry-run").out
    assert "2 rows, row 2 first: consent date not readable, as in 2021-02-01: not taken as proof.\n" in said
    assert "\nRow 2: unknown time zone, as in Europe/Madrid: the constellation's is used.\n" in said


def test_the_moments_that_are_shown_of_a_person_say_by_which_clock(imported, newsletter):
    shown = newsletter("subscribers", "show", ANA).out
    assert re.search(r"joined +\d{4}-\d\d-\d\d \d\d:\d\d UTC", shown)
    assert re.search(r"confirmed +\d{4}-\d\d-\d\d \d\d:\d\d UTC", shown)


def test_an_import_as_json_is_for_scripts_and_a_dry_run_changes_nothing(desk, newsletter):
    told = json.loads(newsletter("subscribers", "import", "people.csv", "--dry-run", "--json").out)
    assert (told["rows"], told["active"], told["pending"], told["dry_run"]) == (4, 1, 1, True)
    assert sum(told["refused"].values()) == 2
    assert audit(desk) == []
    assert newsletter("subscribers", "show", ANA).code == 1


def test_refused_rows_go_where_they_are_told_to(desk, newsletter):
    told = newsletter("subscribers", "import", "people.csv", "--rejects", "no.csv", "--json")
    assert json.loads(told.out)["rejects"] == "no.csv"
    assert (desk / "no.csv").exists()


@pytest.mark.parametrize(
    ("command", "target", "said"),
    [
        ("subscribers", "people.csv", "this is the file that is read"),
        ("suppressions", "./people.csv", "this is the file that is read"),
        ("subscribers", "nowhere/x.csv", "there is no folder nowhere"),
        ("subscribers", ".", "this is a folder"),
    ],
)
def test_refused_rows_never_go_over_the_file_they_come_from_nor_where_they_cannot(
    desk, newsletter, command, target, said
):
    before = (desk / "people.csv").read_bytes()
    tried = newsletter(command, "import", "people.csv", "--rejects", target)
    assert (tried.code, said in tried.err) == (1, True)
    assert (desk / "people.csv").read_bytes() == before
    assert audit(desk) == []


def test_a_mapping_says_what_a_column_holds(desk, newsletter):
    (desk / "list.csv").write_text("Kontakt,Ort\nana@example.org,Berlin\n")
    assert (
        newsletter("subscribers", "import", "list.csv", "--map", "Kontakt=email", "--map", "Ort=field:town").code == 0
    )
    assert json.loads(newsletter("subscribers", "show", ANA, "--json").out)["fields"] == {"town": "Berlin"}


def test_two_columns_are_not_both_the_address_and_a_file_without_rows_is_said_to_have_none(desk, newsletter):
    (desk / "none.csv").write_text("Home,Work\n")
    both = newsletter("subscribers", "import", "none.csv", "--map", "Home=email", "--map", "Work=email")
    assert (both.code, both.err) == (
        1,
        "newsletter: --map …=email: both Home and Work cannot be it; map one\n",
    )
    none = newsletter("subscribers", "import", "none.csv", "--map", "Home=email")
    assert (none.code, none.out.splitlines()[-1]) == (0, "There are no rows below its header.")


def test_a_person_is_shown_with_what_was_chosen_and_proven(imported, newsletter):
    shown = newsletter("subscribers", "show", "ANA@example.org")
    assert "everything" in shown.out
    entry = json.loads(newsletter("subscribers", "show", ANA, "--json").out)
    assert (entry["status"], entry["confirmed_at"]) == ("active", "2020-12-03T00:00:00+00:00")
    (step,) = json.loads(newsletter("subscribers", "consent", ANA, "--json").out)
    assert (step["action"], step["detail"]["consent_source"]) == ("imported", "sheet")
    assert (step["text_shown"], step["text_hash"]) == ("", "")  # nobody here knows what the sheet's people were shown
    assert "imported" in newsletter("subscribers", "consent", ANA).out


def test_the_printed_evidence_says_all_that_the_json_does_and_breaks_no_word_of_it(imported, newsletter):
    assert newsletter("subscribers", "suppress", ANA, "--note", "by telephone").code == 0
    printed = newsletter("subscribers", "consent", ANA).out
    steps = json.loads(newsletter("subscribers", "consent", ANA, "--json").out)
    assert [step["action"] for step in steps] == ["imported", "suppressed"]
    for step in steps:
        for known in (step["at"][:10], step["action"], step["actor"], f"through: {step['source']}"):
            assert known in printed
        for name, value in step["detail"].items():
            assert f"{name}: {value}" in printed
    assert max(map(len, printed.splitlines())) <= 80


def test_suppressing_and_releasing_leave_audit_rows_that_do_not_name_the_person(imported, newsletter):
    assert newsletter("subscribers", "suppress", ANA, "--note", "by telephone").code == 0
    assert json.loads(newsletter("subscribers", "show", ANA, "--json").out)["suppressed"] == "staff"
    told = json.loads(newsletter("subscribers", "release", ANA, "--json").out)
    assert told == {"address": ANA, "released": "staff", "still": None, "taken_off": [], "may_hold": []}
    again = newsletter("subscribers", "release", ANA)
    assert (again.code, again.err) == (1, f"newsletter: {ANA} is not suppressed\n")
    rows = audit(imported)
    assert [action for action, _ in rows[1:]] == ["subscriber.suppressed", "subscriber.released"]
    assert not any("ana" in subject for _, subject in rows)


def test_whoever_was_erased_stays_away_though_staff_suppress_and_release_the_address(imported, newsletter):
    assert newsletter("subscribers", "erase", ANA, "--yes").code == 0
    assert newsletter("subscribers", "suppress", ANA).code == 0
    shown = newsletter("subscribers", "show", ANA).out
    assert shown.endswith("Undone, “erased” counts again, which only they can undo, by joining again.\n")
    told = newsletter("subscribers", "release", ANA).out
    assert told == (
        f"{ANA} is released (was: staff).\n"
        "They are still suppressed for “erased”, which only they can undo, by joining\n  again.\n"
    )
    counted = json.loads(newsletter("subscribers", "import", "people.csv", "--json").out)
    assert counted["kept_out"] == {"erased": 1}


def test_an_address_that_is_nobodys_shows_why_it_is_suppressed_and_how_to_undo_that(desk, newsletter):
    assert newsletter("subscribers", "show", "gone@example.org").err == (
        "newsletter: nobody here has the address gone@example.org\n"
    )
    assert newsletter("subscribers", "suppress", "gone@example.org", "--note", "by telephone").code == 0
    shown = newsletter("subscribers", "show", "gone@example.org")
    assert shown.code == 0
    assert "(staff)" in shown.out
    assert "by telephone" in shown.out
    assert shown.out.endswith("To undo it: newsletter subscribers release gone@example.org\n")
    told = json.loads(newsletter("subscribers", "show", "gone@example.org", "--json").out)
    assert (told["status"], told["suppressed"], told["suppression"]["detail"]) == (None, "staff", "by telephone")


def test_erasing_asks_first_and_leaves_nothing_that_names_the_person(imported, newsletter):
    refused = newsletter("subscribers", "erase", ANA)
    assert refused.code == 1
    assert "--yes" in refused.err
    assert newsletter("subscribers", "erase", ANA, "--yes").code == 0
    shown = newsletter("subscribers", "show", ANA)
    assert shown.out.startswith(f"{ANA} is no subscriber's.\nSuppressed since ")
    assert shown.out.endswith("Only they can undo it, by joining again.\n")
    assert newsletter("subscribers", "import", "people.csv").code == 0
    assert newsletter("subscribers", "show", ANA).out == shown.out
    (path,) = imported.glob("*.sqlite3")
    with closing(sqlite3.connect(path)) as connection, connection:
        assert not [line for line in connection.iterdump() if ANA in line]


def test_an_export_to_a_dash_is_one_to_stdout(imported, newsletter):
    assert newsletter("subscribers", "export", "-o", "-").out == newsletter("subscribers", "export").out
    assert not (imported / "-").exists()


def test_an_export_is_one_that_can_be_imported_and_is_for_its_owner_only(imported, newsletter):
    (row,) = list(csv.DictReader(newsletter("subscribers", "export", "--mailable").out.splitlines()))
    assert (row["email"], row["status"], row["events"]) == (ANA, "active", "all")
    assert newsletter("subscribers", "export", "-o", "out.csv").code == 0
    assert (imported / "out.csv").stat().st_mode & 0o777 == 0o600
    told = json.loads(newsletter("subscribers", "import", "out.csv", "--json").out)
    assert (told["known"], told["rows"]) == (2, 2)
    lines = newsletter("subscribers", "export", "--json").out.splitlines()
    assert [json.loads(line)["email"] for line in lines] == [ANA, "cem@example.org"]


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("import", "nowhere.csv"), 1, "nowhere.csv: No such file"),
        (("import", "people.csv", "--map", "email"), 2, "COLUMN=FIELD"),
        (("import", "people.csv", "--map", "mial=email"), 1, "did you mean email"),
        (("show", "not an address"), 1, "is not an e-mail address"),
        (("consent", "who@example.org"), 1, "nobody here has the address"),
        (("erase", "who@example.org", "--yes"), 1, "nobody here has the address"),
        (("export", "-o", "nowhere/out.csv"), 1, "nowhere/out.csv"),
        (("add", "nobody"), 1, "is not an e-mail address"),
        (("add", ANA, "--first-name", "casino.pizza", "--proof", "a list"), 1, "“casino.pizza” is no name"),
        (("add", ANA, "--last-name", "a\u202eb"), 1, "carries a control character, or one that turns the direction"),
        (("add", ANA, "--follow", "opnening"), 1, "there is no event opnening"),
        (("add", ANA, "--field", "teacher"), 2, "NAME=VALUE"),
        (("add", ANA, "--field", "größe=7"), 2, "NAME=VALUE"),
        (("add", ANA, "--proof", "a list", "--on", "3/2/2021"), 2, "no day"),
        (("add", ANA, "--proof", "a list", "--on", "2999-01-01"), 2, "has not come yet"),
        (("add", ANA, "--on", "2021-02-03"), 2, "with --proof"),
        (("add", ANA, "--language", "xx"), 2, "known: de, en, es, fr"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(desk, newsletter, arguments, code, said):
    ended = newsletter("subscribers", *arguments)
    assert ended.code == code
    assert said in ended.err
    assert "Traceback" not in ended.err


def test_a_person_is_added_by_the_rules_of_an_import_and_it_is_audited(desk, newsletter):
    signed = ("--proof", "signed the list", "--on", "2020-12-03", "--field", "role=teacher", "--field", "tags=a; b")
    assert newsletter("subscribers", "add", ANA, *signed).out == f"{ANA} is added, and active.\n"
    entry = json.loads(newsletter("subscribers", "show", ANA, "--json").out)
    assert (entry["status"], entry["fields"]) == ("active", {"role": "teacher", "tags": ["a", "b"]})
    done = json.loads(newsletter("subscribers", "add", "ben@example.org", "--ask", "--json").out)
    assert (done["status"], done["asked"]) == ("pending", True)
    assert [action for action, _ in audit(desk)] == ["subscriber.added", "subscriber.added"]
    assert newsletter("subscribers", "add", ANA).code == 1


def test_whoever_staff_bring_in_is_spoken_to_in_the_language_of_the_series(desk, newsletter):
    season = desk / "constellation.toml"
    season.write_text(season.read_text().replace('language = "en"', 'language = "de"'))
    assert newsletter("constellation", "load", "constellation.toml", "--yes").code == 0
    assert newsletter("subscribers", "import", "people.csv").code == 0
    assert newsletter("subscribers", "add", "bo@example.org").code == 0
    assert newsletter("subscribers", "add", "fleur@example.org", "--language", "fr").code == 0
    spoken = {
        name: json.loads(newsletter("subscribers", "show", f"{name}@example.org", "--json").out)["locale"]
        for name in ("ana", "cem", "bo", "fleur")
    }
    assert spoken == {"ana": "de", "cem": "de", "bo": "de", "fleur": "fr"}


def test_asking_is_said_and_done_once(desk, newsletter):
    assert "With --ask" in newsletter("subscribers", "import", "people.csv").out
    assert (
        "Pending, and to be asked once, by mail: 1."
        in newsletter("subscribers", "import", "people.csv", "--ask", "--dry-run").out
    )
    assert json.loads(newsletter("subscribers", "import", "people.csv", "--ask", "--json").out)["asked"] == 1
    assert json.loads(newsletter("subscribers", "import", "people.csv", "--ask", "--json").out)["asked"] == 0


@pytest.mark.parametrize("option", ["--json", "--dry-run"])
def test_a_list_of_suppressions_of_which_every_row_is_refused_says_so_by_its_exit_status(desk, newsletter, option):
    (desk / "none.csv").write_text("email\nno address\nnor this\n")
    assert newsletter("suppressions", "import", "none.csv", option).code == 1
    (desk / "some.csv").write_text("email\nno address\nana.one@example.org\n")
    assert newsletter("suppressions", "import", "some.csv", option).code == 0
    assert newsletter("suppressions", "import", "some.csv", option).code == 0, "known before"


def test_suppressions_are_counted_given_out_and_taken_in(imported, newsletter):
    assert newsletter("subscribers", "suppress", ANA).code == 0
    assert json.loads(newsletter("suppressions", "count", "--json").out) == {"staff": 1}
    assert newsletter("suppressions", "export", "-o", "gone.csv").code == 0
    (imported / "more.csv").write_text("email,reason\nben@example.org,complaint\nnobody,\n")
    told = json.loads(newsletter("suppressions", "import", "more.csv", "--json").out)
    assert (told["suppressed"], told["rejects"]) == ({"complaint": 1}, "more.rejects.csv")
    assert "suppressed before" in newsletter("suppressions", "import", "gone.csv", "--dry-run").out
    assert audit(imported)[-1] == ("suppressions.imported", "more.csv")
    assert ANA not in newsletter("suppressions", "export", "--json").out
    assert ANA in newsletter("suppressions", "export", "--addresses").out


def test_what_an_import_brought_beside_goes_out_and_comes_in_again(desk, newsletter):
    (desk / "list.csv").write_text("email,tags,Ort,role\nana@example.org,press;board,Bonn,teacher\n")
    assert newsletter("subscribers", "import", "list.csv", "--map", "Ort=field:town").code == 0
    before = json.loads(newsletter("subscribers", "show", ANA, "--json").out)["fields"]
    assert before == {"tags": ["press", "board"], "town": "Bonn", "role": "teacher"}
    assert newsletter("subscribers", "export", "-o", "out.csv").code == 0
    (database,) = desk.glob("*.sqlite3")
    with closing(sqlite3.connect(database)) as connection, connection:
        connection.execute("DELETE FROM subscriber")
    assert newsletter("subscribers", "import", "out.csv").code == 0
    assert json.loads(newsletter("subscribers", "show", ANA, "--json").out)["fields"] == before
