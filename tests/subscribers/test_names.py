"""Names are kept as one visible line."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import names


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("Ana", "Ana"),
        ("  Ana \t María\n", "Ana María"),
        ("Jose\u0301", "José"),
        ("A\x00na\x1b[31m", "Ana[31m"),
        ("A\u202ena", "Ana"),
        ("علی\u200cرضا", "علی\u200cرضا"),
        ("明子", "明子"),
        ("van-der-Berg", "van-der-Berg"),
        ("x" * 500, "x" * 120),
        ("", ""),
    ],
)
def test_a_name_is_trimmed_composed_and_free_of_what_nobody_sees(text, kept):
    assert names.clean(text) == kept


@given(st.text())
def test_cleaning_twice_changes_nothing_more_and_leaves_one_line(text):
    once = names.clean(text)
    assert names.clean(once) == once
    assert len(once) <= names.LONGEST
    assert not any(unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp") for sign in once)


@pytest.mark.parametrize(
    "name",
    [
        "https://casino.example/win",
        "You won! www.casino.example",
        "Ana casino.ru",
        "see bit.ly/x now",
        "WIN.COM",
        "casino.\u200bru",
        "https:\u2060//casino.example",
        "A\x00na",
        "A\nBcc: all@example.org",
        "A\x9bna",
    ],
)
def test_a_web_address_or_a_control_character_is_no_name(name: str) -> None:
    assert not names.is_plain(name)


@pytest.mark.parametrize(
    "name",
    ["", "Ana Maria", "J.R. Smith", "St.John", "Dr.Müller-Lüdenscheidt", "O’Neill", "علی\u200cرضا", "M.Russo", "李"],
)
def test_names_of_people_are_plain(name: str) -> None:
    assert names.is_plain(name)
