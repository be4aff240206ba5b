"""What an HTML mail consists of for a reader: its links, pictures and headings, and its texts in their colours."""

import re
from dataclasses import dataclass, field
from html.parser import HTMLParser

_VOID = frozenset({"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "wbr"})
_UNSEEN = frozenset({"head", "style", "script", "title"})
_HEX = re.compile(r"#[0-9a-f]{6}|#[0-9a-f]{3}")


@dataclass(frozen=True, slots=True)
class Link:
    """Where it leads, and what it says."""

    href: str
    words: str


@dataclass(frozen=True, slots=True)
class Image:
    """`alt` is None where there is none; "" is a decoration."""

    src: str
    alt: str | None


@dataclass(frozen=True, slots=True)
class Text:
    """Words as they are seen by day: `#rrggbb` upon `#rrggbb`, "" where a colour is not plain; `size` in pixels."""

    words: str
    color: str
    background: str
    size: float
    is_bold: bool


@dataclass(slots=True)
class Outline:
    """Everything there is, in the order of the mail. `preheader` is the text that only a mailbox's list shows."""

    links: list[Link] = field(default_factory=list)
    images: list[Image] = field(default_factory=list)
    headings: list[tuple[int, str]] = field(default_factory=list)
    texts: list[Text] = field(default_factory=list)
    preheader: str = ""

    @property
    def words(self) -> str:
        """All that is seen, as one text."""
        return " ".join(" ".join(text.words for text in self.texts).split())


def read(html: str) -> Outline:
    """The outline of a mail's HTML, whose styles are inlined."""
    parser = _Parser()
    parser.feed(html)
    parser.close()
    parser.outline.preheader = parser.outline.preheader.strip(_FILLING)
    return parser.outline


_FILLING = "\u034f\u200c\xa0 \n"
"""What a preheader is lengthened with, so that lists do not go on with the text."""


@dataclass(frozen=True, slots=True)
class _Look:
    tag: str = ""
    color: str = "#000000"
    background: str = "#ffffff"
    size: float = 16.0
    is_bold: bool = False
    is_hidden: bool = False
    is_preheader: bool = False


class _Parser(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.outline = Outline()
        self._stack = [_Look()]
        self._link: tuple[str, list[str]] | None = None
        self._heading: tuple[int, list[str]] | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        look = _look(tag, given, self._stack[-1])
        if tag == "img" and not look.is_hidden:
            self.outline.images.append(Image(given.get("src", ""), given.get("alt")))
            for collected in (self._link, self._heading):
                if collected is not None:
                    collected[1].append(given.get("alt", ""))
        if tag == "a" and "href" in given:
            self._link = (given["href"], [])
        if re.fullmatch("h[1-6]", tag):
            self._heading = (int(tag[1]), [])
        if tag not in _VOID:
            self._stack.append(look)

    def handle_endtag(self, tag: str) -> None:
        if tag == "a" and self._link is not None:
            self.outline.links.append(Link(self._link[0].strip(), " ".join("".join(self._link[1]).split())))
            self._link = None
        if re.fullmatch("h[1-6]", tag) and self._heading is not None:
            self.outline.headings.append((self._heading[0], " ".join("".join(self._heading[1]).split())))
            self._heading = None
        for depth in range(len(self._stack) - 1, 0, -1):
            if self._stack[depth].tag == tag:
                del self._stack[depth:]
                return

    def handle_data(self, data: str) -> None:
        look = self._stack[-1]
        if look.is_preheader:
            self.outline.preheader += data
        if look.is_hidden or not data.strip():
            return
        words = " ".join(data.split())
        self.outline.texts.append(Text(words, look.color, look.background, look.size, look.is_bold))
        for collected in (self._link, self._heading):
            if collected is not None:
                collected[1].append(data)


def _look(tag: str, given: dict[str, str], around: _Look) -> _Look:
    style = {
        name.strip().lower(): value.strip().lower()
        for name, _, value in (part.partition(":") for part in given.get("style", "").split(";"))
    }
    background = style.get("background-color") or style.get("background") or given.get("bgcolor", "").lower()
    color = style.get("color", "")
    size = re.fullmatch(r"([\d.]+)px", style.get("font-size", ""))
    weight = style.get("font-weight", "")
    is_invisible = "none" in style.get("display", "") or given.get("aria-hidden") == "true"
    return _Look(
        tag=tag,
        color=around.color if not color else _plain(color),
        background=around.background if background in ("", "transparent", "none") else _plain(background),
        size=float(size[1]) if size else around.size,
        is_bold=around.is_bold or tag in {"b", "strong", "th"} or weight in {"bold", "600", "700", "800", "900"},
        is_hidden=around.is_hidden or tag in _UNSEEN or is_invisible,
        is_preheader=around.is_preheader
        or (tag == "div" and "max-height:0" in given.get("style", "").replace(" ", "")),
    )


def _plain(colour: str) -> str:
    found = _HEX.search(colour)
    if found is None:
        return {"white": "#ffffff", "black": "#000000"}.get(colour, "")
    digits = found[0][1:]
    return "#" + ("".join(2 * digit for digit in digits) if len(digits) == 3 else digits)
