"""The form in another site: on another origin, under a strict policy, and where scripts do not run."""

import re
import time
from datetime import timedelta

import pytest
from playwright.sync_api import Page, Route, expect

from newsletter.constellation.form import Form, Names, Role
from subscribers.links import Purpose
from tests.browser.other_site import School, snippet, strict

pytestmark = pytest.mark.browser


@pytest.fixture
def form_origins(school: School) -> list[str]:
    """The school may show the form."""
    return [school.url]


@pytest.fixture
def amiss() -> list[str]:
    """What a browser says against a page, and what the page asks of anyone but the two sites."""
    return []


@pytest.fixture
def page(site, school: School, visit, amiss: list[str]) -> Page:
    """The school's page with the form in it."""
    school.shows(snippet(site.url), policy=strict(site.url))
    opened = visit(width=360, scripts=True, timezone_id="Europe/Berlin").new_page()
    opened.on("console", lambda said: amiss.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: amiss.append(str(error)))
    ours = (site.url, f"{school.url}/")
    opened.on("request", lambda sent: None if sent.url.startswith(ours) else amiss.append(sent.url))
    opened.goto(f"{school.url}/")
    expect(opened.get_by_label("E-mail address")).to_be_visible()
    return opened


def test_a_person_joins_from_a_page_of_another_site_under_a_strict_policy(site, page: Page, amiss: list[str]) -> None:
    expect(page.get_by_role("link", name="Join by mail")).to_have_count(0)
    page.get_by_label("E-mail address").fill("ana@example.org")
    page.get_by_label("First name").fill("Ana")
    what_becomes = page.get_by_role("link", name="What becomes of your data")
    expect(what_becomes).to_have_attribute("href", "https://afl.example.org/privacy")
    page.get_by_label("Only some of it").check()
    page.get_by_label(re.compile("Closing convening")).check()
    page.get_by_role("button", name="Join Assessment for Learning 2021").click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_focused()
    expect(page.get_by_role("status")).to_contain_text("press it, and you are in")
    assert amiss == []

    page.goto(site.link(Purpose.CONFIRM))
    page.get_by_role("button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ana. You are in.")
    page.goto(site.link(Purpose.PREFERENCES))
    expect(page.locator("select[name=timezone]")).to_have_value("Europe/Berlin")
    expect(page.locator("input[name=events]:checked")).to_have_count(1)


def test_a_browser_that_cannot_prove_is_led_to_our_page(site, page: Page) -> None:
    page.route(f"{site.url}/join/challenge", lambda route: route.abort())
    page.get_by_label("E-mail address").fill("ana@example.org")
    page.keyboard.press("Enter")
    expect(page.get_by_role("link", name="Join on our own page")).to_have_attribute("href", f"{site.url}/join")


def test_a_mistake_is_told_beside_its_field_which_takes_the_focus(page: Page) -> None:
    page.get_by_label("E-mail address").fill("ana@")
    page.get_by_label("Only some of it").check()
    page.keyboard.press("Enter")
    address = page.get_by_label("E-mail address")
    expect(address).to_be_focused()
    expect(address).to_have_accessible_description("There must be something after the @-sign.")
    expect(page.get_by_role("group", name="What would you like to hear about?")).to_contain_text(
        "Please tick at least one event, or choose everything."
    )
    page.get_by_label("Everything in the series").check()
    address.fill("ana@example.org")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()


def test_the_sites_own_properties_dress_the_form_and_its_other_styles_do_not(site, school: School, visit) -> None:
    style = "button { background: red } :root { --newsletter-button: rgb(0, 90, 0); --newsletter-radius: 0px }"
    school.shows(f"<style>{style}</style>{snippet(site.url)}", policy="")
    page = visit(scripts=True).new_page()
    page.goto(f"{school.url}/")
    button = page.get_by_role("button", name=re.compile("^Join"))
    expect(button).to_have_css("background-color", "rgb(0, 90, 0)")
    expect(button).to_have_css("border-radius", "0px")


def test_the_form_is_dark_where_its_site_is_and_only_there(site, school: School, visit) -> None:
    for style, ground in (("", "rgb(255, 255, 255)"), (":root { color-scheme: light dark }", "rgb(32, 29, 41)")):
        school.shows(f"<style>{style}</style>{snippet(site.url)}", policy="")
        page = visit(scripts=True, scheme="dark").new_page()
        page.goto(f"{school.url}/")
        expect(page.get_by_label("E-mail address")).to_have_css("background-color", ground)


def test_the_form_speaks_the_language_of_its_attribute(site, school: School, visit) -> None:
    school.shows(snippet(site.url, "de"), policy=strict(site.url))
    page = visit(scripts=True, locale="fr").new_page()
    page.goto(f"{school.url}/")
    page.get_by_label("E-Mail-Adresse").fill("ana@example.org")
    page.get_by_role("button", name=re.compile("anmelden")).click()
    expect(page.get_by_role("heading", name="Sehen Sie in Ihre Mails")).to_be_visible()
    page.goto(site.link(Purpose.PREFERENCES))
    expect(page.locator("html")).to_have_attribute("lang", "de")


def test_without_scripts_the_link_stays_and_leads_to_our_page(site, school: School, visit) -> None:
    school.shows(snippet(site.url), policy=strict(site.url))
    page = visit(scripts=False).new_page()
    page.goto(f"{school.url}/")
    page.get_by_role("link", name="Join by mail").click()
    expect(page.get_by_label("E-mail address")).to_be_visible()


@pytest.mark.parametrize("policy", ["default-src 'none'", "default-src 'none'; script-src *"])
def test_where_the_sites_policy_stops_the_form_the_link_stays(site, school: School, visit, policy: str) -> None:
    school.shows(snippet(site.url), policy=policy)
    page = visit(scripts=True).new_page()
    page.goto(f"{school.url}/", wait_until="networkidle")
    expect(page.get_by_role("link", name="Join by mail")).to_be_visible()


def test_a_bare_script_makes_a_link_of_its_own_and_leaves_the_sites_links_alone(site, school: School, visit) -> None:
    school.shows(f'<a href="/about">About us</a><script src="{site.url}/form.js"></script>', policy="script-src *")
    page = visit(scripts=True).new_page()
    page.route(f"{site.url}/form.json", lambda route: route.abort())
    page.goto(f"{school.url}/", wait_until="networkidle")
    expect(page.get_by_role("link", name="About us")).to_be_visible()
    expect(page.get_by_role("link", name=f"{site.url}/join")).to_have_attribute("href", f"{site.url}/join")


def test_when_we_cannot_be_reached_what_was_typed_stays_and_a_link_leads_to_our_page(site, page: Page) -> None:
    page.route(f"{site.url}/join", lambda route: route.abort())
    page.get_by_label("E-mail address").fill("ana@example.org")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("That did not work just now.")
    expect(page.get_by_role("link", name="Join on our own page")).to_have_attribute("href", f"{site.url}/join")
    expect(page.get_by_label("E-mail address")).to_have_value("ana@example.org")


def test_who_comes_by_a_plain_form_brings_the_browsers_time_zone_along(site, school: School, visit) -> None:
    fields = '<input name="email" value="ana@example.org"><button>Send</button>'
    school.shows(f'<form method="post" action="{site.url}/join">{fields}</form>', policy="")
    page = visit(scripts=True, timezone_id="Europe/Berlin").new_page()
    page.goto(f"{school.url}/")
    page.get_by_role("button", name="Send").click()
    expect(page.locator("[name=browser_timezone]")).to_have_value("Europe/Berlin")  # the script is there
    page.get_by_role("button", name=re.compile("^Join")).click()
    expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()
    page.goto(site.link(Purpose.CONFIRM))
    page.get_by_role("button").click()
    page.goto(site.link(Purpose.PREFERENCES))
    expect(page.locator("select[name=timezone]")).to_have_value("Europe/Berlin")


class TestAFormThatAsksForARole:
    """And for no names, events or time zone."""

    @pytest.fixture
    def form(self) -> Form:
        """Two roles, the first told in German too."""
        told = {"en": "Teacher", "de": "Lehrkraft"}
        return Form(Names.NONE, (Role("teacher", "Teacher", told), Role("student", "Student")), False, False)

    def test_the_role_is_chosen_from_a_list_and_nothing_else_is_asked(self, site, school: School, visit) -> None:
        school.shows(snippet(site.url, "de"), policy=strict(site.url))
        page = visit(scripts=True).new_page()
        page.goto(f"{school.url}/")
        expect(page.get_by_role("textbox")).to_have_count(1)
        expect(page.get_by_role("checkbox")).to_have_count(0)
        page.get_by_label("E-Mail-Adresse").fill("ana@example.org")
        page.get_by_label("Ihre Rolle").select_option("Lehrkraft")
        with page.expect_request(f"{site.url}/join") as sent:
            page.get_by_role("button").click()
        assert sent.value.post_data_json["role"] == "teacher"
        expect(page.get_by_role("heading", name="Sehen Sie in Ihre Mails")).to_be_visible()


class TestAFormThatIsFilledInAtOnce:
    """By a browser that knows the address, over a slow line."""

    @pytest.fixture
    def shortest_fill(self) -> timedelta:
        """A second."""
        return timedelta(seconds=1)

    def test_it_is_held_back_until_it_may_be_sent(self, site, page: Page) -> None:
        def slowly(route: Route) -> None:
            time.sleep(0.5)
            route.continue_()

        page.route(f"{site.url}/join/challenge", slowly)
        page.get_by_label("E-mail address").fill("ana@example.org")
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="Check your mail")).to_be_visible()


class TestASiteThatIsNotInTheSettings:
    """The form does not come, and the link stays."""

    @pytest.fixture
    def form_origins(self) -> list[str]:
        """None."""
        return []

    def test_the_link_stays(self, site, school: School, visit) -> None:
        school.shows(snippet(site.url), policy=strict(site.url))
        page = visit(scripts=True).new_page()
        page.goto(f"{school.url}/", wait_until="networkidle")
        expect(page.get_by_role("link", name="Join by mail")).to_be_visible()
        expect(page.get_by_label("E-mail address")).to_have_count(0)
