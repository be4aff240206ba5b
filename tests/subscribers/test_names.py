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
