"""What kind of reader somebody is, drawn from their address: the same seed makes the same season."""

import random
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from functools import lru_cache

from newsletter.demo import diary


class Habit(StrEnum):
    """What a reader does one day; most never do anything but read."""

    READ = "reads"
    ONE_CLICK = "leaves by the mail program's button"
    PAGE = "leaves by the link in the mail"
    CHOOSE = "chooses only some events"
    MUTE = "wants nothing more of one event"
    PAUSE = "takes a pause"
    COMPLAIN = "marks a mail as spam"
    BOUNCE_BY_WEBHOOK = "bounces, says the provider"
    BOUNCE_BY_MAIL = "bounces, says a mail that comes back"
    CLOSE = "closes the mailbox"
    WEEKLY = "chooses one mail a week"


_SHARES = {
    Habit.ONE_CLICK: 0.035,
    Habit.PAGE: 0.025,
    Habit.CHOOSE: 0.06,
    Habit.MUTE: 0.02,
    Habit.PAUSE: 0.025,
    Habit.COMPLAIN: 0.01,
    Habit.BOUNCE_BY_WEBHOOK: 0.012,
    Habit.BOUNCE_BY_MAIL: 0.012,
    Habit.CLOSE: 0.02,
    Habit.WEEKLY: 0.05,
}
"""Livelier than life, so that a season of a few hundred people shows everything."""

_ANSWERS = {"going": 0.16, "maybe": 0.06, "not": 0.08, "": 0.7}
"""Of those who are asked whether they come; most say nothing."""

_THINKS_BETTER = 0.5
_BEHIND_SCANNER = 0.03
_BUSY_MAILBOX = 0.03
_COMES_BACK = 0.15
_NEVER = 10.0


@dataclass(frozen=True, slots=True)
class Temper:
    """A reader's habit, acted on after that many mailings and so long after the last of them arrived."""

    habit: Habit
    after: int
    delay: timedelta
    is_behind_scanner: bool
    comes_back: bool
    closes: float
    """When the mailbox is closed, as a share of the season; beyond its end for those that stay."""


@dataclass(frozen=True, slots=True)
class Reply:
    """Whether somebody comes (empty: they do not say), how long they think about it, and if they take it back."""

    wish: str
    delay: timedelta
    is_taken_back: bool
    taken_back_after: timedelta


@dataclass(frozen=True, slots=True)
class Tempers:
    """Tells each person's temper."""

    seed: int
    begins: datetime
    ends: datetime

    @lru_cache(maxsize=65_536)  # noqa: B019 - one season a process: nothing is kept alive for long
    def of(self, address: str) -> Temper:
        """The temper of the person behind an address."""
        dice = self.dice("temper", address)
        habits = [*_SHARES, Habit.READ]
        habit = dice.choices(habits, [*_SHARES.values(), 1 - sum(_SHARES.values())])[0]
        bounces = habit in (Habit.BOUNCE_BY_WEBHOOK, Habit.BOUNCE_BY_MAIL)
        return Temper(
            habit=habit,
            after=dice.choice((1, 1, 1, 2, 2, 3, 4, 6, 9)),
            delay=timedelta(minutes=dice.randint(12, 45 if bounces else 2000)),
            is_behind_scanner=dice.random() < _BEHIND_SCANNER,
            comes_back=dice.random() < _COMES_BACK,
            closes=dice.random() if habit is Habit.CLOSE else _NEVER,
        )

    def reply(self, address: str) -> "Reply":
        """What the person says when they are asked whether they come."""
        dice = self.dice("comes", address)
        return Reply(
            wish=dice.choices(list(_ANSWERS), list(_ANSWERS.values()))[0],
            delay=timedelta(minutes=dice.randint(5, 6000)),
            is_taken_back=dice.random() < _THINKS_BETTER,
            taken_back_after=timedelta(minutes=dice.randint(60, 9000)),
        )

    def is_closed(self, address: str, now: datetime) -> bool:
        """Whether the mailbox is no more."""
        return now >= self.begins + (self.ends - self.begins) * self.of(address).closes

    def is_busy(self, address: str, now: datetime) -> bool:
        """Whether the mailbox turns a first attempt away today (greylisting, a full queue)."""
        return self.dice(f"busy {now:%Y-%m-%d}", address).random() < _BUSY_MAILBOX

    def dice(self, purpose: str, address: str) -> random.Random:
        """Chance for one purpose of one person."""
        return random.Random(f"{self.seed}:{purpose}:{diary.key(address)}")  # noqa: S311 - made-up people, repeatable
