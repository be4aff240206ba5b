"""`newsletter form snippet`: what staff paste into a site."""

import json
from html.parser import HTMLParser
from pathlib import Path

import pytest

from tests.newsletter.cli.conftest import Newsletter

SITE = "http://127.0.0.1:8025"


@pytest.fixture
def season(newsletter: Newsletter, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Newsletter:
    """The command, in a folder where the sample season is loaded."""
    monkeypatch.chdir(tmp_path)
    for arguments in (["init"], ["db", "upgrade"], ["constellation", "load", "--yes", "constellation.toml"]):
        assert newsletter(*arguments).code == 0
    return newsletter


def names(html: str) -> list[str]:
    """The names of a form's fields."""
    found: list[str] = []

    class Fields(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.extend(value for name, value in attrs if name == "name" and value)

    Fields().feed(html)
    return found


def test_the_script_is_one_line_after_a_link_that_works_without_it(season: Newsletter) -> None:
    done = season("form", "snippet", "--script", "--lang", "de")
    assert done.out == (
        f'<a href="{SITE}/join?lang=de">Assessment for Learning 2021: anmelden</a>'
        f'<script src="{SITE}/form.js" data-lang="de" async></script>\n'
    )
    assert "web.form_origins" in done.err


def test_that_nobody_else_can_open_what_is_pasted_is_said_beside_it(
    season: Newsletter, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = f"Only this machine can open {SITE}: set public_url before you paste this."
    for wanted in (["--html"], ["--json"]):
        assert told in season("form", "snippet", *wanted).err
    monkeypatch.setenv("NEWSLETTER_PUBLIC_URL", "https://news.example.org")
    assert "public_url" not in season("form", "snippet").err


def test_the_plain_form_has_no_script_no_style_and_the_fields_that_we_take(season: Newsletter) -> None:
    out = season("form", "snippet", "--html").out
    assert names(out) == ["lang", "text_version", "email", "first_name", "last_name", "homepage"]
    assert f'action="{SITE}/join"' in out
    assert not {word for word in ("<script", "style=", "<style", "onclick") if word in out}


def test_without_a_choice_both_are_printed_each_under_what_it_is(season: Newsletter) -> None:
    out = season("form", "snippet").out
    assert (
        out.index("<!-- With a script") < out.index("form.js") < out.index("<!-- Or in plain HTML") < out.index("<form")
    )


def test_a_script_reads_them_as_json(season: Newsletter) -> None:
    assert set(json.loads(season("form", "snippet", "--json").out)) == {"script", "html"}
    assert set(json.loads(season("form", "snippet", "--json", "--html").out)) == {"html"}


def test_a_language_that_the_form_does_not_speak_is_refused(season: Newsletter) -> None:
    done = season("form", "snippet", "--lang", "dee")
    assert (done.code, done.out) == (1, "")
    assert done.err == "newsletter: the form does not speak dee; did you mean de?\n"


def test_before_a_constellation_is_loaded_it_says_how(newsletter: Newsletter, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    newsletter("init")
    newsletter("db", "upgrade")
    done = newsletter("form", "snippet")
    assert (done.code, done.out) == (1, "")
    assert "newsletter constellation load" in done.err


def test_the_plain_form_leads_to_what_becomes_of_data_where_the_series_says_where(season: Newsletter) -> None:
    told = "What becomes of your data"
    assert told not in season("form", "snippet", "--html").out
    file = Path("constellation.toml")
    file.write_text(file.read_text(encoding="utf-8").replace("#privacy", "privacy"), encoding="utf-8")
    assert season("constellation", "load", "--yes", "constellation.toml").code == 0
    link = f'<a href="https://afl.example.org/privacy" target="_blank" rel="noopener">{told}</a>'
    assert link in season("form", "snippet", "--html").out
