"""Reading a mail that arrived as a person does, or their mail program: its text, its links, its button to leave."""

import email
import email.policy
import re
from email.message import EmailMessage
from html.parser import HTMLParser

from newsletter.demo.errors import DemoError
from newsletter.demo.outbox import Mail

_ADDRESS = re.compile(r"https?://[^\s<>\"]+")
_ANGLED = re.compile(r"<([^<>]+)>")


def message(mail: Mail) -> EmailMessage:
    """The mail, opened."""
    return email.message_from_bytes(mail.path.read_bytes(), policy=email.policy.default)


def text(mail: Mail) -> str:
    """Its plain text, in one line."""
    body = message(mail).get_body(("plain",))
    return "" if body is None else " ".join(body.get_content().split())


def link(mail: Mail, page: str, *, ending: str = "", in_html: bool = True) -> str:
    """The link in a mail that leads to `/page/…` of the site. Raises DemoError when there is none."""
    for url in links(mail, in_html=in_html):
        if f"/{page}/" in url and url.endswith(ending):
            return url
    raise DemoError(f"{mail.path}: there is no link to /{page}/ in it")


def links(mail: Mail, *, in_html: bool = True) -> list[str]:
    """Every web address a reader of its HTML, or of its plain text, could follow."""
    body = message(mail).get_body(("html",) if in_html else ("plain",))
    if body is None:
        return []
    content: str = body.get_content()
    if not in_html:
        return _ADDRESS.findall(content)
    reader = _Links()
    reader.feed(content)
    return reader.found


def one_click(mail: Mail) -> str:
    """Where a mail program posts when its unsubscribe button is pressed (RFC 8058). Raises DemoError."""
    opened = message(mail)
    if opened["List-Unsubscribe-Post"] != "List-Unsubscribe=One-Click":
        raise DemoError(f"{mail.path}: a mail program shows no button to leave")
    ways = _ANGLED.findall(opened["List-Unsubscribe"] or "")
    found = next((way for way in ways if way.startswith(("http://", "https://"))), None)
    if found is None:
        raise DemoError(f"{mail.path}: its List-Unsubscribe names no page")
    return str(found)


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found += [value for name, value in attrs if name == "href" and value and value.startswith("http")]
