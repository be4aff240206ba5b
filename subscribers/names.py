"""People's names as they are kept: one line, one form, nothing invisible."""

import re
import unicodedata
from functools import lru_cache

LONGEST = 120
"""Characters kept of a name; more is a pasted paragraph."""

_BLANKS = re.compile(r"\s+")
_JOINERS = "\u200c\u200d"  # format characters, yet part of how Persian and Indic names are written


_LINK = re.compile(
    r"://|\bwww\.|\w\.[a-z]{2,}/"
    r"|\w\.(?:biz|click|club|cn|com|info|link|live|net|online|org|ru|shop|site|tk|top|xyz)\b",
    re.IGNORECASE,
)
"""What mail programs turn into a link, and what initials ("J.R. Smith", "St.John") do not look like."""


def is_plain(text: str) -> bool:
    """Whether somebody can have typed it as a name: it carries no address of a page, and no control character.

    Whoever types a stranger's address would otherwise have us greet that stranger with a link.
    """
    # What nobody can see is dropped before a name is kept, and must not hide a link until then.
    return _LINK.search(clean(text)) is None and not any(unicodedata.category(sign) == "Cc" for sign in text)


@lru_cache(maxsize=8192)  # in a list of people the same names come again and again
def clean(text: str) -> str:
    """Trim, compose (NFC), turn every run of white space into one space, and drop what nobody can see.

    Dropped are control characters, format characters such as direction overrides, and unpaired surrogates.
    """
    spaced = _BLANKS.sub(" ", unicodedata.normalize("NFC", text))
    kept = "".join(sign for sign in spaced if sign in _JOINERS or unicodedata.category(sign) not in ("Cc", "Cf", "Cs"))
    return kept.strip()[:LONGEST].rstrip()
