"""What Prometheus scrapes: read from the database, so that it is the same whichever process is asked.

Only this machine may ask, or whoever brings the token of the settings. A request that a proxy handed on does not come
from this machine, whatever its address says.
"""

import asyncio
import hmac
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from sqlalchemy import Column, func, select
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from newsletter import __version__
from newsletter.delivery import ledger
from newsletter.delivery.state import State
from newsletter.engine import status
from newsletter.engine.status import Status
from newsletter.settings import Settings
from newsletter.tables import campaign, inbox, shard, transactional
from newsletter.web.site import Site
from subscribers import statements
from subscribers.tables import subscriber, suppression

_FRESH_SECONDS = 5.0
"""Counting a million people takes a moment: who asks more often is told the same again."""
_LATELY = timedelta(days=1)
_THIS_MACHINE = ("127.0.0.1", "::1")
_HANDED_ON = ("x-forwarded-for", "x-real-ip", "forwarded", "via")


@dataclass(frozen=True, slots=True)
class _Reading:
    """Everything that is told, as it was at one moment."""

    engine: Status
    subscribers: dict[str, int]
    suppressed: int
    campaigns: dict[str, float]
    deliveries: dict[str, dict[State, int]]
    reports: int
    shard_waits: float
    message_waits: float


@dataclass(slots=True, eq=False)
class Exposition(Collector):
    """The endpoint; it remembers for some seconds what it told."""

    _told: bytes = b""
    _told_at: float = -_FRESH_SECONDS
    _reading: _Reading | None = None
    _one_at_a_time: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def __call__(self, site: Site, request: Request) -> Response:
        """The metrics in Prometheus' text format; 403 for whoever may not ask."""
        if not _may_ask(request, site.settings.web.metrics_token.get_secret_value()):
            return PlainTextResponse("Only this machine may ask, or who brings web.metrics_token.\n", 403)
        async with self._one_at_a_time:
            if time.monotonic() - self._told_at >= _FRESH_SECONDS:
                async with site.database.read() as connection:
                    self._reading = await _read(connection, site.settings, site.clock())
                registry = CollectorRegistry()
                registry.register(self)
                self._told, self._told_at = generate_latest(registry), time.monotonic()
        return Response(self._told, media_type=CONTENT_TYPE_LATEST)

    def collect(self) -> Iterator[Metric]:
        """The metrics of the last reading."""
        seen = self._reading
        if seen is None:
            return
        yield InfoMetricFamily("newsletter", "The program.", value={"version": __version__})
        yield _gauge("subscribers", "Subscribers by status.", "status", seen.subscribers)
        yield _number("suppressed", "Addresses that are never written to.", seen.suppressed)
        yield _gauge("campaigns", "Campaigns by status.", "status", seen.campaigns)
        yield _deliveries(seen.deliveries)
        running = seen.engine.campaigns
        yield _gauge(
            "campaign_mails_per_second",
            "At which rate a campaign is sent.",
            "campaign",
            {c.slug: c.rate for c in running},
        )
        yield _gauge("shards_open", "Portions that are not done.", "campaign", {c.slug: c.shards_open for c in running})
        yield _gauge(
            "shards_held", "Portions that are worked on.", "campaign", {c.slug: c.shards_held for c in running}
        )
        yield _number(
            "shard_wait_seconds", "How long the portion that is due longest waits for a worker.", seen.shard_waits
        )
        yield _gauge("messages_waiting", "Confirmations, links and the like, by state.", "state", seen.engine.messages)
        yield _number(
            "message_wait_seconds", "How long the one of these that is due longest waits.", seen.message_waits
        )
        yield _number("reports_waiting", "Reports stored and not yet applied.", seen.reports)
        yield _number(
            "domains_paused", "Recipients' domains that are left alone for a while.", len(seen.engine.paused_domains)
        )
        yield _number("mailboxes_unread", "Mailboxes of returned mail that give up no mail.", len(seen.engine.unread))
        yield from _workers(seen.engine)


def _may_ask(request: Request, token: str) -> bool:
    given = request.headers.get("authorization", "").removeprefix("Bearer ")
    if token and hmac.compare_digest(given.encode(), token.encode()):
        return True
    if token or request.client is None or any(name in request.headers for name in _HANDED_ON):
        return False
    return request.client.host in _THIS_MACHINE


async def _read(connection: AsyncConnection, settings: Settings, now: datetime) -> _Reading:
    recent = campaign.c.status.in_(["sending", "paused"]) | (campaign.c.finished_at > now - _LATELY)
    told = (await connection.execute(select(campaign.c.id, campaign.c.slug).where(recent))).all()
    waits = select(func.min(transactional.c.due_at)).where(transactional.c.state.in_([State.QUEUED, State.DEFERRED]))
    free = (
        select(func.min(shard.c.due_at))
        .join(campaign, campaign.c.id == shard.c.campaign_id)
        .where(shard.c.state == "open", shard.c.owner == "", campaign.c.status == "sending")
    )
    return _Reading(
        engine=await status.read(connection, settings, now),
        subscribers=await statements.tally(connection, subscriber.c.status, ("pending", "active", "left")),
        suppressed=await connection.scalar(select(func.count()).select_from(suppression)) or 0,
        campaigns=await _by(connection, campaign.c.status),
        deliveries={slug: await ledger.counts(connection, number) for number, slug in told},
        reports=await connection.scalar(select(func.count()).where(inbox.c.applied_at.is_(None))) or 0,
        shard_waits=_since(await connection.scalar(free), now),
        message_waits=_since(await connection.scalar(waits), now),
    )


async def _by(connection: AsyncConnection, column: Column[str]) -> dict[str, float]:
    rows = await connection.execute(select(column.label("name"), func.count().label("number")).group_by(column))
    return {row.name: row.number for row in rows}


def _since(due: datetime | None, now: datetime) -> float:
    return 0.0 if due is None else max(0.0, (now - due).total_seconds())


def _number(name: str, meaning: str, value: float) -> Metric:
    return GaugeMetricFamily(f"newsletter_{name}", meaning, value=value)


def _gauge(name: str, meaning: str, label: str, values: Mapping[Any, float]) -> Metric:
    family = GaugeMetricFamily(f"newsletter_{name}", meaning, labels=[label])
    for key, value in values.items():
        family.add_metric([str(key)], value)
    return family


def _deliveries(deliveries: dict[str, dict[State, int]]) -> Metric:
    family = GaugeMetricFamily(
        "newsletter_deliveries", "People of a campaign by what became of their mail.", labels=["campaign", "state"]
    )
    for slug, states in deliveries.items():
        for state, count in states.items():
            family.add_metric([slug, state], count)
    return family


def _workers(engine: Status) -> Iterator[Metric]:
    alive = [one for one in engine.workers if one.is_alive]
    yield _number("workers", "Processes that run the engine.", len(alive))
    settled = CounterMetricFamily(
        "newsletter_worker_settled", "What a worker settled since it began, by state.", labels=["worker", "state"]
    )
    for one in alive:
        for state, count in one.settled.items():
            settled.add_metric([one.name, state], count)
    yield settled
    yield _gauge("worker_mails_per_second", "A worker's rate.", "worker", {one.name: one.rate for one in alive})
    yield _gauge("relay_connections", "Connections in use.", "relay", {one.name: one.busy for one in engine.relays})
    yield _gauge(
        "relay_in_trouble", "1 where a relay gives trouble.", "relay", {r.name: bool(r.trouble) for r in engine.relays}
    )
    yield _gauge(
        "relay_at_limit",
        "1 where a relay has had its fill, or asked for less.",
        "relay",
        {one.name: bool(one.limit) for one in engine.relays},
    )
    yield _gauge(
        "slowed_mails_per_second",
        "What receivers are sent that asked for less.",
        "to",
        {one.to: one.per_second for one in engine.slowed},
    )
    lately = GaugeMetricFamily(
        "newsletter_domain_lately", "Mails of the last ten seconds, by domain and state.", labels=["domain", "state"]
    )
    for domain, states in engine.domains.items():
        for state, count in states.items():
            lately.add_metric([domain, state], count)
    yield lately
