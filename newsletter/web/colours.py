"""A brand's two colours on the pages: whatever they are, what is read keeps the contrast that WCAG 2.2 AA asks for."""

from dataclasses import dataclass

from newsletter.constellation.model import Brand
from newsletter.content.colours import BLACK, WHITE, contrast, mixed, shade

TEXT = 4.5  # WCAG 2.2, success criterion 1.4.3: text against its background
PARTS = 3.0  # WCAG 2.2, success criterion 1.4.11: borders of controls and graphics against theirs

PAPER_LIGHT = "#fbfaf7"
PAPER_DARK = "#16141d"


@dataclass(frozen=True, slots=True)
class Scheme:
    """The colours of one appearance, light or dark: the page, the brand as text and as a button, the accent."""

    paper: str
    brand: str
    button: str
    on_button: str
    accent: str


@dataclass(frozen=True, slots=True)
class Palette:
    """What the stylesheet says of a brand. The sky is the dark of the headers; it is the same in both appearances."""

    sky: str
    sky_deep: str
    star: str
    light: Scheme
    dark: Scheme


def palette(brand: Brand) -> Palette:
    """All colours of the pages, from the brand's two."""
    sky = shade(brand.color, 9.0, upon=WHITE, towards=BLACK)  # far darker than text needs: stars are faint
    return Palette(
        sky=sky,
        sky_deep=mixed(sky, BLACK, 0.55),
        star=shade(brand.accent, TEXT, upon=sky, towards=WHITE),
        light=_scheme(brand, PAPER_LIGHT, away=BLACK),
        dark=_scheme(brand, PAPER_DARK, away=WHITE),
    )


def _scheme(brand: Brand, paper: str, *, away: str) -> Scheme:
    button = shade(brand.color, PARTS, upon=paper, towards=away)
    return Scheme(
        paper=paper,
        brand=shade(brand.color, TEXT + 1, upon=paper, towards=away),  # a little more: cards are tinted
        button=button,
        on_button=max(WHITE, BLACK, key=lambda text: contrast(text, button)),
        accent=shade(brand.accent, PARTS, upon=paper, towards=away),
    )
