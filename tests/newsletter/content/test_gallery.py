"""Every mail as a person sees it: PNGs to look at, and what can be measured of them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import product
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, sync_playwright

from newsletter import content
from newsletter.content import languages, samples
from newsletter.content.facts import TRANSACTIONAL

ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=ARGUMENTS)
        yield browser
        browser.close()


def html_of(kind: str) -> str:
    campaign = "" if kind in TRANSACTIONAL else "sample"
    envelope = content.Envelope.of(samples.CONSTELLATION, date=datetime(2031, 9, 1, tzinfo=UTC), campaign=campaign)
    facets = content.Facets(timezone="America/Los_Angeles", named=True)
    return content.compile(kind, samples.facts(kind)[0], facets, envelope=envelope).html(samples.VALUES)


@pytest.mark.browser
@pytest.mark.parametrize("kind", languages.kinds())
def test_a_mail_fits_a_phone_and_a_desktop_and_is_legible_by_day_and_by_night(
    browser: Browser, kind: str, tmp_path: Path
) -> None:
    context = browser.new_context(offline=True)
    page = context.new_page()
    page.set_content(html_of(kind))
    for width, scheme in product((360, 700), SCHEMES):
        page.set_viewport_size({"width": width, "height": 640})
        page.emulate_media(color_scheme=scheme)
        picture = tmp_path / f"{kind}-{width}-{scheme}.png"
        page.screenshot(path=picture, full_page=True)
        assert picture.stat().st_size > 10_000
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        small = "[...document.querySelectorAll('td[bgcolor] > a')].filter(a => a.getBoundingClientRect().height < 44)"
        assert page.evaluate(f"{small}.length") == 0, "a button is at least as high as a finger is wide"
        assert page.evaluate(FAINT) == []
    context.close()


SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

FAINT = """() => {
  const channels = colour => colour.match(/[\\d.]+/g).map(Number);
  const luminance = colour => channels(colour).slice(0, 3).map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let e = element; e; e = e.parentElement) {
      const found = getComputedStyle(e).backgroundColor;
      if (channels(found)[3] !== 0) return found;
    }
    return "rgb(255, 255, 255)";
  };
  const faint = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !element.getClientRects().length) continue;
    if (getComputedStyle(element).fontSize === "1px" || element.closest("[aria-hidden]")) continue;
    const [dark, light] = [getComputedStyle(element).color, behind(element)].map(luminance).sort((a, b) => a - b);
    const contrast = (light + 0.05) / (dark + 0.05);
    if (contrast < 4.45) faint.push([walker.currentNode.data.trim(), contrast]);
  }
  return faint;
}"""
