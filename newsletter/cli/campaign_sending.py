"""What `newsletter campaign send` does and says."""

import asyncio
import signal
from dataclasses import dataclass
from datetime import datetime

import typer
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter import clock
from newsletter.campaigns import audiences, digests, lifecycle, previewing, store
from newsletter.campaigns.store import Campaign, CampaignError
from newsletter.cli import campaign_checking, clock_time, edge, progress, stacked
from newsletter.constellation import planning
from newsletter.constellation import store as constellations
from newsletter.database import Database
from newsletter.delivery.ledger import State
from newsletter.engine import parts, sending
from newsletter.settings import Settings


@dataclass(frozen=True, slots=True)
class Scheduled:
    """When a campaign will start, on the constellation's clock, which is that of `timezone`."""

    campaign: str
    scheduled_at: datetime
    timezone: str


async def schedule(settings: Settings, slug: str, wanted_at: str, wanted: str | None, *, force: str) -> Scheduled:
    """Have the engine start it at a moment, to whom `wanted` says if it says anything; it is checked for then."""
    async with edge.opened_by_key(settings) as database:
        async with database.begin() as connection:
            await _addressed(connection, slug, wanted)
            timezone = (await constellations.current(connection)).timezone
            at = _to_come(wanted_at, timezone)
        checked = await campaign_checking.required(settings, database, slug, at, force=force)
        async with database.begin() as connection:
            found = await store.find(connection, slug)
            await lifecycle.schedule(connection, found, at, forgiven=checked.broken)
            await edge.audit(connection, "campaign.scheduled", slug, at=at.isoformat(), **checked.kept)
    return Scheduled(slug, at, timezone)


def _to_come(text: str, timezone: str) -> datetime:
    at = clock_time.read(text, timezone, "--at")
    if at <= edge.now():
        passed = f"{clock.shown(at, timezone)} has passed; without --at, it is sent now"
        raise typer.BadParameter(passed, param_hint="--at")
    return at


def say_scheduled(done: Scheduled, sender: str) -> None:
    """Say when it will start."""
    at = f"{clock.shown(done.scheduled_at, done.timezone)} ({done.timezone})"
    edge.say(f"{done.campaign} will start at {at}, by the {sender} that runs then.")


async def send(settings: Settings, slug: str, wanted: str | None, *, agreed: bool, force: str) -> sending.Result:
    """Check and start it, if it has not started, and work on it until nothing is left to do or somebody stops us."""
    async with edge.opened_by_key(settings) as database:
        async with database.read() as connection:
            await store.find(connection, slug)  # a slip is told before a server is asked
            if wanted is not None:
                await audiences.resolve(connection, wanted)
        await sending.probe(settings)
        if wanted is not None:
            async with database.begin() as connection:
                await _addressed(connection, slug, wanted)
        await _start_if_draft(settings, database, slug, agreed=agreed, force=force)
        stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, stop.set)
        with progress.live(slug) as on_progress:
            return await sending.send(settings, database, slug, stop, on_progress=on_progress, on_watch=edge.warn)


_WAYS_ON = {
    "paused": "go on with: newsletter campaign resume {}",
    "finished": "what failed for a passing reason is tried again by: newsletter campaign retry {}",
}
"""What somebody may want who sends a campaign that cannot be started."""


async def _start_if_draft(settings: Settings, database: Database, slug: str, *, agreed: bool, force: str) -> None:
    async with database.read() as connection:
        found = await store.find(connection, slug)
        paper = parts.stationery(settings)
        seen = await previewing.overview(connection, settings, paper, found, edge.now())
    if found.status == "sending":
        return
    if found.status in _WAYS_ON:
        raise CampaignError(f"{slug} is {found.status}; {_WAYS_ON[found.status].format(slug)}")
    waits = found.status in ("draft", "scheduled")
    passed = campaign_checking.Passed()
    if waits:
        passed = await campaign_checking.required(settings, database, slug, edge.now(), force=force)
    question = f"Send “{seen.subject}” to {edge.people(seen.people)} now?"
    if waits and not agreed and not edge.confirm(question):
        edge.warn("Nothing was sent. Without a terminal, say --yes.")
        raise typer.Exit(1)
    try:
        async with database.begin() as connection:
            start = digests.start if found.kind == planning.DIGEST else lifecycle.start
            people = await start(connection, settings, found, now=edge.now())
            await edge.audit(connection, "campaign.started", slug, people=people, **passed.kept)
    except CampaignError:
        async with database.read() as connection:
            stands = (await store.find(connection, slug)).status
        if stands != "sending":
            raise
        edge.warn(f"somebody else has started {slug} meanwhile")


async def _addressed(connection: AsyncConnection, slug: str, wanted: str | None) -> Campaign:
    found = await store.find(connection, slug)
    if wanted is None:
        return found
    expression = await audiences.resolve(connection, wanted)
    await lifecycle.address(connection, found, expression)
    await edge.audit(connection, "campaign.addressed", slug, expression=expression)
    return await store.find(connection, slug)


def _still(count: int) -> str:
    return f"{count:,} still {'waits' if count == 1 else 'wait'}"


def say_result(result: sending.Result, sender: str) -> None:
    """Say where it stands, and who was not reached; `sender` goes on by itself."""
    counts = ", ".join(f"{count:,} {state}" for state, count in sorted(result.report.states.items()))
    edge.say(f"{result.report.slug} is {result.report.status}: {counts or 'nobody was written to'}.")
    shown = [one for one in result.unreached if one.state not in (State.QUEUED, State.SENDING)]
    if shown:
        stacked.show(
            ["not reached", "why", "answer"],
            [(one.address or f"#{one.subscriber_id}", one.state, one.reply) for one in shown[:20]],
        )
        if len(shown) > 20:
            edge.say(f"… and more: newsletter campaign report {result.report.slug} --json")
    if in_doubt := result.report.states.get(State.UNCERTAIN):
        edge.prose(
            f"{in_doubt:,} may or may not have arrived: newsletter campaign uncertain {result.report.slug} lists them, "
            "sends them again (--resend), or takes them as sent (--sent)."
        )
    for one in result.refusing if result.report.waiting else []:
        edge.prose(f"{one.said}. Nobody is given up for that: newsletter engine status")
    for reason, count in result.waits.items():
        edge.say(f"{count:,} {'waits' if count == 1 else 'wait'}: {reason}.")
    if result.report.waiting and result.report.next_at is not None and result.report.next_at > edge.now():
        edge.say(f"The next are due at {edge.moment(result.report.next_at)} UTC.")
    if result.report.waiting and result.report.status == "cancelled":
        edge.say(
            f"{result.report.waiting:,} were on their way when it was cancelled; in a moment it is known which left."
        )
    elif result.report.waiting and result.report.status == "paused":
        edge.prose(f"{_still(result.report.waiting)}, until `newsletter campaign resume {result.report.slug}`.")
    elif result.report.waiting:
        here = f"`newsletter campaign send {result.report.slug}`"
        rest = f"here, {here} does" if sender == "`newsletter serve`" else f"{here} shows how far it is"
        edge.prose(f"{_still(result.report.waiting)}. {sender} goes on by itself; {rest}.")
