"""The demo's own reading of the spreadsheet that is imported: who agreed, who is merely listed, to what.

Plain Python and no part of the service, so that the closing checks have a second opinion. The first row with an
address counts.
"""

import csv
import re
from dataclasses import dataclass
from pathlib import Path

from newsletter.demo import diary

_ADDRESS = re.compile(r"[a-z0-9_.+'-]{1,64}@[\w-]+(\.[\w-]+)+", re.IGNORECASE)
_NAMED = re.compile(r".*<([^<>]*)>")


@dataclass(frozen=True, slots=True)
class Listed:
    """Someone in the spreadsheet; no topics are all of them."""

    address: str
    has_agreed: bool
    topics: frozenset[str]


def read(path: Path) -> list[Listed]:
    """Everyone who can be written to, once, in the order of the rows."""
    people: dict[str, Listed] = {}
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            address = _address(row["email"])
            if address and address not in people:
                people[address] = Listed(address, bool(row["consented_at"]), _topics(row["events"]))
    return list(people.values())


def _address(cell: str) -> str:
    text = cell.replace("\u200b", "").strip()
    if named := _NAMED.fullmatch(text):
        text = named[1]
    text = text.removeprefix("mailto:")
    return diary.key(text) if _ADDRESS.fullmatch(text) else ""


def _topics(cell: str) -> frozenset[str]:
    topics = frozenset(cell.split(";")) - {""}
    return frozenset() if "all" in topics else topics
