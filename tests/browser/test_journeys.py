"""What a person does from the first page to the last, with a real browser, without JavaScript, without a mouse."""

import re
from typing import Literal

import pytest
from playwright.sync_api import Page, expect

from subscribers.links import Purpose
from tests.browser.visits import PAGES, once_more, open_page

pytestmark = pytest.mark.browser


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until that element has the focus; it must be reachable, and the focus visible."""
    for _ in range(80):
        page.keyboard.press("Tab")
        focused = page.locator("*:focus")
        if focused.count() and focused.evaluate("(element, selector) => element.matches(selector)", selector):
            outline = focused.evaluate("e => getComputedStyle(e).outlineStyle + getComputedStyle(e).outlineWidth")
            assert re.fullmatch(r"(solid|auto)[1-9]\S*", outline), f"no visible focus on {selector}: {outline}"
            return
    raise AssertionError(f"{selector} cannot be reached by keyboard")


def test_a_person_joins_chooses_pauses_and_leaves_by_keyboard_alone(site, visit) -> None:
    page = visit().new_page()
    page.goto(f"{site.url}/")
    expect(page.get_by_role("heading", level=1)).to_have_text("Assessment for Learning 2021")
    tab_to(page, "#email")
    page.keyboard.type("ana@example.org")
    tab_to(page, "#first_name")
    page.keyboard.type("Ana")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Press once more, please")
    tab_to(page, "button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")

    page.goto(site.link(Purpose.CONFIRM))
    tab_to(page, "button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome, Ana. You are in.")
    tab_to(page, "a.primary")
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", level=1)).to_have_text("Your mail, Ana")
    tab_to(page, "input[value=closing]")
    page.keyboard.press("Space")
    tab_to(page, "button[value=choices]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(page.locator("input[value=closing]")).not_to_be_checked()
    expect(page.locator("input[value=opening]")).to_be_checked()

    tab_to(page, "button[value=month]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("until Sunday, February 14, 2021")
    tab_to(page, "button[value=resume]")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("goes on as before")
    page.get_by_label("Or until a day of your own").fill("2021-03-31")
    page.keyboard.press("Enter")
    expect(page.get_by_role("status")).to_contain_text("until Wednesday, March 31, 2021")

    page.goto(site.link(Purpose.UNSUBSCRIBE))
    tab_to(page, "button")
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("You have left. All the best!")


def test_kinds_are_there_with_everything_alone_for_a_single_tick_says_nothing_of_them(site, visit) -> None:
    page = visit().new_page()
    open_page(page, site, "preferences")
    kinds = page.locator("#kinds")
    expect(kinds).to_be_visible()
    page.get_by_label("Only what is ticked").check()
    expect(kinds).to_be_hidden()
    page.get_by_role("button", name="Save what I get").click()
    expect(page.get_by_role("status")).to_contain_text("Saved.")
    expect(kinds).to_be_hidden()
    page.get_by_label("Everything").check()
    expect(kinds).to_be_visible()
    for box in kinds.get_by_role("checkbox").all():
        box.uncheck()
    page.get_by_role("button", name="Save what I get").click()
    expect(page.get_by_role("alert")).to_contain_text("at least one kind")
    expect(kinds).to_be_visible()


def test_a_wrong_address_is_said_where_it_stands_and_takes_the_focus(site, visit) -> None:
    page = visit().new_page()
    page.goto(f"{site.url}/join")
    page.get_by_label("E-mail address").fill("ana@")
    page.get_by_label("Last name").fill("Ruiz")
    page.get_by_role("button", name=re.compile("Join")).click()
    expect(page.get_by_label("E-mail address")).to_be_focused()
    expect(page.get_by_label("E-mail address")).to_have_accessible_description(
        "There must be something after the @-sign."
    )
    expect(page.get_by_label("Last name")).to_have_value("Ruiz")
    page.keyboard.press("End")
    page.keyboard.type("example.org")
    page.keyboard.press("Enter")
    once_more(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")


def test_the_events_appear_for_those_who_want_only_some(site, visit) -> None:
    page = visit().new_page()
    page.goto(f"{site.url}/join")
    choice = page.locator("input[name=topics][value=closing]")
    expect(choice).to_be_hidden()
    page.get_by_label("Only some of it").check()
    expect(choice).to_be_visible()
    choice.check()
    page.get_by_label("E-mail address").fill("ana@example.org")
    page.get_by_role("button", name=re.compile("Join")).click()
    once_more(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    page.goto(site.link(Purpose.CONFIRM))
    page.get_by_role("button").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Welcome. You are in.")
    page.goto(site.link(Purpose.PREFERENCES))
    expect(page.get_by_label("Only what is ticked")).to_be_checked()
    expect(page.locator("input[name=events]:checked")).to_have_count(1)


CONTRAST = """
() => {
  const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
  const parse = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    const [r, g, b, a] = canvas.getImageData(0, 0, 1, 1).data;
    return [r, g, b, a / 255];
  };
  const over = (top, under) => top.slice(0, 3).map((c, i) => c * top[3] + under[i] * (1 - top[3]));
  const luminance = rgb => rgb.map(c => c / 255).map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const style = getComputedStyle(e), colour = parse(style.backgroundColor);
      // Of a gradient, its lightest colour: the text upon it is white.
      if (style.backgroundImage !== 'none') return parse(style.backgroundImage.match(/rgb\\([^)]*\\)/)[0]);
      if (colour[3] === 1) return colour;
    }
    return [255, 255, 255, 1];
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const says = [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
    if (!says || !element.checkVisibility() || element.closest('.skip, .hidden, option, optgroup')) continue;
    const ground = behind(element), ink = over(parse(getComputedStyle(element).color), ground);
    const [dark, light] = [luminance(ink), luminance(ground.slice(0, 3))].sort((a, b) => a - b);
    const ratio = (light + .05) / (dark + .05);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)}: ${element.textContent.trim().slice(0, 40)}`);
  }
  return faint;
}
"""

SMALL = """
() => [...document.querySelectorAll('button, a.primary, input:not([type=hidden]), select')]
  .filter(e => e.checkVisibility())
  .map(e => e.closest('label.option, label.choice') ?? e)
  .filter(e => e.getBoundingClientRect().height < 24 || e.getBoundingClientRect().width < 24)
  .map(e => e.outerHTML.slice(0, 80))
"""

NAMELESS = """
() => [...document.querySelectorAll('input:not([type=hidden]), select')]
  .filter(e => !e.labels.length && !e.getAttribute('aria-label')).map(e => e.name)
"""


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_a_phone_and_can_be_read_by_day_and_by_night(site, visit, name: str) -> None:
    page = visit(width=360, scripts=True).new_page()
    amiss: list[str] = []
    page.on(
        "console", lambda message: amiss.append(message.text) if "Content Security Policy" in message.text else None
    )
    page.on("request", lambda sent: None if sent.url.startswith(site.url) else amiss.append(sent.url))
    open_page(page, site, name)
    faint = {}
    for scheme in SCHEMES:
        page.emulate_media(color_scheme=scheme)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        faint[scheme] = page.evaluate(CONTRAST)
    assert faint == {"light": [], "dark": []}
    assert page.evaluate(SMALL) == []
    assert page.evaluate(NAMELESS) == []
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.set_viewport_size({"width": 320, "height": 640})  # 1280 px at 400 % zoom, WCAG 2.2 1.4.10
    assert page.evaluate("document.documentElement.scrollWidth") <= 320
    page.set_viewport_size({"width": 640, "height": 640})  # 200 % zoom, and only the text enlarged: 1.4.4
    page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert page.evaluate("document.documentElement.scrollWidth") <= 640
    assert amiss == [], "something was asked of another site, or is against the page's own policy"


def test_the_first_thing_the_keyboard_meets_skips_to_the_content(site, visit) -> None:
    page = visit().new_page()
    page.goto(f"{site.url}/join")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Skip to the content")).to_be_focused()
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    expect(page.get_by_label("E-mail address")).to_be_focused()


def test_the_browsers_time_zone_is_chosen_until_somebody_chooses_another(site, visit) -> None:
    page = visit(scripts=True, timezone_id="Europe/Madrid").new_page()
    page.goto(f"{site.url}/join")
    zone = page.get_by_label("Your time zone")
    expect(zone).to_have_value("Europe/Madrid")
    zone.select_option("")
    page.get_by_label("E-mail address").fill("ana@")
    page.get_by_role("button", name=re.compile("Join")).click()
    expect(page.get_by_role("alert")).to_be_visible()
    expect(zone).to_have_value("")


def test_where_scripts_run_the_proof_is_ready_and_one_press_is_enough(site, visit) -> None:
    page = visit(scripts=True, width=360).new_page()
    amiss: list[str] = []
    page.on("console", lambda said: amiss.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: amiss.append(str(error)))
    page.goto(f"{site.url}/join")
    page.get_by_label("E-mail address").fill("ana@example.org")
    with page.expect_request(lambda sent: sent.method == "POST") as sent:
        page.get_by_role("button", name=re.compile("Join")).click()
    assert "altcha=ey" in (sent.value.post_data or "")
    expect(page.get_by_role("heading", level=1)).to_have_text("Check your mail")
    assert amiss == []


def test_a_time_zone_that_is_not_on_the_list_is_left_to_the_visitor(site, visit) -> None:
    page = visit(scripts=True, timezone_id="Etc/GMT+5").new_page()
    page.goto(f"{site.url}/join", wait_until="networkidle")
    expect(page.get_by_label("Your time zone")).to_have_value("")
