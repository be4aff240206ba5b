"""What an expression may look like, and what is said of one that does not."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from subscribers.expressions import ExpressionError, own_fields, parse
from subscribers.expressions.tree import Either, Equals, Every, Not


def test_and_binds_more_tightly_than_or_and_not_more_tightly_than_both():
    either = parse('role = "a" or not role = "b" and role = "c"')
    assert isinstance(either, Either)
    assert isinstance(either.parts[1], Every)
    assert isinstance(either.parts[1].parts[0], Not)


@pytest.mark.parametrize("written", ['"teacher"', "'teacher'", "“teacher”", "„teacher“", "«teacher»"])
def test_a_text_may_stand_in_whatever_quotation_marks_a_keyboard_makes(written):
    node = parse(f"role = {written}")
    assert isinstance(node, Equals)
    assert node.values[0].text == "teacher"


def test_a_quotation_mark_inside_a_text_is_escaped():
    node = parse(r'role = "the \"head\" \\ chair"')
    assert isinstance(node, Equals)
    assert node.values[0].text == r'the "head" \ chair'


def test_words_of_the_language_may_be_in_capitals_and_a_name_may_begin_with_one():
    assert parse('NOT role IN ("a")') == parse('not role in ("a")')
    assert own_fields(parse('android = "yes" AND notes = "x" or tags has "y"')) == {"android", "notes"}


@pytest.mark.parametrize(
    ("text", "column", "reason"),
    [
        ("", 1, "the expression is empty"),
        ("role = teacher", 8, "a text stands in quotation marks: “teacher”"),
        ("role =", 7, "the expression ends where a text in quotation marks or a day"),
        ('role "teacher"', 6, '"teacher" stands where a comparison such as = or !='),
        ('(role = "a"', 12, "the expression ends where a closing parenthesis should follow"),
        ('role = "a" role', 12, "“role” stands where “and”, “or” or the end should"),
        ('role = "a', 8, "a quotation mark opens here and is not closed"),
        ('role = "a\tb"', 8, "a text holds no tabs"),
        ('role = "a" ; DROP TABLE subscriber', 12, "“;” stands where “and”, “or” or the end should"),
        ("joined > 2021-02-30", 10, "2021-02-30 is no day of the calendar"),
        ("joined > 0001-01-01", 10, "0001-01-01 is no day of our time"),
        ('role in ("a" "b")', 14, '"b" stands where a comma or a closing parenthesis should'),
        ('role > "a"', 6, "“>” compares with a day such as 2021-02-01; with a text, =, != and “in” do"),
        ('role = "a" or or follows("b")', 15, "“or” stands where the name of a field or a function should"),
        ('not and role = "a"', 5, "“and” stands where the name of a field or a function should"),
        ("has", 1, "“has” stands where the name of a field or a function should"),
        ('role = "a")', 11, "“)” stands where “and”, “or” or the end should"),
        ('((role = "a")))', 15, "“)” stands where “and”, “or” or the end should"),
        ('role = "a"\nand role = b', 23, "a text stands in quotation marks: “b”"),
        ('role = "a"\n  ; or', 14, "“;” stands where “and”, “or” or the end should"),
        ('role = "a"\nand joined > 2021-02-30', 25, "2021-02-30 is no day of the calendar"),
        ("joined > now", 10, "“now” stands where a day such as 2021-02-01 should"),
    ],
)
def test_what_is_wrong_is_said_with_a_caret_under_the_column(text, column, reason):
    with pytest.raises(ExpressionError) as wrong:
        parse(text)
    shown, caret, said = str(wrong.value).split("\n")
    assert wrong.value.column == column
    assert said.startswith(f"column {column}: {reason}")
    assert caret.index("^") == column - 1 or not shown.startswith(text[:10])


def test_the_caret_stays_under_its_place_when_the_expression_is_wider_than_a_terminal():
    with pytest.raises(ExpressionError) as wrong:
        parse('role = "a" or ' * 20 + "role = b")
    shown, caret, _ = str(wrong.value).split("\n")
    assert shown[caret.index("^")] == "b"
    assert len(shown) <= 60


@pytest.mark.parametrize(("text", "before"), [('role = "教師" or b', 18), ('role = "e\u0301" or b', 15)])
def test_the_caret_stands_under_its_place_where_letters_are_wide_or_an_accent_takes_no_room(text, before):
    with pytest.raises(ExpressionError) as wrong:
        parse(text)
    assert wrong.value.column == len(text) + 1
    assert str(wrong.value).split("\n")[1] == f"{' ' * before}^"


@pytest.mark.parametrize("text", ["(" * 1500, 'not (role = "a" or ' * 90 + 'role = "a"' + ")" * 90, "x" * 100_000])
def test_an_expression_too_long_or_too_deep_for_a_database_is_refused(text):
    with pytest.raises(ExpressionError):
        parse(text)


@given(
    st.text(max_size=60)
    | st.lists(
        st.sampled_from(["role", "=", '"a"', "(", ")", "and", "or", "not", "in", "has", ",", "2021-01-01", "'"])
    ).map(" ".join)
)
def test_whatever_is_written_is_read_or_refused_at_a_column_and_nothing_else_happens(text):
    with contextlib.suppress(ExpressionError):
        parse(text)
        return
    with pytest.raises(ExpressionError) as wrong:
        parse(text)
    assert 1 <= wrong.value.column <= len(text) + 1
