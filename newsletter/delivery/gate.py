"""The gate before each window: who of the people that are due is written to now, and who waits, until when and why."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol

import structlog
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning
from newsletter.delivery import rates, slowing, turns
from newsletter.delivery.hours import URGENT, QuietHours
from newsletter.delivery.operators import Operators
from newsletter.delivery.slowing import Slowed
from newsletter.delivery.turns import Portion
from newsletter.settings import Settings

log = structlog.get_logger(__name__)


class Person(Protocol):
    """What the gate looks at."""

    @property
    def subscriber_id(self) -> int: ...
    @property
    def address(self) -> str: ...
    @property
    def timezone(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Wait:
    """Until when somebody waits, and why, in words for staff."""

    until: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Passage:
    """Who waits, and whose mails count against the pace of which family."""

    waits: dict[int, Wait]
    counted: dict[int, str] = field(default_factory=dict)


class Gate:
    """Lets people through for whom it is time."""

    def __init__(self, settings: Settings, kind: str, timezone: str, operators: Operators) -> None:
        """`kind` is that of the mail: an urgent one knows no quiet hours. `timezone` is for who has none."""
        self._timezone = timezone
        self._operators = operators
        self._paces = {one.to: one.per_second for one in settings.pace}
        self._policy = settings.delivery
        self._quiet = None if kind in URGENT else QuietHours.read(settings.delivery.quiet_hours)

    async def ask(
        self,
        connection: AsyncConnection,
        of: Portion,
        people: Sequence[Person],
        slow: Mapping[str, Slowed],
        now: datetime,
    ) -> Passage:
        """Who of a shard's people waits; `slow` are those that are sent less now.

        Those who need not are counted against the pace of their receivers' family.
        """
        waits = self._quiet_now(people, now)
        if not slow and not self._paces:
            return Passage(waits)
        to_domains: dict[str, list[int]] = defaultdict(list)
        for person in people:
            if person.subscriber_id not in waits:
                to_domains[person.address.rpartition("@")[2].lower()].append(person.subscriber_id)
        paces = self._paces_now(slow)
        limited: dict[str, list[int]] = defaultdict(list)
        for domain, numbers in to_domains.items():
            to = domain if domain in paces else self._operators.family(domain, len(numbers))
            if to in paces:
                limited[to] += numbers
        passage = await _in_turn(connection, of, limited, paces, now)
        return Passage(waits | passage.waits, passage.counted)

    async def give_back(
        self, connection: AsyncConnection, mails: Iterable[str], slow: Mapping[str, Slowed], now: datetime
    ) -> None:
        """Count mails no longer that were not offered: others of their family may go instead. `mails` name it each."""
        paces = self._paces_now(slow)
        for to, count in sorted(Counter(mails).items()):
            if to in paces:
                await rates.draw(connection, await _bucket(connection, to, paces, now), -count)

    async def heed(self, connection: AsyncConnection, replies: Mapping[str, Sequence[str]], now: datetime) -> None:
        """Slow the families whose 4xx replies, by the domain that they came from, ask for fewer mails."""
        told = [(self._to(domain, len(said)), reply) for domain, said in replies.items() for reply in said]
        told = [(to, reply) for to, reply in told if slowing.asks_for_less(reply)]
        for one in await slowing.note(connection, told, self._paces, self._policy, now):
            log.warning("receivers asked for less", to=one.to, per_second=one.per_second, reply=one.reply)

    def _paces_now(self, slow: Mapping[str, Slowed]) -> dict[str, float]:
        return _paces(self._paces, {to: one.per_second for to, one in slow.items()})

    def _to(self, domain: str, mails: int) -> str:
        return domain if domain in self._paces else self._operators.family(domain, mails)

    def _quiet_now(self, people: Sequence[Person], now: datetime) -> dict[int, Wait]:
        if self._quiet is None:
            return {}
        zones = {person.timezone: planning.zone(person.timezone, self._timezone) for person in people}
        over = {name: self._quiet.over_at(there, now) for name, there in zones.items()}
        return {
            person.subscriber_id: Wait(until, "it is quiet where they are")
            for person in people
            if (until := over[person.timezone]) is not None
        }


def _paces(usual: Mapping[str, float], slow: Mapping[str, float]) -> dict[str, float]:
    """The mails a second for each family or domain that has a limit now: the lower of both."""
    return {to: min(usual.get(to, pace), slow.get(to, pace)) for to, pace in {**usual, **slow}.items()}


async def _in_turn(
    connection: AsyncConnection,
    of: Portion,
    limited: Mapping[str, Sequence[int]],
    paces: Mapping[str, float],
    now: datetime,
) -> Passage:
    """Who has to wait for others of the same family, by the moment at which it is likely to be their turn."""
    passage = Passage({})
    for to in sorted(limited):  # in one order, so that two workers never hold what the other wants
        bucket = await _bucket(connection, to, paces, now)
        first, later = limited[to][: bucket.left], limited[to][bucket.left :]
        await rates.draw(connection, bucket, len(first))
        passage.counted.update(dict.fromkeys(first, to))
        if later:
            expected = await turns.expect(connection, of, to, paces[to], len(later), now)
            why = f"{to} is sent {paces[to]:g} a second"
            passage.waits.update({number: Wait(until, why) for number, until in zip(later, expected, strict=True)})
    return passage


async def _bucket(connection: AsyncConnection, to: str, paces: Mapping[str, float], now: datetime) -> rates.Bucket:
    return await rates.open_bucket(connection, f"to {to}", paces[to], now)
