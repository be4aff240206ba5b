"""People's names as they are kept: one line, one form, nothing invisible, and no address of a page."""

import re
import unicodedata
from enum import StrEnum
from functools import lru_cache

from subscribers.errors import SubscribersError

LONGEST = 120
"""Characters kept of a name; more is a pasted paragraph."""

_BLANKS = re.compile(r"\s+")
_UNSEEN = ("Cc", "Cf", "Cs")
_JOINERS = "\u200c\u200d"  # format characters, yet part of how Persian and Indic names are written

_MARKS = r"\u0300-\u036f\u0591-\u05bd\u064b-\u065f\u0900-\u0963\u0980-\u0dff\u0e00-\u0eff"
_ORDINARY = re.compile(rf"[\w '’{_MARKS}{_JOINERS}-]*")
"""Letters, their marks, and blanks make no link, and all of them are seen: nearly every name is told by this alone."""

_CONTROLS = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""The control characters, and those that turn the direction of what follows."""

_FOLDED = str.maketrans({"\u3002": ".", **dict.fromkeys(_JOINERS)})
"""What NFKC leaves of the dots that browsers take for one (UTS #46), and what may stand unseen beside a dot."""

_LINK = re.compile(r"://|\bwww\.|\w@\w|(?<!\d)\d{1,3}(?:\.\d{1,3}){3}(?!\d)", re.IGNORECASE)
_LABEL = r"[^\s!-,./:-@\[-^`{-~]+"  # all but blanks and the punctuation of ASCII other than - and _
_HOST = re.compile(rf"{_LABEL}(?:\.{_LABEL})+")
_BETWEEN = re.compile("[-_‘’“”«»„]")

_ENDINGS = re.compile(
    r"app|biz|casino|click|club|cn|com|dev|icu|info|link|live|net|online|org|pizza|ru|shop|site|store|tk|top|website|xyz"
    r"|рф"
)
"""Endings that are domains' in capitals too."""

_SHORTENED = re.compile(
    r"abd|avv|capt|chr|dent|dipl|dott|dr|dra|eng|esq|fr|gen|geo|hab|habil|hr|ing|jos|jr|jur|lic|ma|mag|md|med|mgr|mlle"
    r"|mme|mohd|mr|mrs|ms|mt|nat|oec|ph|phil|pol|prof|ra|rer|rev|sc|sig|sr|sra|srta|ssa|st|sta|ste|sto|techn|theol|thos"
    r"|vet|wm|др|проф|св"
)
"""How titles, degrees, saints and some first names are shortened, in scripts that have capitals."""

_SHORTEST = 4
"""Letters of a surname in small letters that is believed behind initials: “t.me” and “x.com” are not, “j.smith” is."""


class NoName(SubscribersError):
    """What somebody is said to be called is no name."""


class Fault(StrEnum):
    """Why nobody can have typed it as a name."""

    ADDRESS = "a web or e-mail address"
    UNSEEN = "a control character, or one that turns the direction of what follows"


def parse(text: str) -> str:
    """A name as staff typed it, cleaned. Raises NoName."""
    if (found := fault(text)) is not None:
        raise NoName(f"“{clean(text)}” is no name: it carries {found}")
    return clean(text)


def is_plain(text: str) -> bool:
    """Whether somebody can have typed it as a name."""
    return fault(text) is None


def fault(text: str) -> Fault | None:
    """What is in it that is in no name: the address of a page or of a mailbox, or a control character; else None.

    Whoever types a stranger's address would otherwise have us greet that stranger with a link.

    An address is `://`, `www.`, an @ within a word, an IPv4 address, or a domain: words with dots and no blanks between
    them, of which the last has two letters or more, of any script. There are more endings of domains every month, so
    that they are told from names by how people write:

    - Behind a slash follows a path, and `xn--` is a domain's in any case.
    - A last word in small letters is a domain's (`evil.app`), unless nothing but initials and titles is before it, and
      it is a title too (`Dr.med.`), or long enough for a surname (`j.smith`, `st.john`).
    - One that begins with a capital is a name (`St.John`, `J.R.Smith`, `Anna.Maria`), unless it is an ending that
      everybody knows (`CASINO.RU`) and more than initials and titles is before it.
    - In a script without capitals it is a domain's, unless only initials and titles are before it: words of one letter,
      or of two where the script does not write whole words with that many (`د.أحمد`, `ดร.สมชาย`).

    In doubt it is a name: to refuse a person what they are called is worse than a link that nobody has registered.
    """
    if _ORDINARY.fullmatch(text):
        return None
    if _CONTROLS.search(text):
        return Fault.UNSEEN
    # What nobody can see is dropped before a name is kept, and must not hide a link until then.
    folded = unicodedata.normalize("NFKC", clean(text)).translate(_FOLDED)
    if _LINK.search(folded):
        return Fault.ADDRESS
    hosts = _HOST.finditer(folded)
    return Fault.ADDRESS if any(_is_domain(found[0], folded[found.end() :]) for found in hosts) else None


@lru_cache(maxsize=8192)  # in a list of people the same names come again and again
def clean(text: str) -> str:
    """Trim, compose (NFC), turn every run of white space into one space, and drop what nobody can see.

    Dropped are control characters, format characters such as direction overrides, and unpaired surrogates.
    """
    seen = "".join(
        sign for sign in text if sign.isspace() or sign in _JOINERS or unicodedata.category(sign) not in _UNSEEN
    )
    return _BLANKS.sub(" ", unicodedata.normalize("NFC", seen)).strip()[:LONGEST].rstrip()


def _is_domain(host: str, behind: str) -> bool:
    """Whether words with dots between them are a domain; `behind` is what follows them."""
    *before, end = labels = host.split(".")
    if any(label.casefold().startswith("xn--") for label in labels):
        return True
    last = _begun(end)
    letters = _letters(last)
    if letters < 2:
        return False
    if behind.startswith("/"):
        return True
    is_led = all(_is_shortened(label) for label in before)
    if _is_caseless(last):
        return not is_led
    known = last.casefold()
    if last[0] == last[0].title():
        return _ENDINGS.fullmatch(known) is not None and not is_led
    if not is_led:
        return True
    return not _SHORTENED.fullmatch(known) and (letters < _SHORTEST or _ENDINGS.fullmatch(known) is not None)


def _is_shortened(label: str) -> bool:
    """Whether a word before a dot is an initial, or a title."""
    words = [word for word in _BETWEEN.split(label) if word]
    return bool(words) and all(_is_short(word) for word in words)


def _is_short(word: str) -> bool:
    if _begun(word) != word:
        return False
    most = 2 if _is_caseless(word) and unicodedata.east_asian_width(word[0]) != "W" else 1
    return _letters(word) <= most or _SHORTENED.fullmatch(word.casefold()) is not None


def _is_caseless(word: str) -> bool:
    return word == word.lower() and word[:1] == word[:1].title()


def _begun(label: str) -> str:
    """The letters that it begins with, and their marks."""
    for place, sign in enumerate(label):
        if unicodedata.category(sign)[0] not in "LM":
            return label[:place]
    return label


def _letters(word: str) -> int:
    return sum(unicodedata.category(sign)[0] == "L" for sign in word)
