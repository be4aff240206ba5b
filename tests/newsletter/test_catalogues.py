"""The catalogues: nothing is missing, stale or half-said, and every page and mail speaks its reader's language."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import jinja2
import pytest
from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po

from newsletter import catalogues
from newsletter.setting_tables import ConsentTexts

ROOT = Path(__file__).parents[2]
TRANSLATED = [language for language in catalogues.LANGUAGES if language != catalogues.SOURCE]


@pytest.fixture(scope="module")
def marked(tmp_path_factory: pytest.TempPathFactory) -> Catalog:
    """Every text that is marked, collected as `make catalogues` does."""
    collected = tmp_path_factory.mktemp("texts") / "texts.pot"
    command = [Path(sys.executable).with_name("pybabel"), "-q", "extract", "-F", "babel.toml", "--ignore-dirs"]
    subprocess.run([*command, ".* tests benchmarks", "-o", collected, "."], cwd=ROOT, check=True)
    with collected.open("rb") as file:
        return read_po(file)


def catalogue(language: str) -> Catalog:
    with (catalogues.FOLDER / f"{language}.po").open("rb") as file:
        return read_po(file, locale=language)


def texts(found: Catalog) -> set[str | tuple[str, ...]]:
    return {message.id for message in found if message.id}


def several(text: str | tuple[str, ...] | list[str]) -> tuple[str, ...]:
    return (text,) if isinstance(text, str) else tuple(text)


def lost(message: Message) -> bool:
    """Whether a translation fills in other values, or is marked up in another way, than its text."""
    return any(parts(text) != parts(several(message.id)[-1]) for text in several(message.string))


def parts(text: str) -> Counter[str]:
    return Counter(re.findall(r"%\(\w+\)s|%%|%(?!\()|</?\w+[^>]*>", text))


@pytest.mark.parametrize("language", TRANSLATED)
def test_every_text_is_translated_and_no_translation_is_left_over(language: str, marked: Catalog) -> None:
    found = catalogue(language)
    assert texts(marked) - texts(found) == set(), "run `make catalogues`, and translate what it adds"
    assert texts(found) - texts(marked) == set(), "run `make catalogues`: these texts are gone"
    assert [m.id for m in found if m.id and not all(several(m.string))] == [], "not translated yet"
    assert [m.id for m in found if m.id and m.fuzzy] == [], "the text changed: translate it again"


@pytest.mark.parametrize("language", TRANSLATED)
def test_a_translation_keeps_the_values_and_the_marks_of_its_text(language: str) -> None:
    assert [message.id for message in catalogue(language) if message.id and lost(message)] == []


@pytest.mark.parametrize(
    ("text", "translated"),
    [
        ("Hello %(name)s", "Hallo"),
        ("Hello %(name)s", "Hallo %(nmae)s"),
        ("100%% of %(name)s", "100 % von %(name)s"),
        ('<a href="%(url)s">Join</a>', '<a href="%(url)s">Anmelden'),
        (("%(num)s day", "%(num)s days"), ("%(num)s Tag", "Tage")),
    ],
)
def test_what_a_translation_loses_is_noticed(text: str | tuple[str, ...], translated: str | tuple[str, ...]) -> None:
    assert lost(Message(text, translated))


def badly_spaced(text: str) -> list[str]:
    """Where a French text lacks the no-break space that belongs before ? ! ; and : and inside of « »."""
    words = re.sub(r"<[^>]*>|https?://\S+|mailto:\S+|%\(\w+\)s|\d:\d\d", lambda found: "x" * len(found[0]), text)
    wrong = re.finditer(r"(?<!\u202f)[?!;]|(?<!\u00a0)[:»]|«(?!\u00a0)", words)
    return [text[max(0, found.start() - 10) : found.end() + 2] for found in wrong]


def test_french_has_a_no_break_space_before_its_double_signs() -> None:
    said = [text for message in catalogue("fr") if message.id for text in several(message.string)]
    assert [wrong for text in said for wrong in badly_spaced(text)] == []


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("Rien reçu ?", 1),
        ("Rien reçu?", 1),
        ("Rien reçu\u00a0?", 1),
        ("Rien reçu\u202f?", 0),
        ("« Ici\u00a0»\u202f; là :", 2),
        ('<a href="mailto:a@example.org">ici</a>, https://example.org/?a=1 à 12:30, %(url)s\u00a0:', 0),
    ],
)
def test_a_french_sign_without_its_space_is_noticed(text: str, count: int) -> None:
    assert len(badly_spaced(text)) == count


@pytest.mark.parametrize("name", ["xx", "pt-BR", "", "../etc/passwd", "e" * 500, "de_" + "x" * 40, "-", "*"])
def test_a_language_we_do_not_speak_is_answered_in_english(name: str) -> None:
    assert catalogues.voice(name).language == "en"


def test_the_first_language_that_we_speak_is_taken_in_its_regions_order() -> None:
    voice = catalogues.voice("pt-BR", "de-AT", "fr")
    assert (voice.language, str(voice.locale)) == ("de", "de_AT")
    assert voice.gettext("Two weeks") == "Zwei Wochen"


def test_the_settings_know_the_same_languages() -> None:
    assert set(ConsentTexts.model_fields) == set(catalogues.LANGUAGES)


def test_a_region_nobody_heard_of_does_not_cost_the_language() -> None:
    assert catalogues.voice("fr-XX").language == "fr"


def test_a_text_with_nothing_to_fill_in_is_translated_where_it_stands_percent_signs_and_all() -> None:
    environment = jinja2.Environment(autoescape=True)
    catalogues.speak(environment, catalogues.voice("de"))
    template = "{% trans %}Your choices{% endtrans %}, {% trans %}100% <b>sure</b>{% endtrans %}"
    assert environment.from_string(template).render() == "Ihre Auswahl, 100% <b>sure</b>"
