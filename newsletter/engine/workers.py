"""The engine on many hosts: processes that take work from one PostgreSQL, by procrastinate.

Its jobs are shards. The ledger stays what decides: a periodic sweep looks there for shards that are due and have no
job, and gives each one. A job is one right to own its shard. When a worker's heartbeat stops, its jobs are ended, the
sweep makes new ones, and whoever takes those raises the epoch: the silent worker, should it wake, settles nothing. All
other work is periodic jobs too, each of which runs at most once at a time in all.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

import procrastinate
import psycopg
import structlog
from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
from procrastinate.jobs import DeleteJobCondition, Status
from sqlalchemy import URL, text

from newsletter import engine_lock, logs, queue_schema
from newsletter.clock import Clock, wall_clock
from newsletter.database import Database
from newsletter.delivery import ledger
from newsletter.engine import presence
from newsletter.engine.periodic_jobs import PeriodicJobs
from newsletter.engine.work import PASSING, Work, one_line
from newsletter.settings import Settings

log = structlog.get_logger(__name__)

_SHARDS, _CHORES = "shards", "chores"
_MOST_WAITING = 200
"""Jobs that wait at most: the sweep adds more as they are done, so that a pause finds little to undo."""
_POLL_SECONDS = 1.0
_AGAIN_SECONDS = 1.0

_WITHOUT_A_JOB = """
NOT EXISTS (
  SELECT FROM procrastinate.procrastinate_jobs job
  WHERE job.status = 'todo' AND job.queueing_lock = 'shard ' || shard.campaign_id || '/' || shard.number
) AND NOT EXISTS (
  SELECT FROM procrastinate.procrastinate_jobs job
  WHERE job.status = 'doing' AND job.lock = 'shard ' || shard.campaign_id || '/' || shard.number
)
"""
_WAITING = "SELECT count(*) FROM procrastinate.procrastinate_jobs WHERE status = 'todo' AND queue_name = 'shards'"


async def run(settings: Settings, database: Database, stop: asyncio.Event, clock: Clock = wall_clock) -> None:
    """Work until `stop` is set; what is in flight then is settled before this returns.

    Raises DatabaseBusy while an embedded engine runs. Ask `database.require_queue` first.
    """
    asyncio.get_running_loop().set_exception_handler(_unretrieved)
    for library in ("procrastinate", "psycopg.pool"):
        # of a database that is away they warn, as we do ourselves
        logs.listen(library, logging.ERROR, event="queue", briefly=(Exception,))
    async with engine_lock.held(database, shared=True) as lock:
        work = Work.assemble(settings, database, clock, lock)
        app = _app(work)
        async with database.begin() as connection:
            await ledger.look_again(connection, clock())
        forward = asyncio.create_task(_forward(stop, work.stop))
        try:
            async with app.open_async(), work.listening(), presence.shown(work, "procrastinate"):
                log.info("worker started", worker=work.dispatcher.owner, shards=work.relays.connections)
                await asyncio.gather(
                    _hands(work, app, _SHARDS, work.relays.connections),
                    _hands(work, app, _CHORES, len(_chores(work)) + 1),
                )
        finally:
            forward.cancel()
            await work.close()
    log.info("worker stopped", worker=work.dispatcher.owner)


async def _forward(stop: asyncio.Event, to: asyncio.Event) -> None:
    await stop.wait()
    to.set()


async def _hands(work: Work, app: procrastinate.App, queue: str, concurrency: int) -> None:
    """Take jobs from a queue until the work stops. A worker that fails, for its database is away, is begun anew."""
    engine = work.settings.engine
    while not work.stop.is_set():
        running = asyncio.create_task(
            app.run_worker_async(
                queues=[queue],
                name=f"{work.dispatcher.owner}/{queue}",
                concurrency=concurrency,
                delete_jobs=DeleteJobCondition.ALWAYS,
                fetch_job_polling_interval=_POLL_SECONDS,
                install_signal_handlers=False,
                update_heartbeat_interval=engine.heartbeat.total_seconds(),
                stalled_worker_timeout=engine.lease.total_seconds(),
            )
        )
        stopped = asyncio.create_task(work.stop.wait())
        await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        running.cancel()  # it waits for its jobs, which see that `stop` is set
        try:
            with suppress(asyncio.CancelledError):
                await running
        except (ConnectorException, psycopg.Error) as error:
            log.warning("queue away", queue=queue, reason=one_line(error.__cause__ or error))
        with suppress(TimeoutError):
            await asyncio.wait_for(work.stop.wait(), _AGAIN_SECONDS)


def _app(work: Work) -> procrastinate.App:
    """The tasks: one for shards, and the chores by their schedules."""
    connector = procrastinate.PsycopgConnector(conninfo=_conninfo(work.database.url), configure=_use_schema, max_size=6)
    app = procrastinate.App(connector=connector)
    app.job_manager = PeriodicJobs(connector)

    @app.task(name="shard", queue=_SHARDS)
    async def shard(campaign_id: int, number: int) -> None:
        await _said("shard", lambda: work.dispatcher.deliver_shard(campaign_id, number, work.stop))

    @app.periodic(cron=_EACH_SECOND)
    @app.task(name="sweep", queue=_CHORES, queueing_lock="sweep", priority=1)  # no lock: a dead worker would keep it
    async def sweep(timestamp: int) -> None:  # noqa: ARG001 - procrastinate names it
        await _said("sweep", lambda: _sweep(work, app))

    for name, (cron, *steps) in _chores(work).items():
        _add_chore(app, name, cron, steps)
    return app


Step = Callable[[], Awaitable[object]]

_EACH_SECOND = "* * * * * *"


def _chores(work: Work) -> dict[str, tuple[Any, ...]]:
    """What there is to do besides, each by its cron expression, whose last field is seconds."""
    return {
        "messages": (_EACH_SECOND, work.carry_out_requests, work.fill_places, work.deliver_messages),
        "reports": (_EACH_SECOND, work.collect_maildir, work.apply_reports),
        "plan": (_EACH_SECOND, work.starter.fire_plan, work.starter.fire_digest, work.starter.start_scheduled),
        "webhooks": (_EACH_SECOND, work.tell_others),
        "staff": (_EACH_SECOND, work.tell_staff),
        "housekeeping": ("* * * * *", work.housekeeper.round),
        "lists": ("* * * * *", work.read_lists),
        "mailbox": ("* * * * * */10", work.follow_mailbox),
    }


def _add_chore(app: procrastinate.App, name: str, cron: str, steps: list[Step]) -> None:
    @app.periodic(cron=cron)
    @app.task(name=name, queue=_CHORES, lock=name, queueing_lock=name)
    async def chore(timestamp: int) -> None:  # noqa: ARG001 - procrastinate names it
        for step in steps:
            await _said(name, step)


async def _said(name: str, step: Step) -> None:
    """Take a step; a fault of the moment is said, and the next job tries again."""
    try:
        await step()
    except PASSING as error:
        log.error("job failed", work=name, reason=one_line(error))


async def _sweep(work: Work, app: procrastinate.App) -> None:
    """End the jobs of workers that are silent, give every shard that is due and has no job one, finish what is over."""
    for job in await app.job_manager.get_stalled_jobs(
        seconds_since_heartbeat=work.settings.engine.lease.total_seconds()
    ):
        with suppress(ConnectorException):  # it has just ended by itself
            await app.job_manager.finish_job(job, Status.FAILED, delete_job=True)
            log.warning("worker is silent, its job goes to another", job=job.lock or job.task_name)
    async with work.database.read() as connection:
        room = _MOST_WAITING - (await connection.scalar(text(_WAITING)) or 0)
        due = (await connection.execute(ledger.unattended(work.clock(), room).where(text(_WITHOUT_A_JOB)))).all()
        is_left = await ledger.has_unfinished(connection)
    if is_left:
        async with work.database.begin() as connection:
            await ledger.finish(connection, work.clock())
    for campaign_id, number in due:
        name = f"shard {campaign_id}/{number}"
        with suppress(AlreadyEnqueued):
            await app.configure_task("shard", lock=name, queueing_lock=name).defer_async(
                campaign_id=campaign_id, number=number
            )


def _conninfo(url: URL) -> str:
    return url.set(drivername="postgresql").render_as_string(hide_password=False)


async def _use_schema(connection: psycopg.AsyncConnection[Any]) -> None:
    await connection.set_autocommit(True)
    await connection.execute(f"SET search_path TO {queue_schema.NAME}")


def _unretrieved(_: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A job that was believed dead cannot end itself in the queue: another has it. That is worth a line, no more."""
    error = context.get("exception")
    log.warning("job not ended", reason=one_line(error.__cause__ or error) if error else str(context.get("message")))
