"""Cells that a spreadsheet shows and does not run."""

import re

# The last four are full-width, and some spreadsheets read them as the others.
_SIGNS = r"=+\-@＝＋－＠"

# Where a comma is the decimal point, spreadsheets cut our lines at semicolons, some at tabs too, and know no quotation
# marks but those that a cell begins with: a cell of theirs may begin in the middle of ours.
_FORMULA = re.compile(rf"""\A(?='*[{_SIGNS}\t\r\n])|(?<=[;\t\r\n])(?=['"]*[{_SIGNS}])""")
_MADE_SAFE = re.compile(rf"""\A'(?='*[{_SIGNS}\t\r\n])|(?<=[;\t\r\n])'(?=['"]*[{_SIGNS}])""")
_AT_FIRST = frozenset("=+-@＝＋－＠'")


def safe(text: str) -> str:
    """The text, with an apostrophe before whatever a spreadsheet would take for a formula.

    So does a text that looks as if that had been done to it: `plain` takes one away.
    """
    if text.isprintable() and ";" not in text and text[:1] not in _AT_FIRST:
        return text  # nearly all, in a fifth of the time
    return _FORMULA.sub("'", text)


def plain(text: str) -> str:
    """What `safe` made safe, as it was."""
    return _MADE_SAFE.sub("", text) if "'" in text else text
