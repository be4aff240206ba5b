"""The text part as it reads best: wrapped for a terminal, no trailing white space, no gaps."""

import re
import textwrap

COLUMNS = 72


def tidy(text: str, columns: int = COLUMNS) -> str:
    """Wrap long lines where they can be (a link is never cut) and leave at most one blank line between paragraphs."""
    lines = [row for line in text.split("\n") for row in _wrapped(line.rstrip(), columns)]
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).strip("\n") + "\n"


def _wrapped(line: str, columns: int) -> list[str]:
    if len(line) <= columns:
        return [line]
    words = line.lstrip()
    indent = " " * (len(line) - len(words))
    hanging = indent + "  " if words.startswith(("- ", "* ")) else indent
    return textwrap.wrap(
        words,
        columns,
        initial_indent=indent,
        subsequent_indent=hanging,
        break_long_words=False,
        break_on_hyphens=False,
    )
