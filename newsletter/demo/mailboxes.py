"""What the mailboxes of the world answer: most take a mail, some not now, some never again."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from newsletter.demo import diary
from newsletter.demo.diary import Deed, Diary
from newsletter.demo.tempers import Tempers


class Verdict(StrEnum):
    """An answer to one attempt."""

    TAKEN = "taken"
    LATER = "later"
    NEVER = "never"


@dataclass(frozen=True, slots=True)
class Attempt:
    """One mail offered to one mailbox that did not take it at once."""

    at: datetime
    address: str
    sender: str
    verdict: Verdict


_REPLIES = {
    Verdict.TAKEN: b"250 2.1.5 OK",
    Verdict.LATER: b"451 4.7.1 greylisted, please try again in a few minutes",
    Verdict.NEVER: b"550 5.1.1 this mailbox does not exist",
}


@dataclass(slots=True)
class Mailboxes:
    """Answers for every mailbox, and remembers what it turned away."""

    tempers: Tempers
    diary: Diary
    clock: Callable[[], datetime]
    attempts: list[Attempt] = field(default_factory=list)
    is_friendly: bool = False
    """Whether every mail is taken, as for a newcomer who tries the site."""
    _asked_to_wait: set[tuple[str, str]] = field(default_factory=set)

    def judge(self, sender: str, recipient: str) -> bytes:
        """The reply to one recipient."""
        return _REPLIES[self._verdict(sender, diary.key(recipient))]

    def _verdict(self, sender: str, address: str) -> Verdict:
        now = self.clock()
        if self.is_friendly:
            return Verdict.TAKEN
        if self.tempers.is_closed(address, now):
            if not self.diary.is_gone(address):
                self.diary.note(address, Deed.BOUNCED, "refused")
            return self._turn_away(Attempt(now, address, sender, Verdict.NEVER))
        if self.tempers.is_busy(address, now) and (sender, address) not in self._asked_to_wait:
            self._asked_to_wait.add((sender, address))
            return self._turn_away(Attempt(now, address, sender, Verdict.LATER))
        return Verdict.TAKEN

    def _turn_away(self, attempt: Attempt) -> Verdict:
        self.attempts.append(attempt)
        return attempt.verdict
