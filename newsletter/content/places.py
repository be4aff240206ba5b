"""Where in finished HTML a slot stands, and what makes its bytes there.

This looks at what is really sent, after MJML and css-inline have had their say, so nothing that they move or copy can
take a value to a place it is not escaped for.
"""

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache

from newsletter.content import quoting, slots
from newsletter.content.errors import ContentError
from newsletter.content.headers import Filler
from newsletter.content.slots import SLOTS, Mark, Sort

_CONSTRUCT = re.compile(
    r"(?P<comment><!--.*?-->)|<(?P<raw>style|script)\b.*?</(?P=raw)\s*>|(?P<tag></?[A-Za-z](?:\"[^\"]*\"|[^\">])*>)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r'\s([^\s"=<>/]+)="([^"]*)"')
_LINKS = {"href", "src", "action", "background", "cite", "poster", "srcset", "formaction", "data"}


def in_text(parts: Sequence[str | Mark]) -> list[bytes | Filler]:
    """The pieces of a text part."""
    return _pieces(parts, [_text_filler(part.slot) for part in parts[1::2] if isinstance(part, Mark)])


def in_html(parts: Sequence[str | Mark]) -> list[bytes | Filler]:
    """The pieces of an HTML part. Raises ContentError, with file and line, for a slot that cannot be escaped there."""
    spans = _spans("".join(part if isinstance(part, str) else _stand_in(part) for part in parts))
    fillers, position = [], 0
    for part in parts:
        if isinstance(part, Mark):
            _refuse_unfit(part, spans, position)
            fillers.append(_html_filler(part.slot))
            position += len(_stand_in(part))
        else:
            position += len(part)
    return _pieces(parts, fillers)


def _pieces(parts: Sequence[str | Mark], fillers: Sequence[Filler]) -> list[bytes | Filler]:
    pieces: list[bytes | Filler] = []
    for number, text in enumerate(parts[::2]):
        assert isinstance(text, str)  # noqa: S101 # text and marks alternate
        pieces.append(quoting.body(text, before_slot=number < len(fillers)))
        if number < len(fillers):
            pieces.append(fillers[number])
    return pieces


@lru_cache
def _text_filler(slot: str) -> Filler:
    check = slots.checker(slot)

    def fill(values: Mapping[str, str]) -> bytes:
        return quoting.value(check(values[slot]))

    return fill


@lru_cache
def _html_filler(slot: str) -> Filler:
    check = slots.checker(slot)
    if SLOTS[slot] in {Sort.URL, Sort.TOKEN}:
        # Nothing that passes their checks is escaped by HTML, so text and HTML share one filler, and fill pays once.
        return _text_filler(slot)

    def fill(values: Mapping[str, str]) -> bytes:
        return quoting.value(_escape(check(values[slot])))

    return fill


def _escape(value: str) -> str:
    """Escaped for HTML's text and for its quoted attributes alike, the only places that `in_html` lets through."""
    if value.isalnum():
        return value
    return (
        value.replace("&", "&amp;")
        .replace("<", "&lt;")
        .replace(">", "&gt;")
        .replace('"', "&quot;")
        .replace("'", "&#39;")
        .replace("\xa0", "&nbsp;")
    )


def _stand_in(mark: Mark) -> str:
    return "x" * (len(mark.slot) + 1)


def _spans(html: str) -> list[tuple[int, int, str]]:
    """Where HTML holds something other than text: start, end, and the attribute's name or what opens it."""
    spans = []
    for found in _CONSTRUCT.finditer(html):
        if found["tag"]:
            spans.append((found.start(), found.end(), "<"))
            for attribute in _ATTRIBUTE.finditer(found["tag"]):
                start = found.start() + attribute.start(2)
                spans.append((start, found.start() + attribute.end(2), attribute[1].lower()))
        else:
            spans.append((found.start(), found.end(), "<!--" if found["comment"] else f"<{found['raw'].lower()}>"))
    return spans


def _refuse_unfit(mark: Mark, spans: list[tuple[int, int, str]], position: int) -> None:
    # The last span that covers the position is the innermost: an attribute comes after its tag.
    start, name = next(
        ((start, name) for start, end, name in reversed(spans) if start <= position < end), (position, "")
    )
    if not name:
        return
    if name.startswith("<"):
        where = {"<": "inside a tag", "<!--": "inside a comment"}.get(name, f"inside {name}")
    elif name == "style" or name.startswith("on"):
        where = f"in the attribute {name}"
    elif name in _LINKS and (SLOTS[mark.slot] is not Sort.URL or position != start):
        where = f"in {name}, which takes one link and nothing before it"
    else:
        return
    raise ContentError(f"{mark.file}:{mark.line}: {mark.slot} cannot be escaped {where}")
