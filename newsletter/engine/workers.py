"""The engine on many hosts: processes that take work from one PostgreSQL, by procrastinate.

Its jobs are shards. The ledger stays what decides: a periodic sweep looks there for shards that are due and have no
job, and gives each one. A job is one right to own its shard. When a worker's heartbeat stops, its jobs are ended, the
sweep makes new ones, and whoever takes those raises the epoch: the silent worker, should it wake, settles nothing. All
other work is periodic jobs too, each of which runs at most once at a time in all.
"""

import asyncio
import logging
import time
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
from newsletter.engine.lasting_jobs import LastingJobs
from newsletter.engine.work import PASSING, Work
from newsletter.logs import one_line
from newsletter.settings import Settings

log = structlog.get_logger(__name__)

_SHARDS, _CHORES = "shards", "chores"
_MOST_WAITING = 200
"""Jobs that wait at most: the sweep adds more as they are done, so that a pause finds little to undo."""
_POLL_SECONDS = 1.0
_AGAIN_SECONDS = 1.0
_QUEUE_SECONDS = 5.0
"""How long to wait for a connection to the queue. The pool tries to reconnect ever more rarely, and begins anew for who
asks anew: else it would come back minutes after its database."""

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
        connector = _connector(database)
        jobs = LastingJobs(connector, work.stop, settings.delivery.drain)
        shards, chores = _apps(work, connector, jobs)
        async with database.begin() as connection:
            await ledger.look_again(connection, clock())
        forward = asyncio.create_task(_forward(stop, work.stop))
        try:
            async with chores.open_async(), work.listening(), presence.shown(work, "procrastinate", jobs.beat):
                log.info("worker started", worker=work.dispatcher.owner, shards=work.relays.connections)
                await asyncio.gather(
                    _hands(work, shards, _SHARDS, work.relays.connections),
                    _hands(work, chores, _CHORES, len(_chores(work)) + 1),
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
    while not work.stop.is_set():
        running = asyncio.create_task(
            app.run_worker_async(
                queues=[queue],
                name=f"{work.dispatcher.owner}/{queue}",
                concurrency=concurrency,
                delete_jobs=DeleteJobCondition.ALWAYS,
                fetch_job_polling_interval=_POLL_SECONDS,
                install_signal_handlers=False,
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
            if not work.dispatcher.contact.is_lost:
                log.warning("queue away", queue=queue, reason=one_line(error.__cause__ or error))
        with suppress(TimeoutError):
            await asyncio.wait_for(work.stop.wait(), _AGAIN_SECONDS)


def _connector(database: Database) -> procrastinate.PsycopgConnector:
    return procrastinate.PsycopgConnector(
        conninfo=_conninfo(database.url),
        configure=_use_schema,
        max_size=6,
        timeout=_QUEUE_SECONDS,
        reconnect_timeout=_QUEUE_SECONDS / 2,
    )


def _apps(
    work: Work, connector: procrastinate.PsycopgConnector, jobs: LastingJobs
) -> tuple[procrastinate.App, procrastinate.App]:
    """The task for shards, and the chores by their schedules: apart, or two workers would follow these."""
    shards, chores = procrastinate.App(connector=connector), procrastinate.App(connector=connector)
    shards.job_manager = chores.job_manager = jobs

    @shards.task(name="shard", queue=_SHARDS)
    async def shard(campaign_id: int, number: int) -> None:
        await _said(work, "shard", lambda: work.dispatcher.deliver_shard(campaign_id, number, work.stop))

    @chores.periodic(cron=_EACH_SECOND)
    @chores.task(name="sweep", queue=_CHORES, queueing_lock="sweep", priority=1)  # no lock: a dead worker would keep it
    async def sweep(timestamp: int) -> None:  # noqa: ARG001 - procrastinate names it
        await _said(work, "sweep", lambda: _sweep(work, shards, jobs))

    for name, (cron, *steps) in _chores(work).items():
        _add_chore(chores, work, name, cron, steps)
    return shards, chores


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


def _add_chore(app: procrastinate.App, work: Work, name: str, cron: str, steps: list[Step]) -> None:
    @app.periodic(cron=cron)
    @app.task(name=name, queue=_CHORES, lock=name, queueing_lock=name)
    async def chore(timestamp: int) -> None:  # noqa: ARG001 - procrastinate names it
        for step in steps:
            await _said(work, name, step)


async def _said(work: Work, name: str, step: Step) -> None:
    """Take a step; a fault of the moment is said, and the next job tries again."""
    try:
        await step()
    except (*PASSING, ConnectorException) as error:
        if not _is_known(work, error):
            log.error("job failed", work=name, reason=one_line(error))


def _is_known(work: Work, error: Exception) -> bool:
    return work.is_known(error) or (isinstance(error, ConnectorException) and work.dispatcher.contact.is_lost)


async def _end_jobs_of_the_silent(work: Work, jobs: LastingJobs) -> None:
    """End the jobs of workers whose heartbeat is missing, unless nobody could be heard, or we could not hear them."""
    lease, brake = work.settings.engine.lease, work.dispatcher.brake
    is_deaf = brake.is_silent or time.monotonic() - brake.hears_since < lease.total_seconds()
    if is_deaf or await jobs.database_started_within(lease):
        return
    for job in await jobs.get_stalled_jobs(seconds_since_heartbeat=lease.total_seconds()):
        with suppress(ConnectorException):  # it has just ended by itself
            await jobs.finish_job(job, Status.FAILED, delete_job=True)
            log.warning("worker is silent, its job goes to another", job=job.lock or job.task_name)
    await jobs.forget_silent(lease)


async def _sweep(work: Work, shards: procrastinate.App, jobs: LastingJobs) -> None:
    """End the jobs of workers that are silent, give every shard that is due and has no job one, finish what is over."""
    await _end_jobs_of_the_silent(work, jobs)
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
            await shards.configure_task("shard", lock=name, queueing_lock=name).defer_async(
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
