"""Where in finished HTML a slot stands, and what makes its bytes there.

This looks at what is really sent, after MJML and css-inline have had their say, so nothing that they move or copy can
take a value to a place it is not escaped for.
"""

import re
from bisect import bisect_left
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache

from newsletter.content import quoting, slots
from newsletter.content.errors import ContentError
from newsletter.content.filler import Filler, Piece
from newsletter.content.slots import Mark, Sort

_CONSTRUCT = re.compile(
    r"(?P<comment><!--.*?-->)|<(?P<raw>style|script)\b.*?</(?P=raw)\s*>|(?P<tag></?[A-Za-z](?:\"[^\"]*\"|[^\">])*>)",
    re.DOTALL | re.IGNORECASE,
)
_ATTRIBUTE = re.compile(r'\s([^\s"=<>/]+)="([^"]*)"')
_STAND_IN = "x"
_LINKS = {"href", "src", "action", "background", "cite", "poster", "srcset", "formaction", "data"}


def in_text(parts: Sequence[str | Mark], site: str) -> list[Piece]:
    """The pieces of a text part; links lead to the pages of `site`."""
    return _pieces(parts, site, _text_filler)


def in_html(parts: Sequence[str | Mark], site: str) -> list[Piece]:
    """The pieces of an HTML part, as of a text.

    Raises ContentError, with file and line, for a slot that cannot be escaped where it stands.
    """
    marks, positions, html = [], [], ""
    for part in parts:
        if isinstance(part, Mark):
            marks.append(part)
            positions.append(len(html))
        html += part if isinstance(part, str) else _STAND_IN
    surroundings = _surroundings(html, positions)
    for mark, position, surrounding in zip(marks, positions, surroundings, strict=True):
        _refuse_unfit(mark, position, surrounding)
    return _pieces(parts, site, _html_filler)


def _pieces(parts: Sequence[str | Mark], site: str, filler: Callable[[str], Filler]) -> list[Piece]:
    *before, last = slots.opened([part.slot if isinstance(part, Mark) else part for part in parts], site)
    pieces: list[Piece] = []
    for text, slot in zip(before[::2], before[1::2], strict=True):
        pieces += [quoting.body(text, before_slot=True), filler(slot)]
    return [*pieces, quoting.body(last, before_slot=False)]


@cache
def _text_filler(slot: str) -> Filler:
    quoted = quoting.word if slots.SLOTS[slot] in _BARE else _quoting(slot)
    return Filler((slot,), lambda values: quoted(values[slot]))


_BARE = {Sort.LINK, Sort.TOKEN}
"""Nothing that passes their checks is escaped by HTML, so text and HTML share one filler, and fill pays once."""


@cache
def _html_filler(slot: str) -> Filler:
    if slots.SLOTS[slot] in _BARE:
        return _text_filler(slot)
    quoted = _quoting(slot)
    return Filler((slot,), lambda values: quoted(_escape(values[slot])))


def _quoting(slot: str) -> Callable[[str], bytes]:
    """What writes its values: many people have the same first name, and nobody the same address."""
    return _names if slots.SLOTS[slot] is Sort.WORDS else quoting.value


_names = lru_cache(maxsize=1024)(quoting.value)


def _escape(value: str) -> str:
    """Escaped for HTML's text and for its quoted attributes alike, the only places that `in_html` lets through."""
    return _MARKUP.sub(_entity, value) if _MARKUP.search(value) else value


_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;", "\xa0": "&nbsp;"}
_MARKUP = re.compile("[&<>\"'\xa0]")


def _entity(character: re.Match[str]) -> str:
    return _ENTITIES[character[0]]


@dataclass(frozen=True, slots=True)
class _Surrounding:
    """What a slot stands in: the attribute's name or what opens it ("" for text), and where that begins."""

    name: str
    start: int


def _surroundings(html: str, positions: list[int]) -> list[_Surrounding]:
    found = [_Surrounding("", position) for position in positions]
    for construct in _CONSTRUCT.finditer(html):
        first, end = (bisect_left(positions, edge) for edge in construct.span())
        for which in range(first, end):
            found[which] = _within(construct, positions[which])
    return found


def _within(construct: re.Match[str], position: int) -> _Surrounding:
    for attribute in _ATTRIBUTE.finditer(construct["tag"] or ""):
        start, end = (construct.start() + edge for edge in attribute.span(2))
        if start <= position < end:
            return _Surrounding(attribute[1].lower(), start)
    opening = "a comment" if construct["comment"] else f"<{construct['raw'].lower()}>" if construct["raw"] else "a tag"
    return _Surrounding(f"inside {opening}", construct.start())


def _refuse_unfit(mark: Mark, position: int, surrounding: _Surrounding) -> None:
    name = surrounding.name
    if name.startswith("inside"):
        where = name
    elif name == "style" or name.startswith("on"):
        where = f"in the attribute {name}"
    elif name in _LINKS and (mark.slot not in slots.LINKS or position != surrounding.start):
        where = f"in {name}, which takes one link and nothing before it"
    else:
        return
    raise ContentError(f"{mark.place}: {mark.name} cannot be escaped {where}", is_placed=True)
