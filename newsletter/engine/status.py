"""What the engine is doing, read from the database: the same wherever it runs, and whoever asks."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.delivery import allowance, ledger, pauses, refusing_relays, slowing, transactional
from newsletter.delivery.pauses import Pause
from newsletter.delivery.refusing_relays import Refusing
from newsletter.delivery.slowing import Slowed
from newsletter.delivery.state import State
from newsletter.setting_tables import Delivery
from newsletter.settings import Settings
from newsletter.tables import campaign, shard, worker

Pulse = Mapping[str, Any]
"""What a process says of itself (newsletter.engine.presence.pulse)."""


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


@dataclass(frozen=True, slots=True)
class Running:
    """A campaign that is being sent or paused; `eta` is how long the rest takes at the rate of the last moments.

    Not less than until the last of those is due who wait for their hour or their turn.
    """

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
    """A relay as the workers see it: connections in use, the last trouble any of them has with it, and what limits it.

    `limit` is empty unless it has had its fill just now, or is given less because it asked for that.
    """

    name: str
    busy: int
    trouble: str
    limit: str


@dataclass(frozen=True, slots=True)
class Restraints:
    """Who is sent less for a while: relays by name, families and domains; and domains that get nothing for now."""

    relays: dict[str, Slowed]
    receivers: list[Slowed]
    paused: list[Pause]


@dataclass(frozen=True, slots=True)
class Outage:
    """Since when none of these relays has taken mail, as the worker says that found it first, and why."""

    relays: list[str]
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Unread:
    """Since when a mailbox of returned mail gives up nothing, or not everything, and why."""

    mailbox: str
    since: datetime
    reason: str


@dataclass(frozen=True, slots=True)
class Status:
    """Everything at once. `domains` is what became of mails to them in the last moments."""

    workers: list[Worker]
    campaigns: list[Running]
    relays: list[Relay]
    domains: dict[str, dict[State, int]]
    slowed: list[Slowed]
    paused_domains: list[Pause]
    outages: list[Outage]
    refusing: list[Refusing]
    unread: list[Unread]
    messages: dict[State, int]
    rate: float


async def read(connection: AsyncConnection, settings: Settings, now: datetime) -> Status:
    """Look at everything."""
    lease = settings.engine.lease
    alive = await pulses(connection, lease, now)
    limits = await restraints(connection, settings.delivery, now)
    return Status(
        workers=await _workers(connection, lease, now),
        campaigns=await _campaigns(connection, alive, now),
        relays=relays(alive, limits),
        domains=domains(alive),
        slowed=limits.receivers,
        paused_domains=limits.paused,
        outages=outages(alive),
        refusing=await refusing_relays.current(connection, now),
        unread=unread(alive),
        messages=await transactional.counts(connection),
        rate=sum(map(_rate, alive)),
    )


async def pulses(connection: AsyncConnection, lease: timedelta, now: datetime) -> list[Pulse]:
    """What the processes say of themselves that run the engine; one that was silent for `lease` is believed dead."""
    return list(await connection.scalars(select(worker.c.pulse).where(worker.c.seen_at > now - lease)))


def _rate(pulse: Pulse) -> float:
    """How many mails a second a process settles."""
    rates: Iterable[float] = pulse["campaigns"].values()
    return sum(rates)


async def restraints(connection: AsyncConnection, policy: Delivery, now: datetime) -> Restraints:
    """Who is sent less now, or nothing."""
    slow = sorted((await slowing.current(connection, policy, now)).values(), key=lambda one: one.to)
    paused = await pauses.current(connection, now)
    return Restraints(
        relays={name: one for one in slow if (name := allowance.slowed_relay(one.to))},
        receivers=[one for one in slow if not allowance.slowed_relay(one.to)],
        paused=[paused[domain] for domain in sorted(paused)],
    )


async def _workers(connection: AsyncConnection, lease: timedelta, now: datetime) -> list[Worker]:
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
            is_alive=(is_alive := now - row.seen_at < lease),
            rate=_rate(row.pulse) if is_alive else 0.0,
            settled={State(state): count for state, count in row.pulse["settled"].items()},
            holds=held.get(row.name, {}),
        )
        for row in await connection.execute(select(worker).order_by(worker.c.name))
    ]


async def _campaigns(connection: AsyncConnection, alive: list[Pulse], now: datetime) -> list[Running]:
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
        rate = sum(one["campaigns"].get(str(row.id), 0.0) for one in alive)
        left = sum(states.get(state, 0) for state in (State.QUEUED, State.SENDING))
        eta = None
        if rate and left and row.status == "sending":
            last = await ledger.last_due(connection, row.id) or now
            eta = timedelta(seconds=ceil(max(left / rate, (last - now).total_seconds())))
        running.append(
            Running(
                slug=row.slug,
                status=row.status,
                audience=sum(states.values()),
                states=states,
                rate=rate,
                eta=eta,
                shards_open=row.open,
                shards_held=row.held,
                next_due=row.next_due,
            )
        )
    return running


def relays(seen: Iterable[Pulse], limits: Restraints) -> list[Relay]:
    """The relays as these processes see them together, by name."""
    merged: dict[str, Relay] = {}
    for pulse in seen:
        for relay in pulse["relays"]:
            name, slow = relay["name"], limits.relays.get(relay["name"])
            before = merged.get(name, Relay(name, 0, "", "" if slow is None else _slow(slow)))
            # A worker of the version before this one says nothing of limits.
            merged[name] = Relay(
                name,
                before.busy + relay["busy"],
                relay["trouble"] or before.trouble,
                before.limit or relay.get("limit", ""),
            )
    return [merged[name] for name in sorted(merged)]


async def limited(connection: AsyncConnection, settings: Settings, now: datetime) -> list[Relay]:
    """The relays that have had their fill just now, or are given less because they asked for that."""
    alive = await pulses(connection, settings.engine.lease, now)
    limits = await restraints(connection, settings.delivery, now)
    return [one for one in relays(alive, limits) if one.limit]


def outages(seen: Iterable[Pulse]) -> list[Outage]:
    """When one of these processes found no relay that takes mail, since when nobody has; the longest first."""
    merged: dict[frozenset[str], Outage] = {}
    for pulse in seen:
        for told in pulse.get("outages", []):  # a worker of the version before this one says nothing of them
            one = Outage(told["relays"], datetime.fromisoformat(told["since"]), told["reason"])
            first = merged.setdefault(frozenset(one.relays), one)
            merged[frozenset(one.relays)] = min(first, one, key=lambda found: found.since)
    return sorted(merged.values(), key=lambda one: one.since)


def unread(seen: Iterable[Pulse]) -> list[Unread]:
    """The mailboxes that one of these processes cannot read; of several, what was found first."""
    merged: dict[str, Unread] = {}
    for pulse in seen:
        for told in pulse.get("mailboxes", []):  # a worker of the version before this one says nothing of them
            one = Unread(told["name"], datetime.fromisoformat(told["since"]), told["reason"])
            merged[one.mailbox] = min(merged.get(one.mailbox, one), one, key=lambda found: found.since)
    return [merged[name] for name in sorted(merged)]


def _slow(one: Slowed) -> str:
    return f"asked for less, is given {one.per_second:g} a second: {one.reply}"


def domains(seen: Iterable[Pulse]) -> dict[str, dict[State, int]]:
    """What became of these processes' mails in the last moments, by domain, the busiest first."""
    merged: dict[str, dict[State, int]] = {}
    for pulse in seen:
        for domain, states in pulse["domains"].items():
            counts = merged.setdefault(domain, {})
            for state, count in states.items():
                counts[State(state)] = counts.get(State(state), 0) + count
    return dict(sorted(merged.items(), key=lambda item: -sum(item[1].values())))
