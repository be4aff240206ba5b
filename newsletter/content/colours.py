"""The brand's colours, and those derived from them so that every text stays legible (WCAG 2.2, 1.4.3)."""

import colorsys
from dataclasses import dataclass
from functools import lru_cache

from newsletter.constellation.model import Brand

WHITE = "#ffffff"
INK = "#1d1b24"
BLACK = "#000000"
NIGHT = "#211d2b"
"""The cards of a mail in dark mode."""

ENOUGH = 4.5
"""The contrast that text of ordinary size needs against what is behind it."""

_STEPS = 50


@dataclass(frozen=True, slots=True)
class Palette:
    """What templates know as `brand`: each colour as #rrggbb.

    `on_color` and `on_accent` are for text upon the brand's colours, `accent_on_color` for the accent upon the brand's
    colour; `tint` is a breath of the brand's colour on paper, `tint_dark` on a dark card; `link` and `link_dark` are
    legible on them, and so on what lies beneath.
    """

    color: str
    accent: str
    on_color: str
    on_accent: str
    accent_on_color: str
    link: str
    link_dark: str
    tint: str
    tint_dark: str


@lru_cache(maxsize=16)
def palette(brand: Brand) -> Palette:
    """All colours of a mail, from the brand's two."""
    tint, tint_dark = mixed(brand.color, WHITE, 0.06), mixed(brand.color, NIGHT, 0.24)
    return Palette(
        color=brand.color,
        accent=brand.accent,
        on_color=text_upon(brand.color),
        on_accent=text_upon(brand.accent),
        accent_on_color=legible(brand.accent, upon=brand.color),
        link=legible(brand.color, upon=tint),
        link_dark=legible(brand.color, upon=max((NIGHT, tint_dark), key=_luminance)),
        tint=tint,
        tint_dark=tint_dark,
    )


def contrast(one: str, other: str) -> float:
    """The contrast ratio of two colours, from 1 to 21."""
    darker, lighter = sorted((_luminance(one), _luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


def text_upon(colour: str) -> str:
    """White or ink, whichever reads better upon the colour; black where it is so middling that neither would do."""
    best = max((WHITE, INK), key=lambda text: contrast(text, colour))
    return best if contrast(best, colour) >= ENOUGH else max((WHITE, BLACK), key=lambda text: contrast(text, colour))


def legible(colour: str, *, upon: str) -> str:
    """The colour itself where it is legible upon the other, else the nearest lighter or darker one that is."""
    return shade(colour, ENOUGH, upon=upon, towards=WHITE if text_upon(upon) == WHITE else BLACK)


def shade(colour: str, ratio: float, *, upon: str, towards: str) -> str:
    """The colour, or its nearest shade towards white or black that has this contrast upon the other; its hue stays."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(colour))
    target = 1.0 if towards == WHITE else 0.0
    for step in range(_STEPS + 1):
        moved = lightness + (target - lightness) * step / _STEPS
        candidate = _hex(colorsys.hls_to_rgb(hue, moved, saturation))
        if contrast(candidate, upon) >= ratio:
            return candidate
    return towards


def mixed(colour: str, ground: str, share: float) -> str:
    """The colour laid thinly over the ground; `share` from 0 (ground) to 1 (colour)."""
    pairs = zip(_channels(colour), _channels(ground), strict=True)
    red, green, blue = (share * over + (1 - share) * under for over, under in pairs)
    return _hex((red, green, blue))


def _channels(colour: str) -> tuple[float, float, float]:
    digits = colour.removeprefix("#")
    if len(digits) == 3:
        digits = "".join(2 * digit for digit in digits)
    red, green, blue = (int(digits[at : at + 2], 16) / 255 for at in (0, 2, 4))
    return red, green, blue


def _hex(channels: tuple[float, float, float]) -> str:
    return "#" + "".join(f"{round(channel * 255):02x}" for channel in channels)


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in _channels(colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
