import pytest

from newsletter.content import markup


@pytest.mark.parametrize(
    ("source", "fault"),
    [
        (
            "<mj-text>\n  <mj-buton></mj-buton></mj-text>",
            "2:3: there is no <mj-buton> in MJML; did you mean mj-button?",
        ),
        ("<mj-text colour='red'></mj-text>", "1:10: <mj-text> has no attribute colour; did you mean color?"),
        ("<mj-text\n  {{ x }}\n  colour='{{ y }}'></mj-text>", "3:3: <mj-text> has no attribute colour"),
        ('<mj-image border-top="1px" src="x" />', "1:11: <mj-image> has no attribute border-top"),
        (
            "<mj-text><p class='a'>\n<a title='x' href={{ x }}>y</a></p></mj-text>",
            '2:14: the value of href needs quotes: href="…"',
        ),
        ("<mj-text align=left></mj-text>", '1:10: the value of align needs quotes: align="…"'),
        ("<mj-title lang='en'></mj-title>", "1:11: <mj-title> has no attribute lang; it takes none"),
        ("<mj-section><mj-column></mj-section>", "1:13: <mj-column> is not closed before </mj-section>"),
        ("<mj-section>\n<mj-column></mj-column>", "1:1: <mj-section> is never closed in this file"),
        ("</mj-section>", "1:1: </mj-section> closes what this file did not open"),
        ("<mj-text><p>Hello</mj-text>", "1:10: <p> is not closed before </mj-text>"),
        ("<mj-section><mj-text></mj-text></mj-section>", "1:13: <mj-text> stands in <mj-section>; it belongs in"),
        ("<mj-column><p>Hello</p></mj-column>", "1:12: <p> stands in <mj-column>, which takes no HTML"),
        ("{# long\ncomment #}<mj-foo/>", "2:11: there is no <mj-foo>"),
        ("<mj-attributes><mj-text colour='x' /></mj-attributes>", "1:25: <mj-text> has no attribute colour"),
    ],
)
def test_what_mrml_would_drop_is_said_with_line_and_column(source: str, fault: str) -> None:
    assert [found for found in markup.faults(source) if found.startswith(fault)]


@pytest.mark.parametrize(
    "source",
    [
        "<mj-text {% if x > 1 %}color='red'{% endif %} align='{{ \"a\" if b < c }}'>a<br>b &amp; c</mj-text>",
        "<mj-text><a title='a=b' href = \"{{ x }}\" download>b</a></mj-text>",
        "<mj-style>p > a { color: red } h<1</mj-style>",
        "<!-- <mj-buton> --><mj-raw><meta name='x'></mj-raw>",
        "<mj-attributes><mj-all color='red' /><mj-class name='x' padding='0' /></mj-attributes>",
        "<mj-section full-width='full-width'>{% block x %}{% endblock %}</mj-section>",
        "{% macro x() %}<td><mj-button href='x'>y</mj-button></td>{% endmacro %}",
    ],
)
def test_what_mrml_knows_is_let_through(source: str) -> None:
    assert markup.faults(source) == []


def test_every_fault_of_a_file_is_told_at_once_in_its_order() -> None:
    faults = markup.faults("<mj-text colour='a' colur='b'></mj-text>\n<mj-foo></mj-foo>")
    assert [fault.partition(" ")[0] for fault in faults] == ["1:10:", "1:21:", "2:1:"]
