"""The gate before each window: who of the people that are due is written to now, and who waits, until when and why."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

import structlog
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning
from newsletter.delivery import rates, slowing
from newsletter.delivery.hours import URGENT, QuietHours
from newsletter.delivery.operators import Operators
from newsletter.delivery.slowing import Slowed
from newsletter.settings import Settings
from newsletter.tables import campaign, shard

log = structlog.get_logger(__name__)

_LOOK_AGAIN = timedelta(hours=1)
"""Nobody is told to wait for longer: paces change."""


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


class Gate:
    """Lets people through for whom it is time."""

    def __init__(self, settings: Settings, kind: str, timezone: str, operators: Operators) -> None:
        """`kind` is that of the mail: an urgent one knows no quiet hours. `timezone` is for who has none."""
        self._timezone = timezone
        self._operators = operators
        self._paces = {one.to: one.per_second for one in settings.pace}
        self._policy = settings.delivery
        self._quiet = None if kind in URGENT else QuietHours.read(settings.delivery.quiet_hours)

    async def waits(
        self, connection: AsyncConnection, people: Sequence[Person], slow: Mapping[str, Slowed], now: datetime
    ) -> dict[int, Wait]:
        """Who of them waits; `slow` are those that are sent less now.

        Those who need not are counted against the pace of their receivers' family.
        """
        waits = self._quiet_now(people, now)
        if not slow and not self._paces:
            return waits
        to_domains: dict[str, list[int]] = defaultdict(list)
        for person in people:
            if person.subscriber_id not in waits:
                to_domains[person.address.rpartition("@")[2].lower()].append(person.subscriber_id)
        paces = _paces(self._paces, {to: one.per_second for to, one in slow.items()})
        limited: dict[str, list[int]] = defaultdict(list)
        for domain, numbers in to_domains.items():
            to = domain if domain in paces else self._operators.family(domain, len(numbers))
            if to in paces:
                limited[to] += numbers
        return waits | await _in_turn(connection, limited, paces, now)

    async def heed(self, connection: AsyncConnection, replies: Mapping[str, Sequence[str]], now: datetime) -> None:
        """Slow the families whose 4xx replies, by the domain that they came from, ask for fewer mails."""
        told = [(self._to(domain, len(said)), reply) for domain, said in replies.items() for reply in said]
        told = [(to, reply) for to, reply in told if slowing.asks_for_less(reply)]
        for one in await slowing.note(connection, told, self._paces, self._policy, now):
            log.warning("receivers asked for less", to=one.to, per_second=one.per_second, reply=one.reply)

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
    connection: AsyncConnection, limited: Mapping[str, Sequence[int]], paces: Mapping[str, float], now: datetime
) -> dict[int, Wait]:
    """Who has to wait for others of the same family, by the moment at which it is likely to be their turn."""
    waits: dict[int, Wait] = {}
    crowd = await _open_shards(connection) if limited else 1
    for to in sorted(limited):  # in one order, so that two workers never hold what the other wants
        bucket = await rates.open_bucket(connection, f"to {to}", paces[to], now)
        await rates.draw(connection, bucket, min(bucket.left, len(limited[to])))
        for place, number in enumerate(limited[to][bucket.left :], start=1):
            until = now + min(timedelta(seconds=place * crowd / paces[to]), _LOOK_AGAIN)
            waits[number] = Wait(until, f"{to} is sent {paces[to]:g} a second")
    return waits


async def _open_shards(connection: AsyncConnection) -> int:
    """How many shards have people waiting: theirs come between ours."""
    return (
        await connection.scalar(
            select(func.count())
            .select_from(shard)
            .join(campaign, campaign.c.id == shard.c.campaign_id)
            .where(shard.c.state == "open", campaign.c.status == "sending")
        )
        or 1
    )
