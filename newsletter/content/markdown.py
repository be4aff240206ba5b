"""From a Markdown file to a letter: front matter, HTML for the house's layout, a text part, and the pictures beside it.

CommonMark with tables and ~~strike~~, by markdown-it-py; nh3 has the last word on what HTML may go out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote

import nh3
from markdown_it import MarkdownIt
from markdown_it.token import Token

from newsletter.content import front_matter, pictures, plain_markdown
from newsletter.content.errors import ContentError, shown
from newsletter.content.front_matter import FrontMatter, Images, Spot
from newsletter.content.letters import Letter, Picture
from newsletter.content.pictures import NoPicture
from newsletter.content.pointing import column_of, line_of

TAGS = frozenset(
    {
        "a",
        "abbr",
        "b",
        "blockquote",
        "br",
        "code",
        "dd",
        "del",
        "dl",
        "dt",
        "em",
        "h2",
        "h3",
        "h4",
        "hr",
        "i",
        "img",
        "li",
    }
    | {"ol", "p", "pre", "s", "small", "strong", "sub", "sup", "table", "tbody", "td", "th", "thead", "tr", "u", "ul"}
)
"""The HTML that may go out."""

_ATTRIBUTES: dict[str, set[str]] = {
    "a": {"href", "title", "class"},
    "img": {"src", "alt", "title", "width", "height", "class"},
    "ol": {"start"},
    "abbr": {"title"},
    "table": {"class"},
}
_HEADINGS = {"h1": "h2", "h5": "h4", "h6": "h4"}
_HTML_TAG = re.compile(r"</?([A-Za-z][\w-]*)")


@dataclass(frozen=True, slots=True)
class Written:
    """What a file says, and of which event and to whom, with the `spots` of these; `hosted` are the pictures that our
    server is to have."""

    letter: Letter
    event: str
    audience: str
    spots: Mapping[str, Spot]
    hosted: tuple[Picture, ...]


def read(file: Path, *, language: str, media_url: str) -> Written:
    """Read a Markdown file. `language` is what it is in unless it says so; hosted pictures are below `media_url`.

    Raises ContentError, a line for each fault with file, line and column.
    """
    name = shown(str(file))
    try:
        text = file.read_text(encoding="utf-8-sig")  # a byte order mark, as some editors begin with, is no text
    except UnicodeDecodeError as error:
        raise ContentError(f"{name}: is not in UTF-8 (byte {error.start})") from error
    except OSError as error:
        raise ContentError(f"{name}: {error.strerror or error}") from error
    head = front_matter.read(text.replace("\r\n", "\n"), name)
    reading = _Reading(head, file.parent, media_url)
    tokens = _parser().parse(head.body)
    headline = _taken_headline(tokens)
    reading.prepare(tokens)
    if not tokens:
        reading.fault(len(head.body), "there is no text after the front matter")
    if reading.faults:
        told = [f"{name}:{line}:{column}: {what}" for line, column, what in sorted(reading.faults)]
        raise ContentError("\n".join(told), is_placed=True)
    letter = Letter(
        language=head.language or language,
        subject=head.subject,
        preheader=head.preheader,
        kicker=head.kicker,
        headline=head.headline or headline or head.subject,
        html=_sanitised(_parser().renderer.render(tokens, _parser().options, {})),
        text=plain_markdown.text(tokens),
        embedded=tuple(reading.pictures.values()) if head.images is Images.EMBEDDED else (),
    )
    hosted = () if head.images is Images.EMBEDDED else tuple(reading.pictures.values())
    return Written(letter, head.event, head.audience, head.spots, hosted)


def translations(file: Path) -> dict[str, Path]:
    """The files beside one that say the same in other languages, by language: `story.es.md` beside `story.md`."""
    pattern = re.compile(rf"{re.escape(file.stem)}\.([a-z]{{2,3}}){re.escape(file.suffix)}")
    siblings = sorted(file.parent.iterdir()) if file.parent.is_dir() else []
    return {match[1]: path for path in siblings if (match := pattern.fullmatch(path.name))}


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _taken_headline(tokens: list[Token]) -> str:
    """The words of a `# heading` that the file begins with, which is taken out: the layout has its own place for it."""
    if len(tokens) < 3 or tokens[0].type != "heading_open" or tokens[0].tag != "h1":
        return ""
    words = plain_markdown.inline(tokens[1].children or [])
    del tokens[:3]
    return words


def _sanitised(html: str) -> str:
    return nh3.clean(
        html,
        tags=set(TAGS),
        attributes=_ATTRIBUTES,
        url_schemes={"http", "https", "mailto", "tel", "cid"},
        link_rel=None,
    )


@dataclass(slots=True)
class _Reading:
    """A file's tokens on their way: pictures become addresses, and what cannot go out is found."""

    head: FrontMatter
    folder: Path
    media_url: str
    pictures: dict[str, Picture] = field(default_factory=dict)
    faults: list[tuple[int, int, str]] = field(default_factory=list)

    def fault(self, position: int, text: str) -> None:
        line = self.head.lines + line_of(self.head.body, position)
        self.faults.append((line, column_of(self.head.body, position), text))

    def prepare(self, tokens: list[Token]) -> None:
        start = 0
        for token in tokens:
            start = self._start(token) if token.map else start
            if token.type in ("heading_open", "heading_close"):
                token.tag = _HEADINGS.get(token.tag, token.tag)
            if token.type == "html_block":
                self._check_html(token.content, start)
            for child in token.children or []:
                if child.type == "html_inline":
                    self._check_html(child.content, start)
                elif child.type == "link_open":
                    child.attrSet("class", "link")
                elif child.type == "image":
                    self._show(child, start)

    def _start(self, token: Token) -> int:
        """Where in the body a block begins."""
        assert token.map is not None  # noqa: S101 # asked before
        return sum(len(line) + 1 for line in self.head.body.split("\n")[: token.map[0]])

    def _check_html(self, html: str, start: int) -> None:
        for tag in _HTML_TAG.finditer(html):
            if tag[1].lower() not in TAGS:
                position = max(self.head.body.find(tag[0], start), start)
                self.fault(position, f"<{tag[1]}> cannot stand in a mail's text; leave it out")
            elif tag[1].lower() == "img":
                position = max(self.head.body.find(tag[0], start), start)
                self.fault(position, "write a picture as ![what it shows](picture.jpg)")

    def _show(self, token: Token, start: int) -> None:
        source = str(token.attrGet("src") or "")
        position = max(self.head.body.find(source, start), start)
        if not token.content.strip():
            self.fault(position, f"{source} has no words for those who do not see it: ![what it shows]({source})")
            return
        token.attrSet("class", "picture")
        if re.match(r"https?://", source):
            return
        try:
            picture = self._prepared(source)
        except NoPicture as error:
            self.fault(position, f"{source} {error}")
            return
        token.attrSet("width", str(min(picture.width, pictures.SHOWN)))
        is_embedded = self.head.images is Images.EMBEDDED
        token.attrSet("src", f"cid:{picture.name}" if is_embedded else f"{self.media_url}/{picture.name}")

    def _prepared(self, source: str) -> Picture:
        if source not in self.pictures:
            path = self.folder / unquote(source)
            if not path.is_file():
                raise NoPicture("is not there; a picture's path begins at the folder of this file")
            self.pictures[source] = pictures.prepare(path)
        return self.pictures[source]
