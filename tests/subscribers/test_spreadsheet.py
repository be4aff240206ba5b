"""Cells that a spreadsheet shows and does not run, and that are what they were when they come back."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers import spreadsheet

CELLS = st.text(alphabet=st.sampled_from(list("'=+-@;,\t\r\n a\"＝")), max_size=8) | st.text(max_size=8)
FORMULA = re.compile(r"[=+\-@＝]")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Ana", "Ana"),
        ("=1+1", "'=1+1"),
        ("'=1+1", "''=1+1"),
        ("Ana;=HYPERLINK(1)", "Ana;'=HYPERLINK(1)"),
        ("Ana;'=1", "Ana;''=1"),
        ("Ana\n+1", "Ana\n'+1"),
        ("Ana; -1", "Ana; -1"),
        ("O'Hara;x", "O'Hara;x"),
    ],
)
def test_an_apostrophe_stands_before_whatever_would_be_run(text: str, shown: str) -> None:
    assert spreadsheet.safe(text) == shown
    assert spreadsheet.plain(shown) == text


@given(CELLS)
def test_what_was_made_safe_comes_back_as_it_was(text: str) -> None:
    assert spreadsheet.plain(spreadsheet.safe(text)) == text


@given(st.lists(CELLS, min_size=1, max_size=3))
def test_nothing_is_run_whichever_sign_a_spreadsheet_cuts_our_lines_at(cells: list[str]) -> None:
    file = io.StringIO()
    csv.writer(file).writerow(["ana@example.org", *map(spreadsheet.safe, cells)])
    for delimiter in ",;\t":
        for row in csv.reader(io.StringIO(file.getvalue(), newline=""), delimiter=delimiter):
            assert not any(map(FORMULA.match, row)), (delimiter, row)
