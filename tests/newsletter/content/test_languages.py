"""A template in several languages: who gets which, and what stands in for what is missing."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from newsletter import content
from newsletter.content import checking, languages, samples

BODY = (
    "<mjml><mj-body><mj-section><mj-column><mj-text>{} {{{{ event|days }}}} {{{{ constellation.postal_address }}}}"
    ' <a href="{{{{ links.unsubscribe }}}}">x</a></mj-text></mj-column></mj-section></mj-body></mjml>'
)


@pytest.fixture
def templates(write: Callable[..., Path]) -> Path:
    folder = write(html="Hello", text="Hello {{ event|days }}", subject="Hello")
    note = folder / "mail" / "note"
    (note / "body.es.mjml").write_text(BODY.format("Hola"), encoding="utf-8")
    (note / "subject.es.txt").write_text("Hola", encoding="utf-8")
    (note / "body.es.txt").write_text((note / "body.txt").read_text().replace("Hello", "Hola"), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("reader", "series", "subject", "day"),
    [
        ("es", "en", "Hola", "miércoles, 8 de octubre de 2031"),
        ("es-MX", "en", "Hola", "miércoles, 8 de octubre de 2031"),
        ("en-GB", "en", "Hello", "Wednesday, 8 October 2031"),
        ("fr", "en", "Hello", "Wednesday, October 8, 2031"),
        ("en", "es", "Hola", "miércoles, 8 de octubre de 2031"),
        ("de", "de", "Hello", "Mittwoch, 8. Oktober 2031"),
        ("xx-broken-", "en", "Hello", "Wednesday, October 8, 2031"),
        ("ja", "en-GB", "Hello", "Wednesday, 8 October 2031"),
        ("fr-CA", "es-MX", "Hola", "miércoles, 8 de octubre de 2031"),
        ("en-US", "en-GB", "Hello", "Wednesday, October 8, 2031"),
    ],
)
def test_a_reader_gets_their_language_else_the_series_own_else_the_plain_files(
    templates: Path, facts: content.Facts, envelope: content.Envelope, reader: str, series: str, subject: str, day: str
) -> None:
    facts = replace(facts, constellation=replace(facts.constellation, language=series))
    skeleton = content.compile("note", facts, content.Facets(locale=reader), envelope=envelope, templates=templates)
    assert skeleton.subject(samples.VALUES) == subject
    assert skeleton.text(samples.VALUES).startswith(f"{subject} {day}")


@pytest.mark.parametrize("kind", ["invitation", "link"])
def test_whoever_speaks_none_of_our_languages_gets_the_series_in_its_own_regional_order(kind: str) -> None:
    assert str(languages.voice(kind, "es", "ja", "es_MX").locale) == "es_MX"
    assert str(languages.voice(kind, "es", "es-AR", "es_MX").locale) == "es_AR"


def test_what_falls_back_is_said_and_is_no_fault(templates: Path) -> None:
    (templates / "mail" / "note" / "subject.es.txt").unlink()
    (templates / "mail" / "note" / "body.it.mjml").write_text(BODY.format("Ciao"), encoding="utf-8")
    checked = checking.check_kind("note", templates)
    assert checked.faults == ()
    assert checked.notes == (
        "note: there is no subject.es.txt; readers of es get subject.txt",
        "note: there is no subject.it.txt; readers of it get subject.txt",
        "note: there is no body.it.txt; readers of it get body.txt",
        "note: the greeting and the footer of the house are not said in it, but in English",
    )


def test_each_languages_files_are_checked_and_named(
    templates: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    note = templates / "mail" / "note"
    (note / "subject.es.txt").write_text("Hola {{ evento }}", encoding="utf-8")
    (note / "body.english.mjml").write_text(BODY.format("Hi"), encoding="utf-8")
    assert checking.check_kind("note", templates).faults == (
        "mail/note/body.english.mjml: english is no language; name it as in body.es.mjml",
        "mail/note/subject.es.txt:1:9: evento is undefined; did you mean event?",
    )


def test_a_mail_of_the_house_translated_by_staff_speaks_that_language_throughout(
    write: Callable[..., Path], facts: content.Facts, envelope: content.Envelope
) -> None:
    own = write() / "mail" / "reminder"
    own.mkdir()
    (own / "body.es.mjml").write_text(
        '{% extends "_house/layout.mjml" %}{% import "_house/parts.mjml" as house with context %}'
        "{% block preheader %}Falta poco{% endblock %}{% block kicker %}Recordatorio{% endblock %}"
        "{% block body %}{{ house.greeting() }}{{ house.ticket(event) }}{% endblock %}",
        encoding="utf-8",
    )
    facets = content.Facets(locale="es", named=True)
    html = content.compile("reminder", facts, facets, envelope=envelope, templates=own.parents[1]).html(samples.VALUES)
    assert 'lang="es"' in html
    assert "Hola, Zoë:" in html
    assert "miércoles, 8 de octubre de 2031" in html
    assert "Cancelar la suscripción" in html or "Darse de baja" in html or "Date de baja" in html
