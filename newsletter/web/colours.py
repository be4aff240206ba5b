"""A brand's two colours on the pages: whatever they are, what is read keeps the contrast that WCAG 2.2 AA asks for."""

import colorsys
from dataclasses import dataclass

from newsletter.constellation.model import Brand
from newsletter.content.colours import contrast, mixed

TEXT = 4.5  # WCAG 2.2, success criterion 1.4.3: text against its background
PARTS = 3.0  # WCAG 2.2, success criterion 1.4.11: borders of controls and graphics against theirs

PAPER_LIGHT = "#fbfaf7"
PAPER_DARK = "#16141d"

_BLACK, _WHITE = "#000000", "#ffffff"
_STEPS = 50


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
    sky = _until(brand.color, 9.0, against=_WHITE, towards=_BLACK)  # far darker than text needs: stars are faint
    return Palette(
        sky=sky,
        sky_deep=mixed(sky, _BLACK, 0.55),
        star=_until(brand.accent, TEXT, against=sky, towards=_WHITE),
        light=_scheme(brand, PAPER_LIGHT, away=_BLACK),
        dark=_scheme(brand, PAPER_DARK, away=_WHITE),
    )


def _scheme(brand: Brand, paper: str, *, away: str) -> Scheme:
    button = _until(brand.color, PARTS, against=paper, towards=away)
    return Scheme(
        paper=paper,
        brand=_until(brand.color, TEXT + 1, against=paper, towards=away),  # a little more: cards are tinted
        button=button,
        on_button=max(_WHITE, _BLACK, key=lambda text: contrast(text, button)),
        accent=_until(brand.accent, PARTS, against=paper, towards=away),
    )


def _until(color: str, ratio: float, *, against: str, towards: str) -> str:
    """The nearest shade of a colour, lighter or darker by steps, that has this contrast; its hue stays."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*(channel / 255 for channel in bytes.fromhex(_six_digits(color))))
    target = 1.0 if towards == _WHITE else 0.0
    for step in range(_STEPS + 1):
        share = step / _STEPS
        shade = colorsys.hls_to_rgb(hue, lightness + (target - lightness) * share, saturation)
        candidate = "#" + bytes(round(channel * 255) for channel in shade).hex()
        if contrast(candidate, against) >= ratio:
            return candidate
    return towards


def _six_digits(color: str) -> str:
    digits = color.removeprefix("#")
    return "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
