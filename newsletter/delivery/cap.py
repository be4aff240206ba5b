"""How many mails one person gets in a day: what is beyond that waits until the next, or is left out if it is of no use
by then.

A day is one by the person's own clock. Every campaign's mail counts, whatever became of it at their mailbox; the
essentials – save the date, a change, a cancellation – and mails about what somebody did are never kept back. Of two
workers that claim for a person at one moment, each may see the day as it was before: it is a kindness, not a lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from sqlalchemy import or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning
from newsletter.delivery.state import State
from newsletter.tables import campaign, delivery

_LOOK_BACK = timedelta(days=2)
REASON = "the most that one person gets"
"""How the ledger's reason ends, for a mail that was kept back."""

_COUNTS = (State.SENT, State.SENDING, State.UNCERTAIN)


@dataclass(frozen=True, slots=True)
class Cap:
    """At most so many mails a day, by each person's clock (`timezone` for who has none), until `useless_from`."""

    most: int
    timezone: str
    useless_from: datetime

    @property
    def reason(self) -> str:
        """What the ledger keeps."""
        return f"they had had {self.most} {'mail' if self.most == 1 else 'mails'} that day, {REASON}"


class Person(Protocol):
    """Whoever is to be written to."""

    @property
    def subscriber_id(self) -> int: ...
    @property
    def timezone(self) -> str: ...


async def kept_back(
    connection: AsyncConnection, campaign_id: int, people: Sequence[Person], cap: Cap, now: datetime
) -> dict[datetime, list[int]]:
    """Who has had as many mails as one gets in a day, by the same hour of their next one."""
    counts = await _today(connection, campaign_id, people, cap, now)
    until: dict[datetime, list[int]] = {}
    for one in people:
        if counts.get(one.subscriber_id, 0) >= cap.most:
            tomorrow = _tomorrow(planning.zone(one.timezone, cap.timezone), now)
            until.setdefault(tomorrow, []).append(one.subscriber_id)
    return until


async def _today(
    connection: AsyncConnection, campaign_id: int, people: Sequence[Person], cap: Cap, now: datetime
) -> dict[int, int]:
    """How many mails of other campaigns each has had since their midnight."""
    recent = select(campaign.c.id).where(
        campaign.c.id != campaign_id,
        campaign.c.started_at.is_not(None),
        or_(campaign.c.finished_at.is_(None), campaign.c.finished_at >= now - _LOOK_BACK),
    )
    rows = await connection.execute(
        select(delivery.c.subscriber_id, delivery.c.at).where(
            delivery.c.campaign_id.in_(list(await connection.scalars(recent))),
            delivery.c.subscriber_id.in_([one.subscriber_id for one in people]),
            delivery.c.state.in_(_COUNTS),
            delivery.c.at > now - _LOOK_BACK,
        )
    )
    zones = {one.subscriber_id: planning.zone(one.timezone, cap.timezone) for one in people}
    counts: dict[int, int] = {}
    for number, at in rows:
        there = zones[number]
        if at is not None and at.astimezone(there).date() == now.astimezone(there).date():
            counts[number] = counts.get(number, 0) + 1
    return counts


def _tomorrow(there: ZoneInfo, now: datetime) -> datetime:
    return planning.instant(now.astimezone(there).replace(tzinfo=None) + timedelta(days=1), there)
