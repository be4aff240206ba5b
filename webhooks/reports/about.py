"""What a notice says of each address it names: a reason that stands with one of them says nothing of the others."""

import re
from collections.abc import Collection

MOST = 1500
"""Characters that are read of what is said of one address."""
MOST_NOTICE = 20_000
"""Characters of a notice in which addresses are looked for."""

_LISTED = re.compile(r"[ \t>,;]{0,20}\n?[ \t<*-]{0,20}")
"""All that stands between two addresses of a list."""


def each(notice: str, addresses: Collection[str]) -> dict[str, str]:
    """For each address the lines from one that names it to one that names another.

    For an address that is not named, what stands before those that are. A list shares what is said below it.
    """
    stretches = _stretches(notice, addresses)
    said = {
        name: "".join(notice[start:end] for each, start, end in stretches if each == name) for name, _, _ in stretches
    }
    common = before(notice, addresses)
    return {address: said.get(address.lower(), common)[:MOST] for address in addresses}


def before(notice: str, addresses: Collection[str]) -> str:
    """What a notice says before it names any of these addresses; all of it where it names none."""
    return next((notice[:start] for _, start, _ in _stretches(notice, addresses)), notice)


def _stretches(notice: str, addresses: Collection[str]) -> list[tuple[str, int, int]]:
    """The addresses named, in lower case and in order, and where what is said of each then starts and ends."""
    text = notice.lower()
    names = sorted({address.lower() for address in addresses if address}, key=len, reverse=True)
    found = list(re.finditer("|".join(map(re.escape, names)), text[:MOST_NOTICE])) if names else []
    stretches: list[tuple[str, int, int]] = []
    following = line = len(text)
    for match in reversed(found):
        end = line if line > match.start() else following
        if stretches and (stretches[-1][0] == match[0] or _LISTED.fullmatch(text, match.end(), following)):
            end = stretches[-1][2]
        if stretches and stretches[-1][0] == match[0]:
            stretches.pop()
        following, line = match.start(), text.rfind("\n", 0, match.start()) + 1
        stretches.append((match[0], line, end))
    return stretches[::-1]
