"""Cells that a spreadsheet shows and does not run."""

_FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")


def safe(text: str) -> str:
    """The text, with an apostrophe before it if a spreadsheet would take it for a formula.

    So does a text that looks as if that had been done to it: `plain` takes one away.
    """
    return f"'{text}" if text.startswith(_FORMULA) or plain(text) != text else text


def plain(text: str) -> str:
    """What `safe` made safe, as it was."""
    return text[1:] if text[:1] == "'" and text[1:].startswith(_FORMULA) else text
