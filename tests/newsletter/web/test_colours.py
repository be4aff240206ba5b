"""Any two colours a series may have become pages that can be read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.constellation.model import Brand
from newsletter.content.colours import contrast
from newsletter.web import colours

anything = st.integers(0, 0xFFFFFF).map(lambda number: f"#{number:06x}")


@given(brand=anything, accent=anything)
def test_whatever_the_brand_text_has_the_contrast_of_wcag(brand: str, accent: str) -> None:
    palette = colours.palette(Brand(brand, accent))
    assert contrast(palette.sky, "#ffffff") >= 4.5
    assert contrast(palette.sky_deep, "#ffffff") >= 4.5
    assert contrast(palette.star, palette.sky) >= 4.5
    assert contrast(palette.star, palette.sky_deep) >= 4.5
    for scheme in (palette.light, palette.dark):
        assert contrast(scheme.brand, scheme.paper) >= 4.5
        assert contrast(scheme.on_button, scheme.button) >= 4.5
        assert contrast(scheme.button, scheme.paper) >= 3
        assert contrast(scheme.accent, scheme.paper) >= 3


def test_a_colour_that_can_be_read_stays_as_it_is() -> None:
    assert colours.palette(Brand("#5b2a86", "#f2a900")).light.brand == "#5b2a86"


@pytest.mark.parametrize("short", ["#fff", "#000", "#a3f"])
def test_the_short_form_of_a_colour_is_the_long_one(short: str) -> None:
    long = "#" + "".join(2 * digit for digit in short[1:])
    assert colours.palette(Brand(short, short)).dark == colours.palette(Brand(long, long)).dark
