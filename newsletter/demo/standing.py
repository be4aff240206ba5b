"""Where each person stands at a moment, told from the diary alone: in or gone, and what they want to hear of."""

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime

from newsletter.demo.diary import GONE, Deed, Entry


@dataclass(slots=True)
class Standing:
    """One person. `asked` is what a request that is not confirmed yet would make of their wishes.

    `narrowed` are the events that were offered when they went over from everything to some: any other was over by then,
    and stays wanted, for its thanks may be still to come. `answers` are what became of what they said of an event, and
    since when: going, maybe, not, waiting.
    """

    is_in: bool = False
    is_gone: bool = False
    wants_everything: bool = False
    wants: frozenset[str] = frozenset()
    narrowed: frozenset[str] | None = None
    muted: frozenset[str] = frozenset()
    paused_until: datetime | None = None
    is_weekly: bool = False
    asked: frozenset[str] = frozenset()
    answers: dict[str, tuple[str, datetime]] = field(default_factory=dict)

    def apply(self, entry: Entry) -> None:
        """Go on from one deed."""
        match entry.deed:
            case Deed.ASKED if not self.is_in:
                self.asked = entry.topics
            case Deed.AGREED:
                self._come_in(entry.topics)
            case Deed.CONFIRMED if not self.is_in:
                self._come_in(self.asked)
            case deed if deed in GONE:
                self.is_in, self.is_gone = False, True
            case _:
                self._decide(entry)

    def _decide(self, entry: Entry) -> None:
        match entry.deed:
            case Deed.CHOSE:
                if self.wants_everything:
                    self.wants_everything, self.narrowed = False, entry.offered
                self.wants = (self.wants - entry.offered) | entry.topics
                self.muted = self.muted - entry.offered
            case Deed.MUTED:
                self.muted = self.muted | entry.topics
                self.wants = self.wants - entry.topics
            case Deed.WEEKLY:
                self.is_weekly = True
            case Deed.PAUSED:
                self.paused_until = entry.until
            case Deed.ANSWERED | Deed.PLACED:
                for topic in entry.topics:
                    if self.answer(topic) != entry.how:  # who says the same again keeps their turn
                        self.answers[topic] = (entry.how, entry.at)

    def _come_in(self, topics: frozenset[str]) -> None:
        self.is_in, self.is_gone = True, False
        self.wants_everything = not topics
        self.wants, self.narrowed = topics, None
        self.muted = frozenset()

    def answer(self, event: str) -> str:
        """What became of what they said, or nothing."""
        return self.answers[event][0] if event in self.answers else ""

    def is_with_us(self, now: datetime) -> bool:
        """Whether they may be written to."""
        return self.is_in and (self.paused_until is None or now >= self.paused_until)

    def is_due(self, event: str, now: datetime) -> bool:
        """Whether they are to hear of this event; by a mail of its own, or by a digest."""
        if not self.is_with_us(now):
            return False
        was_over = self.narrowed is not None and event not in self.narrowed
        return event not in self.muted and (self.wants_everything or was_over or event in self.wants)


class Replay:
    """Goes through a diary once, forward; `people` stand as they did at the moment it was last taken to."""

    def __init__(self, entries: Iterable[Entry]) -> None:
        self.people: dict[str, Standing] = {}
        self._ahead = deque(sorted(entries, key=_order))

    def to(self, moment: datetime) -> None:
        """Everything up to and including this moment has happened, but for mailboxes that refused a mail just then."""
        while self._ahead and _order(self._ahead[0]) <= (moment, False):
            entry = self._ahead.popleft()
            self.people.setdefault(entry.address, Standing()).apply(entry)


def _order(entry: Entry) -> tuple[datetime, bool]:
    """By time; a mail that a mailbox refused was rightly offered to whoever was in at that moment."""
    return entry.at, entry.how == "refused"


def absences(entries: Iterable[Entry]) -> dict[str, list[tuple[datetime, datetime | None]]]:
    """For everyone who is gone or was: from when, and until when they came back by confirming anew (None: never)."""
    spans: dict[str, list[tuple[datetime, datetime | None]]] = {}
    for entry in sorted(entries, key=lambda entry: entry.at):
        open_spans = spans.get(entry.address, [])
        is_away = bool(open_spans) and open_spans[-1][1] is None
        if entry.deed in GONE and not is_away:
            spans.setdefault(entry.address, []).append((entry.at, None))
        elif entry.deed is Deed.CONFIRMED and is_away:
            open_spans[-1] = (open_spans[-1][0], entry.at)
    return spans
