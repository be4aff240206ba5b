"""What [form] of a constellation file may say of the form, and what is said of one that it may not."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from newsletter.constellation.difference import compare
from newsletter.constellation.form import Form, Names, Role
from newsletter.constellation.model import Constellation

Read = Callable[[str], Constellation]
Faults = Callable[[str], list[str]]

TOLD = """
[form]
name = "first"
events = false
timezone = false

[form.role]
teacher = { en = "Teacher", de = "Lehrkraft" }
school-leader = "School leader"
"""


def test_a_form_is_read_as_written_its_roles_in_their_order(read: Read, content: str) -> None:
    teacher = Role("teacher", "Teacher", {"en": "Teacher", "de": "Lehrkraft"})
    roles = (teacher, Role("school-leader", "School leader"))
    assert read(content + TOLD).form == Form(Names.FIRST, roles, events=False, timezone=False)


def test_without_one_it_asks_for_both_names_the_events_and_the_time_zone(read: Read, content: str) -> None:
    assert str(read(content).form) == "both names; events; time zone"
    assert str(Form(Names.NONE, events=False, timezone=False)) == "the address alone"


def test_a_role_reads_in_each_language_it_is_told_in_and_else_in_that_of_the_series() -> None:
    role = Role("teacher", "Teacher", {"en": "Teacher", "de": "Lehrkraft"})
    assert [role.read_in(language) for language in ("de", "en", "fr")] == ["Lehrkraft", "Teacher", "Teacher"]


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ('[form]\nname = "full"', 'form: name: "full" is not one of "both", "first" and "none"'),
        ('[form]\nnames = "both"', "form: names: there is no key 'names' here; write name"),
        ('[form]\nevents = "no"', 'form: events: this is text, "no"; write true or false'),
        ('[form]\nrole = ["teacher"]', 'form: role: this is a list; write a table, as in role = { teacher = "Teacher"'),
        ('[form.role]\nSchulleitung = "x"', 'form.role: Schulleitung: "Schulleitung" is no slug'),
        (
            "[form.role]\nteacher = 1",
            'form.role: teacher: this is a number, 1; write how it reads, as in teacher = "Teacher"',
        ),
        ('[form.role]\nteacher = ""', "form.role: teacher: it is empty"),
        ('[form.role]\nteacher = { de = "Lehrkraft" }', 'it is not told in the language of the series; add en = "…"'),
        ('[form.role]\nteacher = { en = "x", dee = "y" }', 'pages do not speak "dee"; did you mean de?'),
    ],
)
def test_what_is_wrong_is_told_with_its_line(faults: Faults, content: str, written: str, message: str) -> None:
    [line] = faults(f"{content}\n{written}\n")
    assert message in line
    assert int(line.partition(":")[0]) > len(content.splitlines())


def test_a_form_survives_being_kept_as_json_and_one_from_before_there_were_any_is_the_usual_one(
    season: Callable[..., Constellation], read: Read, content: str
) -> None:
    told = replace(season(), form=read(content + TOLD).form)
    document = json.loads(json.dumps(told.to_document()))
    assert Constellation.from_document(document) == told
    del document["form"]
    assert Constellation.from_document(document).form == Form()


def test_a_label_that_changes_is_a_change_to_load(season: Callable[..., Constellation]) -> None:
    before, after = (
        replace(season(), form=Form(roles=(Role("teacher", "Teacher", {"de": label}),)))
        for label in ("Lehrer", "Lehrkraft")
    )
    [change] = compare(before, after).constellation
    assert (change.name, change.before) == ("form", "both names; role: teacher (de: Lehrer); events; time zone")
