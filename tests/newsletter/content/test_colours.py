from hypothesis import given
from hypothesis import strategies as st

from newsletter.constellation.model import Brand
from newsletter.content import colours

any_colour = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(any_colour, any_colour)
def test_whatever_the_brand_every_text_is_legible(color: str, accent: str) -> None:
    found = colours.palette(Brand(color, accent))
    pairs = [
        (found.on_color, found.color),
        (found.on_accent, found.accent),
        (found.accent_on_color, found.color),
        (found.link, found.tint),
        (found.link, "#ffffff"),
        (found.link_dark, found.tint_dark),
        (found.link_dark, colours.NIGHT),
    ]
    assert [pair for pair in pairs if colours.contrast(*pair) < 4.4] == []


def test_a_colour_that_is_legible_is_left_alone() -> None:
    assert colours.palette(Brand("#5b2a86", "#f2a900")).link == "#5b2a86"


def test_contrast_is_that_of_wcag() -> None:
    assert colours.contrast("#000", "#ffffff") == 21
    assert round(colours.contrast("#767676", "#ffffff"), 2) == 4.54
