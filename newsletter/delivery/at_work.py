"""Campaigns that are being sent: what is the same for all mails of one, read once and kept while it is worked on."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.constellation import planning, schedule
from newsletter.content.facts import Facts
from newsletter.content.skeleton import Skeleton
from newsletter.database import Database
from newsletter.delivery import backoff, ledger, purpose
from newsletter.delivery.cap import Cap
from newsletter.delivery.composer import Mailing, Stationery
from newsletter.delivery.gate import Gate
from newsletter.delivery.ledger import Due, Hold, State
from newsletter.delivery.operators import Operators
from newsletter.setting_tables import Delivery
from newsletter.settings import Settings
from newsletter.tables import campaign as campaigns
from newsletter.tables import event
from subscribers.audience import About

_OF_USE = timedelta(weeks=1)
"""How long a mail that looks back may wait for a day with fewer others."""

_KEPT = 8


@dataclass(frozen=True, slots=True)
class AtWork:
    """A campaign that is being worked on. From `over_at` on, nobody gets it who has not got it."""

    id: int
    mailing: Mailing
    about: About
    by_hours: bool
    over_at: datetime | None
    cap: Cap | None
    gate: Gate
    sender: str
    policy: Delivery
    compiling: asyncio.Lock

    async def prepare(self, people: Sequence[Due], now: datetime) -> list[Skeleton | None]:
        """The variant that each of them gets now, compiled while everything else goes on; None where it cannot be."""
        made = self.mailing.made(people, now)
        if None not in made:
            return made
        async with self.compiling:
            missing = [one for one, known in zip(people, self.mailing.made(people, now), strict=True) if known is None]
            if missing:  # who waited for the lock finds nothing left to do, and each thread costs a megabyte
                await asyncio.to_thread(self.mailing.make, missing, now)
        return self.mailing.made(people, now)

    async def give_up(self, connection: AsyncConnection, hold: Hold, now: datetime) -> None:
        """Expire what waits in a shard and would come too late."""
        if self.over_at is not None and now >= self.over_at:
            await ledger.expire(connection, hold, None, "what it is about had begun, or was over", now)
        elif self.by_hours:
            await ledger.expire(connection, hold, now - schedule.GRACE, "its hour had passed", now)

    def later(self, due: Due, now: datetime, reply: str) -> tuple[State, datetime | None]:
        """When to offer a mail again after this reply, or that it is given up."""
        state, due_at = backoff.later(due.attempts + 1, self.mailing.due(due), now, self.policy, reply)
        too_late = due_at is not None and self.over_at is not None and due_at >= self.over_at
        return (State.EXPIRED, None) if too_late else (state, due_at)


class Campaigns:
    """Those that are worked on, each read when it is first asked for; so many are kept, the last ones."""

    def __init__(self, settings: Settings, database: Database, stationery: Stationery, operators: Operators) -> None:
        self._settings, self._database = settings, database
        self._stationery, self._operators = stationery, operators
        self._kept: dict[int, AtWork] = {}

    async def get(self, campaign_id: int) -> AtWork:
        """A campaign that has started."""
        if campaign_id not in self._kept:
            found = await self._read(campaign_id)
            while len(self._kept) >= _KEPT:
                del self._kept[next(iter(self._kept))]
            self._kept[campaign_id] = found
        return self._kept[campaign_id]

    def clear(self) -> None:
        """Forget them all."""
        self._kept.clear()

    async def _read(self, campaign_id: int) -> AtWork:
        async with self._database.read() as connection:
            row = (
                await connection.execute(
                    select(
                        campaigns.c.slug,
                        campaigns.c.kind,
                        campaigns.c.document,
                        campaigns.c.started_at,
                        event.c.slug,
                        event.c.kind,
                    )
                    .outerjoin(event, event.c.id == campaigns.c.event_id)
                    .where(campaigns.c.id == campaign_id)
                )
            ).one()
        slug, kind, document, started_at, topic, event_kind = row
        assert started_at is not None  # noqa: S101 - the table's CHECK: what is sending has started
        frozen, by_hours = Facts.from_document(document["facts"]), bool(document.get("by_hours"))
        facts = replace(frozen, public_url=self._settings.public_url)  # where the pages are now, and links lead
        timezone = facts.constellation.timezone
        over_at = planning.over_at(facts.event, kind)
        if over_at is not None and started_at >= over_at:
            over_at = None  # staff have started it knowing that
        asks = facts.event is not None and facts.event.rsvp
        about = purpose.about(slug, topic, event_kind or "", kind, document, asks=asks)
        return AtWork(
            id=campaign_id,
            mailing=Mailing(self._stationery, campaign_id, slug, kind, facts, started_at, by_hours=by_hours),
            about=about,
            by_hours=by_hours,
            over_at=over_at,
            cap=self._cap(about, timezone, over_at or started_at + _OF_USE),
            gate=Gate(self._settings, kind, timezone, self._operators),
            sender=facts.constellation.sender.email,
            policy=self._settings.delivery,
            compiling=asyncio.Lock(),
        )

    def _cap(self, about: About, timezone: str, useless_from: datetime) -> Cap | None:
        """What keeps a campaign's mails back; nothing keeps the essentials."""
        most = self._settings.delivery.most_a_day
        return Cap(most, timezone, useless_from) if most and not about.is_essential else None
