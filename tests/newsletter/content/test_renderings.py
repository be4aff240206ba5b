"""What was rendered is kept for the next mail alike, until somebody changes a template."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from newsletter import content
from newsletter.constellation.form import Form, Role
from newsletter.content.compiler import Renderings


def test_a_template_that_was_changed_is_rendered_anew_once_somebody_looks(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    renderings = Renderings(write(text="Hello"))
    renderings.refresh()

    def said() -> str:
        return renderings.compile("note", facts, content.Facets(), envelope=envelope).text(values)

    assert said().startswith("Hello\n")
    write(text="Good day")
    assert said().startswith("Hello\n")
    renderings.refresh()
    assert said().startswith("Good day\n")


def test_mails_that_differ_in_their_date_share_a_rendering_and_each_has_its_own_date(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    templates = write(text="Hello")
    renderings = Renderings(templates)
    for later in (timedelta(), timedelta(days=1)):
        dated = replace(envelope, date=envelope.date + later)
        kept = renderings.compile("note", facts, content.Facets(), envelope=dated)
        alone = content.compile("note", facts, content.Facets(), envelope=dated, templates=templates)
        assert kept.fill(values) == alone.fill(values)


def test_a_series_whose_form_asks_for_roles_in_several_languages_is_no_harder_to_write_about(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    form = Form(roles=(Role("teacher", "Teacher", {"de": "Lehrkraft"}), Role("student", "Student")))
    asking = replace(facts, constellation=replace(facts.constellation, form=form))
    as_stored = content.Facts.from_document(asking.to_document())
    skeleton = Renderings(write(text="Hello")).compile("note", as_stored, content.Facets(), envelope=envelope)
    assert skeleton.text(values).startswith("Hello\n")


def test_what_differs_in_its_facts_or_its_reader_is_rendered_by_itself_however_little_is_kept(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope, values: dict[str, str]
) -> None:
    renderings = Renderings(write(text="{{ note }} {% if person.named %}dear{% endif %}"), most=1)
    for note, named in (("a", True), ("b", True), ("b", False), ("a", True)):
        skeleton = renderings.compile("note", replace(facts, note=note), content.Facets(named=named), envelope=envelope)
        assert skeleton.text(values).split("\n")[0].split() == [note, *["dear"] * named]
