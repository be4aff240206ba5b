"""What axe-core, whose rules are not ours, finds on every page by day and by night: nothing."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from newsletter import assets
from newsletter.constellation.form import Form, Role
from tests.browser.other_site import School, snippet
from tests.browser.visits import PAGES, open_page

pytestmark = pytest.mark.browser

RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]

Amiss = Callable[[Page], list[str]]


@pytest.fixture(scope="module")
def amiss() -> Amiss:
    """Everything that axe-core has against a page as it stands: the rule, and where it is broken."""
    axe = Axe()
    options = {"resultTypes": ["violations"], "runOnly": {"type": "tag", "values": RULES}}

    def found(page: Page) -> list[str]:
        said = []
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for broken in axe.run(page, options=options).response["violations"]:
                said += [f"{scheme}: {broken['id']}: {node['target']}" for node in broken["nodes"]]
        return said

    return found


def test_every_template_is_among_the_pages_that_are_looked_at() -> None:
    templates = (assets.TEMPLATES / "pages").glob("*.html")
    whole = {file.stem for file in templates if '{% extends "base.html" %}' in file.read_text(encoding="utf-8")}
    assert whole == set(PAGES.values())


@pytest.mark.parametrize("name", PAGES)
def test_nothing_is_found_on_a_page(site, visit, amiss: Amiss, name: str) -> None:
    page = visit(scripts=True).new_page()
    open_page(page, site, name)
    assert amiss(page) == []


def test_nothing_is_found_on_a_mail_in_the_archive(site, visit, amiss: Amiss) -> None:
    page = visit(scripts=True, width=360).new_page()
    page.goto(f"{site.url}/events")
    page.get_by_role("link", name=re.compile("^Save Feb")).click()
    expect(page.get_by_text("Save the date", exact=True)).to_be_visible()
    assert amiss(page) == []


@pytest.mark.parametrize("lang", ["es", "de", "fr"])
def test_nothing_is_found_on_the_form_in_another_language(site, visit, amiss: Amiss, lang: str) -> None:
    page = visit(scripts=True, width=360).new_page()
    page.goto(f"{site.url}/join?lang={lang}")
    assert amiss(page) == []


def test_what_is_wrong_is_found(visit, amiss: Amiss) -> None:
    page = visit(scripts=True).new_page()
    page.set_content(
        '<html lang="en"><title>Wrong</title><main><h1>Wrong</h1><input name="email">'
        '<p style="color: #999; background: #fff">Faint</p></main></html>'
    )
    assert {line.split(": ")[1] for line in amiss(page)} == {"label", "color-contrast"}


class TestAFormThatAsksForARole:
    """On our own page."""

    @pytest.fixture
    def form(self) -> Form:
        """A role."""
        return Form(roles=(Role("teacher", "Teacher"), Role("student", "Student")))

    def test_nothing_is_found_on_it(self, site, visit, amiss: Amiss) -> None:
        page = visit(scripts=True, width=360).new_page()
        page.goto(f"{site.url}/join")
        expect(page.get_by_label("Your role")).to_be_visible()
        assert amiss(page) == []


class TestTheFormInAnotherSite:
    """The form that the script places, in each of its states."""

    @pytest.fixture
    def form_origins(self, school: School) -> list[str]:
        """The school may show the form."""
        return [school.url]

    def test_nothing_is_found_empty_with_mistakes_and_sent(self, site, school: School, visit, amiss: Amiss) -> None:
        style = "<style>:root { color-scheme: light dark }</style>"
        school.shows(style + snippet(site.url), policy="")
        page = visit(scripts=True).new_page()
        page.goto(f"{school.url}/")
        page.get_by_label("Only some of it").check()
        assert amiss(page) == []
        join = page.get_by_role("button", name=re.compile("^Join"))
        join.click()
        expect(page.get_by_text("Please fill in your e-mail address.")).to_be_visible()
        assert amiss(page) == []
        page.get_by_label("E-mail address").fill("ana@example.org")
        page.get_by_label("Everything in the series").check()
        join.click()
        expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
        assert amiss(page) == []
