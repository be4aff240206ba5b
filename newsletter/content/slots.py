"""What is each person's own: the names a template may write, and the words that stand for them until they are known.

A slot is written as it is or not at all. A template cannot look into it, because at the time it runs nobody's value
is known: whatever would (a condition, a filter, a concatenation) raises Misused.
"""

import re
import secrets
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NoReturn

from newsletter.content import pointing, quoting
from newsletter.content.errors import ContentError, Unfit, shown


class Sort(StrEnum):
    """What a slot's value is, which decides how it is checked and where it may stand."""

    WORDS = "words"
    ADDRESS = "address"
    TOKEN = "token"  # noqa: S105 # a sort of slot, no secret
    LINK = "link"


SLOTS = {
    "address": Sort.ADDRESS,
    "first_name": Sort.WORDS,
    "last_name": Sort.WORDS,
    "token": Sort.TOKEN,
    "preferences_link": Sort.LINK,
    "unsubscribe_link": Sort.LINK,
    "rsvp_link": Sort.LINK,
    "confirm_link": Sort.LINK,
    "refuse_link": Sort.LINK,
    "account_link": Sort.LINK,
    "move_link": Sort.LINK,
}
"""Every slot and its sort; the keys of the values that fill a skeleton."""

LINKS = {
    "preferences_url": ("preferences", "preferences_link"),
    "unsubscribe_url": ("unsubscribe", "unsubscribe_link"),
    "one_click_url": ("one-click", "unsubscribe_link"),
    "rsvp_url": ("rsvp", "rsvp_link"),
    "confirm_url": ("confirm", "confirm_link"),
    "refuse_url": ("refuse", "refuse_link"),
    "account_url": ("account", "account_link"),
    "move_url": ("move", "move_link"),
}
"""Each link of a reader's own: the page that it leads to, and the slot of what is signed, which stands behind that."""

IN_TEMPLATES = {
    "person": {"first_name": "first_name", "last_name": "last_name", "address": "address"},
    "links": {
        "preferences": "preferences_url",
        "unsubscribe": "unsubscribe_url",
        "confirm": "confirm_url",
        "refuse": "refuse_url",
        "account": "account_url",
        "move": "move_url",
        "rsvp": "rsvp_url",
    },
}
"""How templates name them: {{ person.first_name }}, {{ links.preferences }}."""


NAMED = {slot: f"{group}.{name}" for group, names in IN_TEMPLATES.items() for name, slot in names.items()}
"""What templates call each slot that they can write."""


class Misused(ContentError):
    """A template does something with a slot other than writing it."""


def cannot(name: str) -> str:
    """Why a slot cannot be used so, and what would be right."""
    return (
        f"{name} is each reader's own and can only be written as it is: no condition, filter, or joining;"
        " to greet by name, ask {% if person.named %}"
    )


@dataclass(frozen=True, slots=True)
class Mark:
    """One place where a template wrote a slot, or a link of LINKS: on that line, for the `nth` time."""

    slot: str
    file: str
    line: int
    nth: int = 1

    @property
    def place(self) -> str:
        """`FILE:LINE:COLUMN`."""
        return f"{shown(self.file)}:{pointing.place(self.file, self.line, self.name, nth=self.nth)}"

    @property
    def name(self) -> str:
        """What templates call it."""
        return NAMED.get(self.slot, self.slot)


@dataclass(slots=True)
class Marks:
    """The words that stand for slots in one rendering, and where each was written.

    A word is plain ASCII, since MRML refuses control characters and an HTML parser would escape brackets, and has no
    hyphen at which a line could be broken. It is different each time, so that no fact can contain it by accident.
    """

    prefix: str = field(default_factory=lambda: f"zq{secrets.token_hex(4)}x")
    found: list[Mark] = field(default_factory=list)

    def slot(self, name: str) -> "Slot":
        """The value that stands for the slot in a template."""
        return Slot(name, self._written)

    def split(self, text: str, *, file: str) -> list[str | Mark]:
        """The text cut at its words: text at even places, marks at odd ones."""
        parts = re.split(rf"{self.prefix}([0-9]+)q", text)
        for part in parts[::2]:
            if self.prefix[:-1] in part.lower():
                raise ContentError(
                    f"{file}: a block that holds a slot was changed by a filter; write the slot as it is"
                )
        return [self.found[int(part)] if odd % 2 else part for odd, part in enumerate(parts)]

    def _written(self, name: str) -> str:
        place = _template_place()
        nth = sum((mark.slot, mark.file, mark.line) == (name, *place) for mark in self.found) + 1
        self.found.append(Mark(name, *place, nth))
        return f"{self.prefix}{len(self.found) - 1}q"


class Slot:
    """A value nobody knows yet. The environment's `finalize` writes its word; all else is refused."""

    __slots__ = ("_name", "_write")

    def __init__(self, name: str, write: Callable[[str], str]) -> None:
        """`write` gives the word for one more place of the slot."""
        self._name = name
        self._write = write

    def word(self) -> str:
        """The word for the place that is being written now."""
        return self._write(self._name)

    def refuse(self, *_: object, **__: object) -> NoReturn:
        """Say that a template may only write it."""
        name = NAMED.get(self._name, self._name)
        raise Misused(cannot(name), needle=name)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        self.refuse()

    __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = __call__ = refuse
    __str__ = __format__ = __int__ = __float__ = refuse
    __add__ = __radd__ = __mod__ = __rmod__ = __mul__ = __rmul__ = refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = __hash__ = refuse


def opened(parts: Sequence[str], site: str) -> list[str]:
    """Text at even places and names at odd ones, where each link's page has become text and the slot behind it is left.

    `site` is where the pages are. Raises ContentError where it cannot stand in a mail.
    """
    told = list(parts)
    for odd in range(1, len(told), 2):
        if (found := LINKS.get(told[odd])) is not None:
            page, told[odd] = found
            told[odd - 1] += url(f"{site}/{page}/")
    return told


def checker(name: str) -> Callable[[str], str]:
    """What makes a slot's value fit to stand in a mail, or raises ContentError where it is not what the slot is for."""
    return _CHECKS[SLOTS[name]]


def address(text: str) -> str:
    """A bare address, with nothing in it that could end a header or an SMTP command."""
    if len(text) > 320 or not _ADDRESS.fullmatch(text):
        raise Unfit(f"{text[:80]!r} is no address to write to; it should look like zoe@example.org")
    return text


def token(text: str) -> str:
    """A delivery token."""
    if not _TOKEN.fullmatch(text):
        raise Unfit(f"{text[:80]!r} is no delivery token; it has up to 64 of a-z, 0-9, '.', '_' and '-'")
    return text


def link(text: str) -> str:
    """What is signed in a link, and stands behind the page that it leads to."""
    if not _LINK.fullmatch(text):
        raise Unfit(f"{text[:80]!r} is no end of a link; it has up to 200 of A-Z, a-z, 0-9, '.', '_' and '-'")
    return text


def url(text: str) -> str:
    """A page of ours: http(s), ASCII, with nothing that HTML would escape (`&` and quotes).

    Short enough that List-Unsubscribe stays one line (RFC 5322 2.1.1), whatever is signed in it.
    """
    if len(text) > 600 or not _URL.fullmatch(text):
        raise ContentError(f"{text[:80]!r} is no link for a mail; it should look like https://news.example.org/…")
    return text


_ADDRESS = re.compile(r'[^\s\x00-\x1f\x7f-\x9f"(),:;<>@\[\\\]]+@[^\s\x00-\x1f\x7f-\x9f"(),:;<>@\[\\\]]+')
_TOKEN = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_LINK = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
_URL = re.compile(r"https?://[!#-%(-;=?-\[\]_a-z~]+")
_CHECKS: dict[Sort, Callable[[str], str]] = {
    Sort.WORDS: quoting.one_line,
    Sort.ADDRESS: address,
    Sort.TOKEN: token,
    Sort.LINK: link,
}


def _template_place() -> tuple[str, int]:
    """The file and line of the template that is running; how Jinja finds them for its own tracebacks."""
    frame = sys._getframe(1)
    while frame.f_back is not None:
        template = frame.f_globals.get("__jinja_template__")
        if template is not None:
            return template.filename or "a template", template.get_corresponding_lineno(frame.f_lineno)
        frame = frame.f_back
    return "a template", 1
