import email
import email.policy
import re
from datetime import UTC, datetime
from email.message import EmailMessage, MIMEPart
from pathlib import Path
from uuid import uuid4

import html5lib
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter import content
from newsletter.content import quoting, renderer, samples
from newsletter.content.slots import LINKS

ENVELOPE = content.Envelope.of(
    samples.CONSTELLATION, date=datetime(2031, 9, 24, 9, 0, tzinfo=UTC), campaign="note", bounce="bounce@example.org"
)
FACTS = samples.facts("invitation")[0]

names = st.one_of(
    st.sampled_from(
        [
            "",
            ".",
            "..hidden",
            "From here",
            "Zoë",
            "李小龍",
            "مریم",
            "שָׁלוֹם",
            "नेहा",
            "👩🏽‍🏫 Ada",
            '<b>"O\'Neil" & Söhne</b>',
            "=?utf-8?q?x?=",
            "{{ person }}",
            "x=3D=",
            "a\r\nBcc: all@example.org",
            "very " * 60,
            "ü" * 200,
            "&amp;&lt;",
            "\u202eevil",
        ]
    ),
    st.text(max_size=120),
)


def parsed(message: bytes) -> EmailMessage:
    return email.message_from_bytes(message, policy=email.policy.default)


def tree(html: str) -> list[tuple[object, ...]]:
    """What a browser would make of it."""
    document = html5lib.parse(html, namespaceHTMLElements=False)
    return [(node.tag, sorted(node.attrib.items()), node.text, node.tail) for node in document.iter()]


def read(part: MIMEPart | None) -> str:
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("templates") / "mail" / "note"
    folder.mkdir(parents=True)
    (folder / "subject.txt").write_text("Für {{ person.first_name }}: {{ event.title }}", encoding="utf-8")
    (folder / "body.txt").write_text(
        "{{ person.first_name }} at a line's start\n.{{ person.last_name }} after a dot\n\n"
        "{{ person.address }}\n{{ links.unsubscribe }}\n{{ constellation.postal_address }}\n",
        encoding="utf-8",
    )
    (folder / "body.mjml").write_text(
        "<mjml><mj-head><mj-preview>{{ person.first_name }}, hello</mj-preview></mj-head><mj-body><mj-section>"
        '<mj-column><mj-text><p title="{{ person.last_name }}">Grüße, <b>{{ person.first_name }}</b>!</p>'
        '<a href="{{ links.unsubscribe }}">{{ person.address }}</a> {{ constellation.postal_address }}</mj-text>'
        '<mj-button href="{{ links.preferences }}">{{ person.last_name }}</mj-button>'
        "</mj-column></mj-section></mj-body></mjml>",
        encoding="utf-8",
    )
    return folder.parent.parent


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(first=names, last=names)
def test_a_filled_skeleton_is_what_a_full_rendering_by_the_email_package_would_be(
    template: Path, first: str, last: str
) -> None:
    values = {**samples.VALUES, "first_name": first, "last_name": last, "address": "o'neil+a&b@example.org"}
    assert_same("note", template, content.Facets(), values)


def assert_same(kind: str, templates: Path, facets: content.Facets, values: dict[str, str]) -> None:
    """Whether the filled skeleton and a rendering with the values in their places are one mail."""
    ours = parsed(content.compile(kind, FACTS, facets, envelope=ENVELOPE, templates=templates).fill(values))

    clean = {name: quoting.one_line(value) for name, value in values.items()}
    links = {name: f"{FACTS.public_url}/{page}/{clean[slot]}" for name, (page, slot) in LINKS.items()}
    full = renderer.render(kind, FACTS, facets, slot={**clean, **links}.__getitem__, templates=templates)
    theirs = EmailMessage(policy=email.policy.SMTP)
    name = " ".join(f"{clean['first_name']} {clean['last_name']}".split())
    theirs.set_content(full.text)
    theirs.add_alternative(full.html, subtype="html")

    assert ours["Subject"] == full.subject
    assert ours["To"].addresses[0].addr_spec == values["address"]
    # Python's own parser leaves the white space between encoded words that RFC 2047 6.2 tells it to drop.
    assert "".join(ours["To"].addresses[0].display_name.split()) == "".join(name.split())
    assert read(ours.get_body(("plain",))).split() == read(theirs.get_body(("plain",))).split()
    assert tree(read(ours.get_body(("html",)))) == tree(read(theirs.get_body(("html",))).rstrip("\n"))
    assert not ours.defects


WORDS = st.sampled_from(
    ["Grüße", "a & b", "<i>x</i> y", "zwölf", "a  b", "…", "日本", "x" * 90, "=3D", ".dot", "100 %"]
)
IN_HTML = st.sampled_from(
    [
        "<p>{{ person.first_name }}</p>",
        '<p title="{{ person.last_name }} &amp; co">{{ person.address }}</p>',
        '<a href="{{ links.preferences }}">{{ person.first_name }}{{ person.last_name }}</a>',
        "<table><tr>{% for _ in range(2) %}<td>{{ person.last_name }}</td>{% endfor %}</tr></table>",
        "{% if person.named %}<b>{{ person.first_name }}</b>{% else %}<i>nobody</i>{% endif %}",
        "<p>{{ event.title }} {{ event|when }} {{ person.first_name }}</p>",
        '<img alt="{{ person.first_name }}" src="https://x.example/a.png">',
    ]
)
IN_TEXT = st.sampled_from(
    [
        "{{ person.first_name }} {{ person.last_name }}",
        "{% if person.named %}Hello {{ person.first_name }},{% else %}Hello,{% endif %}",
        "- {{ event.title }}: {{ links.unsubscribe }}",
        ".{{ person.address }}",
        "    {{ person.last_name }} {{ event|hours }}",
    ]
)


@settings(max_examples=60, deadline=None)
@given(
    html=st.lists(st.one_of(IN_HTML, WORDS.map("<p>{}</p>".format)), max_size=5),
    text=st.lists(st.one_of(IN_TEXT, WORDS), max_size=5),
    subject=st.lists(
        st.one_of(st.just("{{ person.first_name }}"), st.just("{{ event.title }}"), WORDS), min_size=1, max_size=3
    ),
    facets=st.sampled_from(samples.FACETS),
    first=names,
    last=names,
)
def test_so_it_is_for_templates_of_any_parts(
    template: Path, html: list[str], text: list[str], subject: list[str], facets: content.Facets, first: str, last: str
) -> None:
    kind = f"any-{uuid4().hex}"  # a folder of its own, for Jinja keeps what it has read
    folder = template / "mail" / kind
    folder.mkdir()
    (folder / "subject.txt").write_text("About " + " ".join(subject), encoding="utf-8")
    owed = "{{ constellation.postal_address }} {{ links.unsubscribe }}"
    (folder / "body.txt").write_text("\n".join([*text, owed]), encoding="utf-8")
    (folder / "body.mjml").write_text(
        f"<mjml><mj-body><mj-section><mj-column><mj-text>{' '.join(html)}<p>{{{{ constellation.postal_address }}}}"
        '<a href="{{ links.unsubscribe }}">x</a></p></mj-text></mj-column></mj-section></mj-body></mjml>',
        encoding="utf-8",
    )
    assert_same(kind, template, facets, {**samples.VALUES, "first_name": first, "last_name": last})


@settings(max_examples=80, deadline=None)
@given(first=names, last=names)
def test_every_message_can_follow_data_as_it_is(template: Path, first: str, last: str) -> None:
    skeleton = content.compile("note", FACTS, content.Facets(), envelope=ENVELOPE, templates=template)
    message = skeleton.fill({**samples.VALUES, "first_name": first, "last_name": last})
    lines = message.split(b"\r\n")
    assert lines.pop() == b""
    assert not [line for line in lines if b"\r" in line or b"\n" in line or line.startswith(b".") or len(line) > 998]
    assert message.isascii()
    body = message.partition(b"\r\n\r\n")[2].split(b"\r\n")
    assert max(map(len, body)) <= 76
    assert not [line for line in body if line.endswith((b" ", b"\t"))]


@settings(max_examples=80, deadline=None)
@given(first=names, last=names)
def test_no_value_adds_or_changes_a_header(template: Path, first: str, last: str) -> None:
    skeleton = content.compile("note", FACTS, content.Facets(), envelope=ENVELOPE, templates=template)
    plain, odd = (
        parsed(skeleton.fill({**samples.VALUES, "first_name": one, "last_name": other})).items()
        for one, other in (("Zoe", "Li"), (first, last))
    )
    personal = {"To", "Subject"}
    assert [name for name, _ in odd] == [name for name, _ in plain]
    assert [item for item in odd if item[0] not in personal] == [item for item in plain if item[0] not in personal]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("address", "zoe@example.org\r\nBcc: all@example.org"),
        ("address", "zoe@example.org>, <all@example.org"),
        ("address", "zoe @example.org"),
        ("address", "zoe"),
        ("address", ""),
        ("token", "abc\r\nX: y"),
        ("token", "abc>"),
        ("token", ""),
        ("unsubscribe_link", "abc\r\nX: y"),
        ("unsubscribe_link", "abc>, <mailto:all@example.org"),
        ("unsubscribe_link", "../else"),
        ("unsubscribe_link", 'abc" onclick="x'),
        ("unsubscribe_link", "x" * 201),
        ("unsubscribe_link", ""),
    ],
)
def test_a_value_that_no_mail_may_carry_is_refused(template: Path, name: str, value: str) -> None:
    skeleton = content.compile("note", FACTS, content.Facets(), envelope=ENVELOPE, templates=template)
    with pytest.raises(content.ContentError, match="is no ") as error:
        skeleton.fill({**samples.VALUES, name: value})
    assert "\n" not in str(error.value)


def test_a_missing_value_is_named(template: Path) -> None:
    skeleton = content.compile("note", FACTS, content.Facets(), envelope=ENVELOPE, templates=template)
    values = {name: value for name, value in samples.VALUES.items() if name != "unsubscribe_link"}
    with pytest.raises(content.ContentError, match="needs a value for unsubscribe_link"):
        skeleton.fill(values)


def test_the_same_person_gets_the_same_bytes_again(template: Path) -> None:
    first, second = (
        content.compile("note", FACTS, content.Facets(), envelope=ENVELOPE, templates=template) for _ in range(2)
    )
    assert first.fill(samples.VALUES) == second.fill(samples.VALUES)


def test_a_preview_shows_what_goes_out(template: Path) -> None:
    skeleton = content.compile("note", FACTS, content.Facets(), envelope=ENVELOPE, templates=template)
    assert skeleton.subject(samples.VALUES) == f"Für Zoë: {FACTS.event.title}" if FACTS.event else ""
    assert skeleton.text(samples.VALUES).startswith("Zoë at a line's start\n.O’Neil after a dot\n")
    assert "Grüße, <b>Zoë</b>!" in skeleton.html(samples.VALUES)
    assert skeleton.size(samples.VALUES) == len(skeleton.fill(samples.VALUES))


def test_an_address_beyond_ascii_stands_in_the_header_as_utf8(template: Path) -> None:
    skeleton = content.compile("note", FACTS, content.Facets(), envelope=ENVELOPE, templates=template)
    message = skeleton.fill({**samples.VALUES, "address": "zoë@example.org"})
    assert "<zoë@example.org>\r\n".encode() in message.partition(b"\r\n\r\n")[0]


def test_variants_that_come_out_the_same_are_one(template: Path) -> None:
    variants = content.Variants("note", FACTS, envelope=ENVELOPE, templates=template)
    here = variants.skeleton(content.Facets(timezone="Europe/London"))
    assert variants.skeleton(content.Facets(timezone="Asia/Tokyo")) is here
    house = content.Variants("invitation", FACTS, envelope=ENVELOPE)
    london = house.skeleton(content.Facets(timezone="Europe/London"))
    assert house.skeleton(content.Facets(timezone="Asia/Tokyo")) is not london
    assert house.skeleton(content.Facets(timezone="Europe/Jersey")) is london


def test_a_message_of_the_house_is_filled_in_microseconds() -> None:
    import timeit

    skeleton = content.compile("invitation", FACTS, content.Facets(named=True), envelope=ENVELOPE)
    values = dict(samples.VALUES)
    best = min(timeit.repeat(lambda: skeleton.fill(values), number=200, repeat=7)) / 200
    assert best < 150e-6, "ten times what it takes: it has begun to do more than to join bytes"


def test_the_boundary_is_in_no_part(template: Path) -> None:
    skeleton = content.compile("note", FACTS, content.Facets(), envelope=ENVELOPE, templates=template)
    message = skeleton.fill(samples.VALUES)
    found = re.search(rb'boundary="([^"]+)"', message)
    assert found is not None
    assert message.count(found[1]) == 4
