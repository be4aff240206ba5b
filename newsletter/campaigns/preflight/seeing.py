"""Whether everyone can read it: words for pictures, contrast, headings in order, and text besides pictures."""

from collections.abc import Iterator
from itertools import pairwise

from newsletter.campaigns.preflight.findings import Finding, Rule, error, warning
from newsletter.campaigns.preflight.mail import Mail
from newsletter.content import colours

_LARGE, _LARGE_BOLD, _ENOUGH_IF_LARGE = 24.0, 18.66, 3.0
_WORDS_FOR_A_PICTURE = 40


def check(mail: Mail) -> Iterator[Finding]:
    """WCAG 2.2: 1.1.1, 1.4.3, 1.3.1; and what filters say of mails that are one large picture."""
    outline = mail.outline
    for image in outline.images:
        if image.alt is None:
            yield error(
                Rule.ALT_TEXT, f"the picture {_short(image.src)} has no words for those who do not see it: alt=…"
            )
    for text in outline.texts:
        if text.color and text.background:
            contrast = colours.contrast(text.color, text.background)
            is_large = text.size >= _LARGE or (text.is_bold and text.size >= _LARGE_BOLD)
            enough = _ENOUGH_IF_LARGE if is_large else colours.ENOUGH
            if contrast < enough:
                seen = f"{text.color} on {text.background} has a contrast of {contrast:.1f}"
                yield warning(Rule.CONTRAST, f"“{_short(text.words)}” is hard to read: {seen}; {enough:g} is enough")
    yield from _headings(outline.headings)
    words = len(outline.words.split())
    if outline.images and words < _WORDS_FOR_A_PICTURE * len(outline.images):
        yield warning(
            Rule.TEXT_IMAGE_RATIO,
            f"{len(outline.images)} pictures and {words} words: filters mistrust mails with little text",
        )


def _headings(headings: list[tuple[int, str]]) -> Iterator[Finding]:
    levels = [level for level, _ in headings]
    if levels.count(1) != 1:
        yield warning(Rule.HEADINGS, f"there are {levels.count(1)} headings of the first level; one is right")
    for (before, _), (level, words) in pairwise(headings):
        if level > before + 1:
            yield warning(Rule.HEADINGS, f"“{_short(words)}” is of level {level} after one of level {before}")


def _short(words: str) -> str:
    return words if len(words) <= 60 else f"{words[:57]}…"
