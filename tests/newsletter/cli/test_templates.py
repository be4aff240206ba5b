"""`newsletter templates`, as staff type it."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageStat

from newsletter import assets
from newsletter.content.checking import Checked
from newsletter.web import page_faults, pages

Newsletter = Callable[..., Any]


@pytest.fixture
def own(newsletter: Newsletter, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder with settings that name a folder of templates, which is empty."""
    monkeypatch.chdir(tmp_path)
    assert newsletter("init").code == 0
    settings = tmp_path / "newsletter.toml"
    settings.write_text(settings.read_text().replace("#templates = ", "templates = "))
    (tmp_path / "templates").mkdir()
    return tmp_path / "templates" / "mail"


def test_a_template_of_ones_own_begins_as_a_copy_and_goes_before_ours(newsletter: Newsletter, own: Path) -> None:
    made = newsletter("templates", "new", "goodbye")
    assert (made.code, made.err) == (0, "")
    assert made.out.splitlines()[:3] == [
        f"templates/mail/goodbye/{name}" for name in ("subject.txt", "body.mjml", "body.txt")
    ]
    assert newsletter("templates", "new", "open-day", "--like", "story").code == 0
    assert newsletter("templates", "new", "open-day", "--language", "es").code == 0
    listed = {one["kind"]: one for one in json.loads(newsletter("templates", "list", "--json").out)}
    assert [kind for kind, one in listed.items() if one["is_own"]] == ["goodbye", "open-day"]
    assert listed["open-day"]["languages"] == ["es"]
    assert listed["invitation"]["languages"] == listed["goodbye"]["languages"] == ["de", "es", "fr"]
    checked = newsletter("templates", "check", "open-day", "goodbye")
    assert (checked.code, checked.err) == (0, "")
    assert checked.out.startswith("2 kinds, 0 faults; the largest is ")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["new", "goodbye"], "templates/mail/goodbye/subject.txt exists already, and is left as it is"),
        (["new", "Open Day", "--like", "story"], "'Open Day' is no name for a template; use a-z, 0-9 and hyphens"),
        (["new", "open-day", "--like", "stroy"], "there is no template for stroy; did you mean story?"),
        (["new", "story", "--language", "spanish"], "spanish is no language; name it as in es"),
        (["check", "stroy"], "there is no template for stroy; did you mean story?"),
        (["check", "--templates", "nowhere"], "nowhere: there is no such folder"),
        (["gallery", "goodbye", "--folder", "newsletter.toml"], "newsletter.toml: File exists"),
    ],
)
def test_what_cannot_be_done_is_one_clear_line_and_nothing_is_written(
    newsletter: Newsletter, own: Path, arguments: list[str], said: str
) -> None:
    newsletter("templates", "new", "goodbye")
    before = sorted(own.rglob("*"))
    done = newsletter("templates", *arguments)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"newsletter: {said}")
    assert done.err.count("\n") == 1
    assert sorted(own.rglob("*")) == before


def test_a_template_that_is_wrong_fails_with_its_places(newsletter: Newsletter, own: Path) -> None:
    newsletter("templates", "new", "goodbye")
    body = own / "goodbye" / "body.txt"
    body.write_text(body.read_text() + "{% if person.first_name %}{{ evnt }}{% endif %}\n")
    line = body.read_text().count("\n")
    done = newsletter("templates", "check", "goodbye")
    assert done.code == 1
    assert done.err.startswith(f"templates/mail/goodbye/body.txt:{line}:7: person.first_name is each reader's own")
    body.write_text(body.read_text().replace("person.first_name", "person.named"))
    done = newsletter("templates", "check", "goodbye", "--json")
    assert (done.code, done.err) == (1, "")
    (fault,) = json.loads(done.out)[0]["faults"]
    assert fault == f"templates/mail/goodbye/body.txt:{line}:25: evnt is undefined; did you mean event?"


def test_pages_of_ones_own_are_checked_as_they_begin_and_with_the_place_of_each_mistake(
    newsletter: Newsletter, own: Path
) -> None:
    own.parent.rmdir()
    assert newsletter("templates", "list").err.startswith(
        "newsletter: newsletter.toml:13: templates: there is no folder"
    )
    for name in pages.names():
        assert newsletter("templates", "page", name).code == 0
    assert page_faults.check(own.parent) == [Checked(f"pages/{name}.html", 0, ()) for name in pages.names()]
    folder = own.parent / "pages"
    (folder / "link.html").write_text('{% extends "bse.html" %}\n{{ email }}{{ look.nmae }}')
    (folder / "join.html").write_text("{{ emtry }}{{ lokk }}\n{# fine #}{{ fields }}")
    (folder / "left.html").write_text('{% extends "base.html" %}\n{% block main %}{% if %}')
    (folder / "rvsp.html").write_text("{{ whatever|upper }}{{ person|length }}")
    done = newsletter("templates", "check")
    assert done.code == 1
    assert done.err.splitlines() == [
        "templates/pages/join.html:1:4: emtry is undefined; did you mean entry?",
        "templates/pages/join.html:1:15: lokk is undefined; did you mean look?",
        "templates/pages/left.html:2:1: {% block %} is never closed in this file",
        "templates/pages/left.html:2:17: {% if %} is never closed in this file",
        "templates/pages/link.html:2:15: look.nmae is undefined; did you mean name?",
        "templates/pages/link.html:1:13: there is no page bse.html; did you mean base.html?",
    ]
    assert "note: templates/pages/rvsp.html: no page is called so; did you mean rsvp?" in done.out
    assert f", {len(pages.names()) + 1} pages, 6 faults; " in done.out


@pytest.mark.browser
def test_the_gallery_shows_a_mail_on_a_phone_and_a_desktop_by_day_and_by_night(
    newsletter: Newsletter, own: Path
) -> None:
    done = newsletter("templates", "gallery", "goodbye", "--folder", "gallery", "--sheet", "sheet.png")
    assert (done.code, done.err) == (0, "")
    assert done.out == "4 pictures: gallery/index.html\nAll of them in one: sheet.png\n"
    with Image.open("sheet.png") as picture:
        assert picture.width == (2 * (360 + 700) + 5 * 24) // 2
    index = Path("gallery/index.html").read_text()
    for width in (360, 700):
        brightness = {}
        for scheme in ("light", "dark"):
            name = f"goodbye-{width}-{scheme}.png"
            assert f'src="{name}"' in index
            with Image.open(Path("gallery") / name) as picture:
                assert picture.width == width
                assert picture.height > 500
                brightness[scheme] = ImageStat.Stat(picture.convert("L")).mean[0]
        assert brightness["dark"] < 80 < 150 < brightness["light"]


@pytest.mark.browser
def test_a_gallery_without_a_browser_says_what_is_missing(
    newsletter: Newsletter, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "")
    done = newsletter("templates", "gallery", "goodbye")
    assert (done.code, done.out) == (1, "")
    assert "pictures are taken by Chromium, and none is installed here" in done.err


def test_a_page_of_ones_own_begins_as_a_copy_of_ours_once(newsletter: Newsletter, own: Path) -> None:
    made = newsletter("templates", "page", "join")
    assert (made.code, made.out) == (0, "templates/pages/join.html\n")
    copy = own.parent / "pages" / "join.html"
    assert copy.read_text() == (assets.TEMPLATES / "pages" / "join.html").read_text()
    copy.write_text("mine")
    again = newsletter("templates", "page", "join")
    assert (again.code, again.err) == (1, f"newsletter: {copy} exists already, and is left as it is\n")
    assert copy.read_text() == "mine"
    unknown = newsletter("templates", "page", "confrim")
    assert (unknown.code, unknown.err) == (1, "newsletter: there is no page confrim; did you mean confirm?\n")
