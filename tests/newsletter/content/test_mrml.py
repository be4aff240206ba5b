"""The allow-list says what MRML does, not what MJML's documentation promises."""

import re

import mjml
import pytest

from newsletter.content.mrml import ATTRIBUTES

SAMPLES = [
    *("7px", "33%", "0", "#123456", "https://x.example/y.png", "probe", "zz", "true", "none"),
    *("center", "right", "middle", "bottom", "rtl", "vertical", "fixed", "cover", "no-repeat"),
    *("full-width", "fluid-on-mobile", "fixed-height", "hamburger", "uppercase", "italic"),
]
COLUMN = "<mj-section><mj-column>{}</mj-column></mj-section>"
BACKGROUND = "background-url='https://x.example/b.png' background-color='#fefefe'"
LINK = "href='https://x.example'"

CONTEXTS: dict[str, list[str]] = {
    "mj-wrapper": [
        f"<mj-wrapper {given} @><mj-section><mj-column></mj-column></mj-section></mj-wrapper>"
        for given in ("", BACKGROUND)
    ],
    "mj-section": [f"<mj-section {given} @><mj-column></mj-column></mj-section>" for given in ("", BACKGROUND)],
    "mj-column": [
        f"<mj-section><mj-column {given} @><mj-text>q</mj-text></mj-column></mj-section>"
        for given in ("", "padding='3px' border-radius='2px'")
    ],
    "mj-text": [COLUMN.format("<mj-text @>q</mj-text>")],
    "mj-button": [COLUMN.format(f"<mj-button {given} @>q</mj-button>") for given in ("", LINK)],
    "mj-image": [COLUMN.format(f"<mj-image src='https://x.example/a.png' {given} @ />") for given in ("", LINK)],
    "mj-divider": [COLUMN.format("<mj-divider @ />")],
    "mj-spacer": [COLUMN.format("<mj-spacer @ />")],
    "mj-table": [COLUMN.format("<mj-table @><tr><td>q</td></tr></mj-table>")],
}


def rendered(body: str, attribute: str) -> str | None:
    head = "<mj-head><mj-attributes><mj-class name='probe' padding='91px' color='#919191' /></mj-attributes></mj-head>"
    try:
        html = mjml.mjml2html(f"<mjml>{head}<mj-body>{body.replace('@', attribute)}</mj-body></mjml>", fonts={})
    except ValueError:
        return None
    return re.sub(r"\b[0-9a-f]{16}\b", "", html)


def heeded(context: str, attribute: str) -> bool:
    without = rendered(context, "")
    return any(rendered(context, f"{attribute}='{value}'") not in {None, without} for value in SAMPLES)


@pytest.mark.parametrize("tag", CONTEXTS)
def test_each_attribute_of_the_list_is_heeded_and_no_other_that_we_know_of(tag: str) -> None:
    known = set().union(*(ATTRIBUTES[other] for other in CONTEXTS))
    found = {name for name in known if any(heeded(context, name) for context in CONTEXTS[tag])}
    assert found == ATTRIBUTES[tag]
