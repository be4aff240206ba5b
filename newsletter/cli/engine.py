"""`newsletter engine`: what the engine does, wherever it runs."""

import time
from collections.abc import Callable, Coroutine
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer

from newsletter.cli import edge, grouping, moments, stacked
from newsletter.database import DatabaseError
from newsletter.delivery.state import State
from newsletter.engine import status as reading
from newsletter.engine.status import Status
from newsletter.settings import Settings

app = grouping.group()

_EVERY_SECONDS = 2.0
_LEFT = (State.QUEUED, State.SENDING, State.DEFERRED)


@app.callback()
def engine() -> None:
    """Show what the engine does: workers, campaigns, rates."""


@app.command()
def status(
    watch: Annotated[bool, typer.Option("--watch", help="Show it again every two seconds, until Ctrl-C.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show workers and what they hold, campaigns with rate and remaining time, relays and domains.

    Example: newsletter engine status --watch
    """
    settings = edge.settings()

    async def work() -> Status:
        async with edge.opened(settings.database) as database, database.read() as connection:
            return await reading.read(connection, settings, edge.now())

    seen = edge.run(work())
    while True:
        if as_json:
            edge.emit_json(seen)
        else:
            if watch and edge.is_terminal():
                edge.clear()
            _show(seen, edge.now(), settings)
        if not watch:
            return
        seen = _next(work)


def _next(work: Callable[[], Coroutine[Any, Any, Status]]) -> Status:
    """Look again, and go on looking while the database is away."""
    while True:
        try:
            time.sleep(_EVERY_SECONDS)
            return edge.run(work())
        except KeyboardInterrupt:
            raise typer.Exit(0) from None
        except DatabaseError as error:
            edge.warn(str(error))


def _show(seen: Status, now: datetime, settings: Settings) -> None:
    if not seen.workers:
        either = "" if settings.engine.kind == "procrastinate" else "`newsletter serve` or "
        edge.say(f"No process runs the engine: start {either}`newsletter worker`.")
    else:
        stacked.show(
            ["worker", "seen", "mails/s", "settled", "holds"],
            [
                (
                    one.name,
                    _ago(now - one.seen_at) if one.is_alive else f"silent, {_ago(now - one.seen_at)}",
                    f"{one.rate:,.0f}",
                    f"{sum(one.settled.values()):,}",
                    ", ".join(f"{slug}: {count}" for slug, count in one.holds.items()),
                )
                for one in seen.workers
            ],
            numbers=["mails/s", "settled"],
        )
    if seen.campaigns:
        stacked.show(
            ["campaign", "status", "people", "left", "mails/s", "shards", "ready in"],
            [
                (
                    one.slug,
                    one.status,
                    f"{one.audience:,}",
                    f"{sum(one.states.get(state, 0) for state in _LEFT):,}",
                    f"{one.rate:,.0f}",
                    f"{one.shards_held:,} of {one.shards_open:,}",
                    str(one.eta or _waits(one.next_due, now)),
                )
                for one in seen.campaigns
            ],
            numbers=["people", "left", "mails/s"],
        )
    for made in moments.tables(seen.relays, seen.domains, seen.slowed, seen.paused_domains):
        edge.show(made)
    for refusing in seen.refusing:
        edge.prose(f"{refusing.said}. What it refused waits: its login is wrong, or it takes no mail of ours.")
    for outage in seen.outages:
        since = f"{edge.moment(outage.since)} UTC, for {_seconds(now - outage.since)}"
        edge.prose(f"No mail has been taken by {', '.join(outage.relays)} since {since}.")
    for one in seen.unread:
        since = f"{edge.moment(one.since)} UTC, for {_seconds(now - one.since)}"
        edge.prose(f"Returned mail is held up since {since}: {one.reason}.")
    waiting = sum(seen.messages.values())
    engine = "".join(f" by the {kind} engine" for kind in sorted({one.engine for one in seen.workers})[:1])
    edge.say(f"{seen.rate:,.0f} mails a second{engine}.")
    edge.say(f"{waiting:,} confirmations, links and the like wait.")


def _ago(since: timedelta) -> str:
    return f"{_seconds(since)} ago"


def _seconds(time: timedelta) -> str:
    return f"{max(0, round(time.total_seconds())):,} s"


def _waits(due: datetime | None, now: datetime) -> str:
    return f"goes on at {edge.moment(due)} UTC" if due is not None and due > now else ""
