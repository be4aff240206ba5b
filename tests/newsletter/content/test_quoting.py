import email.header
import quopri

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletter.content import quoting

texts = st.text(alphabet=st.one_of(st.sampled_from(" .=F\tüé€😀From\n"), st.characters(exclude_categories=["Cs"])))


@given(texts)
def test_a_body_is_read_back_as_it_was(text: str) -> None:
    text = text.replace("\r", "")
    encoded = quoting.body(text, before_slot=False)
    assert quopri.decodestring(encoded.replace(b"\r\n", b"\n")).decode() == text
    rows = encoded.split(b"\r\n")
    assert max(map(len, rows)) <= 76
    assert not [row for row in rows if row.startswith((b".", b"From ")) or row.endswith((b" ", b"\t"))]


@given(texts, texts, texts)
def test_a_value_between_two_texts_joins_them(before: str, value: str, after: str) -> None:
    before, after, value = before.replace("\r", ""), after.replace("\r", ""), quoting.one_line(value)
    encoded = (
        quoting.body(before, before_slot=True) + quoting.value(value) + quoting.body(after, before_slot=False)
    ).split(b"\r\n")
    assert max(map(len, encoded)) <= 76
    assert not [row for row in encoded if row.startswith((b".", b"From ")) or row.endswith((b" ", b"\t"))]
    assert quopri.decodestring(b"\n".join(encoded)).decode() == before + value + after


@given(st.text(max_size=400))
def test_a_header_is_folded_and_read_back(text: str) -> None:
    encoded = quoting.header("Subject", text)
    assert encoded.endswith(b"\r\n")
    lines = encoded[:-2].split(b"\r\n")
    assert max(map(len, lines)) <= 78
    assert all(line.startswith(b" ") and line.strip() for line in lines[1:])
    unfolded = encoded[9:-2].replace(b"\r\n", b"").decode()
    shown = str(email.header.make_header(email.header.decode_header(unfolded)))
    assert shown.strip() == quoting.squeezed(quoting.one_line(text))


@pytest.mark.parametrize(
    ("name", "encoded"),
    [
        ("", b""),
        ("Ada Lovelace", b"Ada Lovelace"),
        ("O'Neil, Ada", b'"O\'Neil, Ada"'),
        ('Ada "The" \\', b'"Ada \\"The\\" \\\\"'),
        ("Zoë", b"=?utf-8?b?Wm/Dqw==?="),
        ("=?utf-8?q?x?=", b"=?utf-8?b?PT91dGYtOD9xP3g/PQ==?="),
        ("ada@example.org", b'"ada@example.org"'),
        ("a\r\nb", b"a b"),
    ],
)
def test_a_display_name_is_written_as_its_letters_need(name: str, encoded: bytes) -> None:
    assert quoting.phrase(name) == encoded


def test_no_character_is_cut_in_two_by_encoded_words() -> None:
    for word in quoting.phrase("😀" * 100).split(b"\r\n "):
        assert len(word) <= 75
        ((raw, charset),) = email.header.decode_header(word.decode())
        assert charset == "utf-8"
        raw.decode()  # a character cut in two would not decode


def test_what_could_begin_a_line_or_turn_it_around_is_neutralised() -> None:
    assert quoting.one_line("a\r\nb\x00c\u2028d\x85e") == "a  b c d e"
    assert quoting.one_line("\u202eevil\u2066") == "evil"
    assert quoting.one_line("\ud800") == "\ufffd"
    assert quoting.one_line("👩🏽‍🏫 שָׁלוֹם") == "👩🏽‍🏫 שָׁלוֹם"
