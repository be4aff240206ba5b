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
        ("Ana \u200b María", "Ana María"),
        ("Jose\u200b\u0301", "José"),
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
        "evil-casino.app",
        "casino.pizza",
        "“evil.app”",
        "Casino.Ru",
        "888.casino",
        "t.me",
        "casino.ru,Ana",
        "сайт.рф",
        "例え.テスト",
        "موقع.السعودية",
        "casino.\u200cru",
        "xn--80ak6aa92e.Com",
        "Casino.Party/win",
        "192.168.1.1/login",
        "https：／／casino",
        "ana@localhost",
    ],
)
def test_a_web_address_or_a_control_character_is_no_name(name: str) -> None:
    assert not names.is_plain(name)


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Ana Maria",
        "J.R. Smith",
        "J. R.R. Tolkien-O'Neill Jr.",
        "St.John",
        "ST.JOHN",
        "st.john",
        "j.smith",
        "Dr.Müller-Lüdenscheidt",
        "Dr.med. Anna",
        "Dott.ssa Anna",
        "Ph.D.",
        "M.Sc./Ph.D.",
        "M.Sc. Anna",
        "Ma.Teresa",
        "M.ª Teresa",
        "O.J.Simpson",
        "J.-P.Dupont",
        "Anna.Maria",
        "H.Link",
        "Sammy Davis,Jr.",
        "de la Cruz",
        "Gal·la",
        "O’Neill",
        "M.Russo",
        "А.С.Пушкин",
        "გ.კაპანაძე",
        "علی\u200cرضا",
        "د.أحمد",
        "ד.כהן",
        "ดร.สมชาย",
        "एम.एस.धोनी",
        "எஸ்.ராமன்",
        "李",
        "李.明",
        "王·小明",
    ],
)
def test_names_of_people_are_plain(name: str) -> None:
    assert names.is_plain(name)


SMALL = st.text("abcdefghijklmnopqrstuvwxyzäéñøбгджпαλω", min_size=2, max_size=12)


@given(
    st.sampled_from(["", "Visit ", "Ana ", "¡"]),
    st.from_regex(r"[a-z][a-z0-9-]{0,8}[bcfk][0-9]", fullmatch=True),
    st.sampled_from(".。．｡․"),
    SMALL,
    st.sampled_from(["", "/", ".", "!", " now"]),
)
def test_small_letters_behind_a_dot_are_a_domain_whatever_they_are_and_whichever_dot(before, name, dot, ending, after):
    assert not names.is_plain(f"{before}{name}{dot}{ending}{after}")


@given(st.lists(st.sampled_from("ABCDEFGHIJKLMNOPQRSTUVWXYZÁÖŠЖΩ"), min_size=1, max_size=3), SMALL)
def test_initials_before_a_surname_are_a_name_with_and_without_blanks(initials, rest):
    surname = "M" + rest
    for between in (".", ". "):
        assert names.is_plain(between.join([*initials, surname]))


@given(st.text(st.characters(categories=["L", "Mn", "Mc", "Zs"])))
def test_letters_alone_are_always_a_name(text):
    assert names.is_plain(text)


@given(
    st.text(),
    st.text(),
    st.sampled_from("\x00\n\x7f\x9b\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069"),
)
def test_what_controls_or_turns_the_text_is_no_name_wherever_it_stands(before, after, sign):
    assert not names.is_plain(before + sign + after)


@given(st.text())
def test_what_is_plain_is_plain_as_it_is_kept(text):
    assert not names.is_plain(text) or names.is_plain(names.clean(text))


@pytest.mark.parametrize(
    ("name", "fault"),
    [("casino.ru", names.Fault.ADDRESS), ("ana@example.org", names.Fault.ADDRESS)]
    + [(f"Ana{sign}Ruiz", names.Fault.UNSEEN) for sign in ("\t", "\n", "\u200e", "\u202e")],
)
def test_what_is_amiss_in_a_name_is_said_for_what_it_is(name: str, fault: names.Fault) -> None:
    assert names.fault(name) is fault


def test_a_name_that_staff_typed_is_cleaned_or_refused_in_one_line():
    assert names.parse("  Ana \u200bMaria ") == "Ana Maria"
    with pytest.raises(names.NoName, match=r"“casino\.ru” is no name"):
        names.parse("casino.ru")
