"""Whether a relay takes mail of ours at all: when a no to one person is believed, and when it is a no to us.

A 5xx may be about the mailbox, or about ourselves: no login, no right to relay, a rule against the sender. Servers say
554 to both. What may be about us settles nobody before the relay has taken something else of ours: until then the mail
waits, as after a 4xx. So nobody has to be called back once it is clear that all are turned away.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum, auto
from typing import NamedTuple

from newsletter.delivery.outcome import Accepted, Outcome, Refused, Stage
from subscribers import addresses
from webhooks import classification
from webhooks.events import Reason

ENOUGH = 25
"""So many refusals in a row that may be about us, and they are; more is not offered at once before one was taken."""

_DOMAINS = 3
"""Where it is said in so many words, people at so many domains are enough: a single one may have a stray MX."""

_ATTEMPTS = 4
"""The attempt at which a relay that takes other mail is believed at the latest."""

_LOGIN = ("530", "534", "535", "538")
"""RFC 4954 section 6; 530 also where STARTTLS is missing (RFC 3207 section 4)."""

_OF_THE_MESSAGE = frozenset({Reason.TOO_BIG, Reason.CONTENT, Reason.VIRUS})
_OF_THE_MAILBOX = classification.HARD | {Reason.MAILBOX_FULL}


class About(Enum):
    """Whom a 5xx is about."""

    MAILBOX = auto()
    MESSAGE = auto()
    """It tells nothing of the relay; nor does what was never offered."""
    PERHAPS_US = auto()
    US = auto()


def about(refused: Refused) -> About:
    """Whom a refusal is about, by when it was said and by its words."""
    reason = classification.classify("", refused.reply).reason
    if refused.stage is Stage.LOCAL or reason in _OF_THE_MESSAGE:
        return About.MESSAGE
    if refused.stage is Stage.MAIL or reason is Reason.RELAY_DENIED or refused.reply.startswith(_LOGIN):
        return About.US
    if refused.stage is Stage.BODY:
        return About.MESSAGE
    return About.MAILBOX if reason in _OF_THE_MAILBOX else About.PERHAPS_US


class Offered(NamedTuple):
    """A mail that was offered: whose, by a number of the caller's, at which domain and attempt, and the answer."""

    key: int
    domain: str
    attempt: int
    outcome: Outcome


class _Doubted(NamedTuple):
    """A refusal that is not believed yet: at which attempt, and whether it says in so many words that it is about us.

    If so, it does not help that other mail is taken: that may be for the relay's own people, and it relays to nobody.
    """

    attempt: int
    is_plain: bool


@dataclass(frozen=True, slots=True)
class Doubt:
    """Whose refusal in a window is not believed, by their keys; `is_of_all` that the relay refuses all of our mail.

    Then these wait `until` a moment before which others try it. `is_over` says that it has just taken a mail for the
    first time, in this process or since it refused all.
    """

    keys: frozenset[int]
    is_of_all: bool = False
    until: datetime | None = None
    is_over: bool = False


@dataclass(slots=True)
class Welcome:
    """How one relay receives this process: what it has refused since it last took a mail, or knew a mailbox."""

    in_a_row: int = 0
    domains: set[str] = field(default_factory=set)
    """Those of people of whose mail it said in so many words that it is about us."""
    has_taken: bool = False
    """Whether it has taken any since this process began, or since it last refused all."""
    reply: str = ""
    """What it said last that may be about us, without addresses."""

    @property
    def refuses_us(self) -> bool:
        """Whether it takes nothing of ours, whoever it is for."""
        return self.in_a_row >= ENOUGH or len(self.domains) >= _DOMAINS

    def portion(self, most: int) -> int:
        """How many mails it is offered at once: `most` once it has taken some, and a single one while it takes none."""
        if self.refuses_us:
            return 1
        return most if self.has_taken and not self.in_a_row else min(most, ENOUGH)

    def hear(self, answers: Iterable[Offered]) -> Doubt:
        """Go by the answers to a window, in the order in which they were given; which of them are not believed."""
        had_taken, was_clear = self.has_taken, self.has_taken and not self.in_a_row
        doubted: dict[int, _Doubted] = {}
        for key, domain, attempt, outcome in answers:
            whom = about(outcome) if isinstance(outcome, Refused) else None
            if isinstance(outcome, Accepted) or whom is About.MAILBOX:
                self.has_taken = self.has_taken or whom is None
                self.in_a_row = 0
                self.domains.clear()
                doubted = {key: one for key, one in doubted.items() if one.is_plain}
            elif isinstance(outcome, Refused) and whom is not About.MESSAGE:
                doubted[key] = _Doubted(attempt, is_plain=whom is About.US)
                self.in_a_row += 1
                self.domains.update([domain] if whom is About.US else [])
                self.reply = addresses.hidden(outcome.reply)
        if self.refuses_us:
            self.has_taken = False
            return Doubt(frozenset(doubted), is_of_all=True)
        keys = frozenset(key for key, one in doubted.items() if not self._is_believed(one, was_clear))
        return Doubt(keys, is_over=self.has_taken and not had_taken)

    def _is_believed(self, one: _Doubted, was_clear: bool) -> bool:
        """Whether other mail was taken since this one was last refused; or it was offered often enough."""
        if one.is_plain:
            return was_clear and one.attempt >= _ATTEMPTS
        return self.has_taken and (one.attempt >= _ATTEMPTS or (was_clear and one.attempt > 1))
