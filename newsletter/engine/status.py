"""What the engine is doing, read from the database: the same wherever it runs, and whoever asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import ledger, transactional
from newsletter.delivery.state import State
from newsletter.tables import campaign, shard, worker


@dataclass(frozen=True, slots=True)
class Worker:
    """A process that runs the engine; `rate` is mails a second, `settled` what it settled since it began, by state."""

    name: str
    engine: str
    started_at: datetime
    seen_at: datetime
    is_alive: bool
    rate: float
    settled: dict[State, int]
    holds: dict[str, int]
    """How many shards of which campaign."""
    pulse: dict[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Running:
    """A campaign that is being sent or paused; `eta` is how long the rest takes at the rate of the last moments."""

    slug: str
    status: str
    audience: int
    states: dict[State, int]
    rate: float
    eta: timedelta | None
    shards_open: int
    shards_held: int
    next_due: datetime | None


@dataclass(frozen=True, slots=True)
class Relay:
    """A relay as the workers see it: connections in use, and the last trouble any of them has with it."""

    name: str
    busy: int
    trouble: str


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at once. `domains` is what became of mails to them in the last moments."""

    workers: list[Worker]
    campaigns: list[Running]
    relays: list[Relay]
    domains: dict[str, dict[State, int]]
    messages: dict[State, int]
    rate: float


async def read(connection: AsyncConnection, lease: timedelta, now: datetime) -> Status:
    """Look at everything. `lease` is how long a silence makes a worker be believed dead."""
    known = await _known(connection, lease, now)
    alive = [one for one in known if one.is_alive]
    return Status(
        workers=known,
        campaigns=await _campaigns(connection, alive),
        relays=relays([one.pulse for one in alive]),
        domains=domains([one.pulse for one in alive]),
        messages=await transactional.counts(connection),
        rate=sum(one.rate for one in alive),
    )


async def workers(connection: AsyncConnection, lease: timedelta, now: datetime) -> list[Worker]:
    """The processes that run the engine and are alive."""
    return [one for one in await _known(connection, lease, now) if one.is_alive]


async def _known(connection: AsyncConnection, lease: timedelta, now: datetime) -> list[Worker]:
    held: dict[str, dict[str, int]] = {}
    for owner, slug, count in await connection.execute(
        select(shard.c.owner, campaign.c.slug, func.count())
        .join(campaign, campaign.c.id == shard.c.campaign_id)
        .where(shard.c.state == "open", shard.c.owner != "")
        .group_by(shard.c.owner, campaign.c.slug)
        .order_by(campaign.c.slug)
    ):
        held.setdefault(owner, {})[slug] = count
    return [
        Worker(
            name=row.name,
            engine=row.engine,
            started_at=row.started_at,
            seen_at=row.seen_at,
            is_alive=now - row.seen_at < lease,
            rate=sum(row.pulse["campaigns"].values()),
            settled={State(state): count for state, count in row.pulse["settled"].items()},
            holds=held.get(row.name, {}),
            pulse=row.pulse,
        )
        for row in await connection.execute(select(worker).order_by(worker.c.name))
    ]


async def _campaigns(connection: AsyncConnection, alive: list[Worker]) -> list[Running]:
    rows = await connection.execute(
        select(
            campaign.c.id,
            campaign.c.slug,
            campaign.c.status,
            func.count(shard.c.number).label("open"),
            func.coalesce(func.sum(case((shard.c.owner != "", 1), else_=0)), 0).label("held"),
            func.min(shard.c.due_at).label("next_due"),
        )
        .outerjoin(shard, (shard.c.campaign_id == campaign.c.id) & (shard.c.state == "open"))
        .where(campaign.c.status.in_(["sending", "paused"]))
        .group_by(campaign.c.id)
        .order_by(campaign.c.id)
    )
    running = []
    for row in rows.all():
        states = await ledger.counts(connection, row.id)
        rate = sum(one.pulse["campaigns"].get(str(row.id), 0.0) for one in alive)
        left = sum(states.get(state, 0) for state in (State.QUEUED, State.SENDING))
        running.append(
            Running(
                slug=row.slug,
                status=row.status,
                audience=sum(states.values()),
                states=states,
                rate=rate,
                eta=timedelta(seconds=round(left / rate)) if rate and left else None,
                shards_open=row.open,
                shards_held=row.held,
                next_due=row.next_due,
            )
        )
    return running


def relays(pulses: Iterable[Mapping[str, Any]]) -> list[Relay]:
    """The relays as these processes see them together, by name."""
    merged: dict[str, Relay] = {}
    for pulse in pulses:
        for relay in pulse["relays"]:
            before = merged.get(relay["name"], Relay(relay["name"], 0, ""))
            merged[before.name] = Relay(before.name, before.busy + relay["busy"], relay["trouble"] or before.trouble)
    return [merged[name] for name in sorted(merged)]


def domains(pulses: Iterable[Mapping[str, Any]]) -> dict[str, dict[State, int]]:
    """What became of these processes' mails in the last moments, by domain, the busiest first."""
    merged: dict[str, dict[State, int]] = {}
    for pulse in pulses:
        for domain, states in pulse["domains"].items():
            counts = merged.setdefault(domain, {})
            for state, count in states.items():
                counts[State(state)] = counts.get(State(state), 0) + count
    return dict(sorted(merged.items(), key=lambda item: -sum(item[1].values())))
