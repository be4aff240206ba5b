"""`campaign send`: one campaign worked through while a person watches, here or by the engine that is running."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.campaigns import report, store
from newsletter.campaigns.report import Report, Unreached
from newsletter.campaigns.store import Campaign
from newsletter.clock import wall_clock
from newsletter.database import AWAY, Database, DatabaseBusy
from newsletter.delivery import ledger, refusing_relays
from newsletter.delivery.contact import Contact
from newsletter.delivery.ledger import State
from newsletter.delivery.refusing_relays import Refusing
from newsletter.delivery.relays import Relays
from newsletter.engine import embedded, parts, presence, status
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings

_LOOK_SECONDS = 0.5
_APPLY_SECONDS = 1.0
_PATIENCE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a campaign is; the rest as newsletter.engine.status has it."""

    settled: int
    audience: int
    relays: list[status.Relay]
    domains: dict[str, dict[State, int]]
    limits: status.Restraints


@dataclass(frozen=True, slots=True)
class Result:
    """How it stands at the end, who was not reached, and what those wait for who may be, with how many do.

    `refusing` are the relays that refuse all of our mail now.
    """

    report: Report
    unreached: list[Unreached]
    waits: dict[str, int]
    refusing: list[Refusing]
    stopped: bool


async def standing(connection: AsyncConnection, campaign: Campaign, now: datetime, *, stopped: bool = False) -> Result:
    """How a campaign stands now."""
    return Result(
        report=await report.read(connection, campaign),
        unreached=await report.unreached(connection, campaign),
        waits=await report.waits(connection, campaign),
        refusing=await refusing_relays.current(connection, now),
        stopped=stopped,
    )


OnProgress = Callable[[Progress], None]


async def send(
    settings: Settings,
    database: Database,
    slug: str,
    stop: asyncio.Event,
    *,
    on_progress: OnProgress,
    on_watch: Callable[[str], None],
) -> Result:
    """Work until nobody is left whom another attempt within a minute could reach, or `stop` is set.

    Nobody could be reached where every relay refuses all of our mail: somebody must do something about that first.
    Where an engine runs already (`newsletter serve`), it does the work, this watches, and `on_watch` hears so. Raises
    RelayUnreachable before anything starts when the relay takes no connection.
    """
    if settings.engine.kind == "procrastinate":
        async with database.read() as connection:
            alive = await status.pulses(connection, settings.engine.lease, wall_clock())
        on_watch(_watched(len(alive)))
        await _watch(settings, database, slug, stop, on_progress)
    else:
        try:
            async with embedded.opened(settings, database) as engine:
                await _work(engine, slug, stop, on_progress)
        except DatabaseBusy:
            on_watch("another process already runs the engine, and delivers it; watching it")
            await _watch(settings, database, slug, stop, on_progress)
    async with database.read() as connection:
        campaign = await store.find(connection, slug)
        return await standing(connection, campaign, wall_clock(), stopped=stop.is_set())


async def probe(settings: Settings) -> None:
    """Open a connection to the relay and close it. Raises RelayUnreachable."""
    relays = parts.relays(settings)
    async with relays.session():
        pass
    await relays.close()


async def _work(engine: Engine, slug: str, stop: asyncio.Event, on_progress: OnProgress) -> None:
    async with engine.database.read() as connection:
        campaign = await store.find(connection, slug)
        before = await report.read(connection, campaign)
    done = before.audience - before.waiting

    async def show() -> None:
        counts = engine.dispatcher.tally.settled
        final = sum(count for state, count in counts.items() if state is not State.DEFERRED)
        pulses = [presence.pulse(engine)]
        total = before.audience
        async with engine.database.read() as connection:
            limits = await status.restraints(connection, engine.settings.delivery, engine.clock())
        relays = status.relays(pulses, limits)
        on_progress(Progress(min(done + final, total), total, relays, status.domains(pulses), limits))

    forward = asyncio.create_task(_forward(stop, engine.stop))
    showing = asyncio.create_task(_show(show))
    over = asyncio.Event()
    applying = asyncio.create_task(_apply(engine, over))
    try:
        async with presence.shown(engine, "embedded"):
            while not engine.stop.is_set():
                try:
                    await engine.deliver_campaigns(campaign.id)
                    is_vain = engine.relays.refuse_us(_sender(campaign))
                    wait = None if is_vain else await _seconds_to_next(engine, campaign.id)
                except AWAY as error:
                    engine.dispatcher.contact.lose(error)
                    wait = _LOOK_SECONDS
                if wait is None or wait > _PATIENCE.total_seconds():
                    break
                await _sleep(engine.stop, wait)
    finally:
        forward.cancel()
        showing.cancel()
        over.set()
        await applying
        with suppress(*AWAY):
            await show()


async def _forward(stop: asyncio.Event, to: asyncio.Event) -> None:
    await stop.wait()
    to.set()


async def _apply(engine: Engine, over: asyncio.Event) -> None:
    """Apply reports beside the sending, so that a domain that blocks us is left alone in time; once more at the end."""
    is_last = False
    while not is_last:
        is_last = over.is_set()
        with suppress(*AWAY):  # who sends says so
            await engine.apply_reports()
        await _sleep(over, _APPLY_SECONDS)


async def _show(show: Callable[[], Awaitable[None]]) -> None:
    while True:
        with suppress(*AWAY):  # who sends says so
            await show()
        await asyncio.sleep(_LOOK_SECONDS)


async def _seconds_to_next(engine: Engine, campaign_id: int) -> float | None:
    """How long until the campaign has work again; None when it has none left (or is paused)."""
    async with engine.database.read() as connection:
        due = await ledger.next_due(connection, campaign_id)
    return None if due is None else max(0.0, (due - engine.clock()).total_seconds())


async def _watch(
    settings: Settings, database: Database, slug: str, stop: asyncio.Event, on_progress: OnProgress
) -> None:
    relays, contact = parts.relays(settings), Contact()
    while not stop.is_set():
        try:
            is_over = await _look(settings, database, relays, slug, on_progress)
            contact.regain()
        except AWAY as error:  # those who work on it ask again too
            contact.lose(error)
            is_over = False
        if is_over:
            return
        await _sleep(stop, _LOOK_SECONDS)


async def _look(settings: Settings, database: Database, relays: Relays, slug: str, on_progress: OnProgress) -> bool:
    """Show how far it is; whether there is nothing more to watch for now."""
    async with database.read() as connection:
        campaign = await store.find(connection, slug)
        seen = await report.read(connection, campaign)
        refusing = {one.relay for one in await refusing_relays.current(connection, wall_clock())}
        pulses = await status.pulses(connection, settings.engine.lease, wall_clock())
        limits = await status.restraints(connection, settings.delivery, wall_clock())
        due = await ledger.next_due(connection, campaign.id)
    settled = seen.audience - seen.waiting
    on_progress(Progress(settled, seen.audience, status.relays(pulses, limits), status.domains(pulses), limits))
    is_vain = relays.serving(_sender(campaign)) <= refusing
    is_for_later = not seen.states.get(State.SENDING) and due is not None and due > wall_clock() + _PATIENCE
    return seen.status != "sending" or (bool(seen.waiting) and (is_vain or is_for_later))


def _sender(campaign: Campaign) -> str:
    return campaign.facts.constellation.sender.email if campaign.facts else ""


async def _sleep(stop: asyncio.Event, seconds: float) -> None:
    try:
        await asyncio.wait_for(stop.wait(), seconds)
    except TimeoutError:
        return


def _watched(workers: int) -> str:
    if not workers:
        return "no worker runs: it waits until `newsletter worker` is started; watching it (Ctrl-C to leave)"
    return "one worker delivers it; watching it" if workers == 1 else f"{workers} workers deliver it; watching them"
