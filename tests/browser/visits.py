"""Every page there is, and how somebody gets to it."""

import re
from datetime import timedelta
from typing import Any

from playwright.sync_api import Page, expect

from subscribers.links import Purpose

PAGES = {
    "join": "join",
    "mistake": "join",
    "once-more": "join-once-more",
    "join/sent": "join-sent",
    "events": "events",
    "confirm": "confirm",
    "expired": "confirm-expired",
    "unconfirmed": "unconfirmed",
    "welcome": "confirmed",
    "preferences": "preferences",
    "rsvp": "rsvp",
    "unsubscribe": "unsubscribe",
    "left": "left",
    "link": "link",
    "link/sent": "link-sent",
    "account": "account",
    "account-expired": "account-expired",
    "move": "move",
    "erase": "erase",
    "erased": "erased",
    "refuse": "refuse",
    "refused": "refused",
    "forgotten": "confirm-forgotten",
    "void": "confirm-void",
    "ended": "calendar-ended",
    "cut-off": "message",
    "nothing-here": "message",
}
"""What a test calls a page, and the template that it shows."""

_ADDRESS = "a.rather.long.address.of.somebody@a-rather-long-domain.example.org"


def open_page(page: Page, site: Any, name: str) -> None:
    """Go to one of the pages as somebody who needed the ones before it."""
    match name:
        case "join" | "join/sent" | "events" | "link" | "link/sent" | "erased" | "refused" | "nothing-here":
            page.goto(f"{site.url}/{name}")
        case "mistake":
            _fill_in(page, site, "ana@")
            expect(page.get_by_role("alert")).to_be_visible()
        case "once-more":
            page.route(f"{site.url}/join/challenge", lambda route: route.abort())
            _fill_in(page, site, _ADDRESS)
            _arrived(page, "Press once more, please")
        case "refuse":
            page.goto(f"{site.url}/refuse/{site.links.refusal('ab' * 16)}")
        case "forgotten":
            page.goto(site.link(Purpose.CONFIRM, 999, age=timedelta(days=40)))
        case "cut-off":
            page.goto(f"{site.url}/confirm/AAAA.cut-off")
        case "confirm" | "expired" | "unconfirmed":
            _join(page, site, _ADDRESS)
            _arrived(page, "Check your mail")
            age = timedelta(days=8) if name == "expired" else timedelta()
            page.goto(site.link(Purpose.PREFERENCES if name == "unconfirmed" else Purpose.CONFIRM, age=age))
        case _:
            _open_as_member(page, site, name)


def _open_as_member(page: Page, site: Any, name: str) -> None:
    open_page(page, site, "confirm")
    page.get_by_role("button").click()
    _arrived(page, "Welcome. You are in.")
    if name == "preferences":
        page.goto(site.link(Purpose.PREFERENCES))
    if name == "rsvp":
        page.goto(f"{site.link(Purpose.RSVP, about=5)}?answer=going")
        page.get_by_role("button", name="Yes, I am coming").click()
        _arrived(page, "You are coming")
    if name in ("account", "account-expired", "erase", "move"):
        age = timedelta(days=1) if name == "account-expired" else timedelta()
        page.goto(site.link(Purpose.ACCOUNT, age=age))
    if name == "move":
        page.get_by_label("New e-mail address").fill("new@example.org")
        page.get_by_role("button", name="Ask at the new address").click()
        page.goto(site.link(Purpose.MOVE))
    if name == "erase":
        page.get_by_role("link", name="Erase everything").click()
        _arrived(page, "Erase everything about you?")
    if name in ("unsubscribe", "left", "void", "ended"):
        page.goto(site.link(Purpose.UNSUBSCRIBE))
    if name in ("left", "void", "ended"):
        page.get_by_role("button", name="Leave", exact=True).click()
        _arrived(page, "You have left. All the best!")
    if name == "void":
        page.goto(site.link(Purpose.CONFIRM))
        _arrived(page, "This link is no longer good")
    if name == "ended":
        page.goto(f"{site.link(Purpose.CALENDAR)}/events.ics")
        _arrived(page, "This calendar has ended")


def _fill_in(page: Page, site: Any, address: str) -> None:
    page.goto(f"{site.url}/join")
    page.get_by_label("E-mail address").fill(address)
    page.get_by_role("button", name=re.compile("Join")).click()


def _join(page: Page, site: Any, address: str) -> None:
    _fill_in(page, site, address)
    once_more(page)


def once_more(page: Page) -> None:
    """Press the second button, which there is where no scripts run."""
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Check your mail|Press once more, please"))
    if page.get_by_role("heading", level=1).text_content() != "Check your mail":
        page.get_by_role("button", name=re.compile("Join")).click()


def _arrived(page: Page, heading: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    page.wait_for_load_state()  # its heading is there before its style
