"""What people did, in their own words: written by those who act, and compared at the end with what arrived."""

import csv
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import Path


class Deed(StrEnum):
    """What someone did, or what became of their mailbox."""

    AGREED = "agreed"
    """Their consent came with the import."""
    LISTED = "listed"
    """They were in the import without any proof of consent."""
    ASKED = "asked"
    CONFIRMED = "confirmed"
    LEFT = "left"
    BOUNCED = "bounced"
    COMPLAINED = "complained"
    CHOSE = "chose"
    MUTED = "muted"
    PAUSED = "paused"
    WEEKLY = "chose a weekly digest"
    ANSWERED = "answered"
    """They said whether they come, and the page told them what that came to: going, maybe, not, waiting."""
    PLACED = "has a place"
    """A mail told them that they are off the waiting list."""
    LOOKED = "looked"
    """Something opened every link of a mail, as scanners of mail do, and pressed nothing."""


GONE = frozenset({Deed.LEFT, Deed.BOUNCED, Deed.COMPLAINED})
"""The deeds after which nobody is to be written to."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One deed. `how` is the way (`one click`, `webhook`) or the answer, `mailing` the mail that led to it.

    `topics` are the events asked for (AGREED, ASKED: none for everything), ticked (CHOSE), muted or answered;
    `offered` those that the page showed. `until` ends a pause.
    """

    at: datetime
    address: str
    deed: Deed
    how: str = ""
    mailing: str = ""
    topics: frozenset[str] = frozenset()
    offered: frozenset[str] = frozenset()
    until: datetime | None = None


def key(address: str) -> str:
    """One spelling for all the ways to write an address: lower case, the domain as A-labels."""
    local, _, domain = address.strip().casefold().rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return f"{local}@{domain}"


@dataclass(slots=True)
class Diary:
    """All entries, in the order in which they were made; how many people came by confirming, and were lost."""

    clock: Callable[[], datetime]
    entries: list[Entry] = field(default_factory=list)
    came: int = 0
    lost: int = 0
    _gone: set[str] = field(default_factory=set)

    def note(
        self,
        address: str,
        deed: Deed,
        how: str = "",
        *,
        mailing: str = "",
        topics: frozenset[str] = frozenset(),
        offered: frozenset[str] = frozenset(),
        until: datetime | None = None,
    ) -> None:
        """Write down what happened just now."""
        name = key(address)
        self.entries.append(Entry(self.clock(), name, deed, how, mailing, topics, offered, until))
        if deed in GONE:
            self.lost += 1
            self._gone.add(name)
        elif deed is Deed.CONFIRMED:
            self.came += 1
            self._gone.discard(name)

    def is_gone(self, address: str) -> bool:
        """Whether this person left, bounced or complained, and has not come back since."""
        return key(address) in self._gone

    def write(self, path: Path) -> None:
        """As a spreadsheet, to look at."""
        with path.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["at", "address", "deed", "how", "mailing", "topics", "until"])
            for one in self.entries:
                until = one.until.isoformat() if one.until else ""
                topics = ";".join(sorted(one.topics))
                writer.writerow([one.at.isoformat(), one.address, one.deed, one.how, one.mailing, topics, until])
