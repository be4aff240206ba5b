"""The queue as a worker sees it: it outlasts a database that is away, and asks for nothing that would be refused.

The library's worker ends when its database does not answer, and then waits for the jobs that it has – for hours, where
a relay is slow or a mailbox is watched – without another heartbeat: it lives, and is taken for dead. So here nothing
that it asks of the queue fails for that, and its heartbeat is told by whoever also holds the brake
(newsletter.engine.presence), so that both always mean the same.
"""

import asyncio
import time
from collections.abc import Iterable
from datetime import timedelta

import psycopg
from procrastinate.connector import BaseAsyncConnector
from procrastinate.exceptions import ConnectorException
from procrastinate.jobs import Job, Status
from procrastinate.manager import JobManager, NotificationCallback
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

_AGAIN_SECONDS = 1.0
_MISSED_SECONDS = 60
"""A chore whose moment is so long past is done by the job of a later one: after an outage there would be thousands."""

_WAITS = """
SELECT EXISTS (
  SELECT FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = %(queueing_lock)s
) AS is_so
"""

_BEAT = text("""
INSERT INTO procrastinate.procrastinate_workers (id, last_heartbeat) OVERRIDING SYSTEM VALUE
SELECT one, now() FROM unnest(CAST(:workers AS bigint[])) one ORDER BY one
ON CONFLICT (id) DO UPDATE SET last_heartbeat = excluded.last_heartbeat
""")
"""One that was taken for dead, and is not, is put down anew: it could take no job otherwise."""

_STARTED_LATELY = "SELECT now() - pg_postmaster_start_time() < CAST(%(lease)s AS interval) AS is_so"


def _is_away(error: ConnectorException) -> bool:
    """Whether the database does not answer, is full, or may only be read, or has forgotten this worker for now."""
    known = (psycopg.OperationalError, psycopg.InterfaceError, psycopg.InternalError)
    return isinstance(error.__cause__, (*known, psycopg.errors.ForeignKeyViolation))


class LastingJobs(JobManager):
    """The library's own, as a worker wants it."""

    def __init__(self, connector: BaseAsyncConnector, stop: asyncio.Event, patience: timedelta) -> None:
        """Once `stop` is set, a database that is away is waited for no longer than `patience`."""
        super().__init__(connector)
        self._stop = stop
        self._patience = patience
        self._workers: set[int] = set()

    async def register_worker(self) -> int:
        """Put a worker of this process down."""
        number = await super().register_worker()
        self._workers.add(number)
        return number

    async def unregister_worker(self, worker_id: int) -> None:
        """Take it away."""
        self._workers.discard(worker_id)
        await super().unregister_worker(worker_id)

    async def beat(self, connection: AsyncConnection) -> None:
        """Say that this process lives."""
        if self._workers:
            await connection.execute(_BEAT, {"workers": sorted(self._workers)})

    async def update_heartbeat(self, worker_id: int) -> None:
        """Leave that to `beat`."""

    async def prune_stalled_workers(self, seconds_since_heartbeat: float) -> list[int]:
        """Leave that to `forget_silent`: whoever has just come cannot know who is dead."""
        return []

    async def database_started_within(self, lease: timedelta) -> bool:
        """Whether the database has been up for less than that, so that nobody can have been heard for so long."""
        row = await self.connector.execute_query_one_async(_STARTED_LATELY, lease=lease)
        return bool(row["is_so"])

    async def forget_silent(self, lease: timedelta) -> None:
        """Take away the workers whose heartbeat has been missing for that long."""
        await super().prune_stalled_workers(lease.total_seconds())

    async def defer_periodic_job(self, job: Job, periodic_id: str, defer_timestamp: int) -> int | None:
        """Put a job into the queue, and answer its number; None where one waits, or another worker was first.

        procrastinate has PostgreSQL refuse a second one, and PostgreSQL writes each refusal into its own log: of every
        chore, each second, by every worker, for as long as a chore takes longer than that. Two who look at the same
        moment still are.
        """
        if time.time() - defer_timestamp > _MISSED_SECONDS:
            return None
        try:
            waiting = await self.connector.execute_query_one_async(_WAITS, queueing_lock=job.queueing_lock)
            return None if waiting["is_so"] else await super().defer_periodic_job(job, periodic_id, defer_timestamp)
        except ConnectorException as error:
            if not _is_away(error):
                raise
            return None  # the next moment has its own

    async def fetch_job(self, queues: Iterable[str] | None, worker_id: int) -> Job | None:
        """Take a job; None where there is none, or nobody to ask."""
        try:
            return await super().fetch_job(queues, worker_id)
        except ConnectorException as error:
            if not _is_away(error):
                raise
            return None

    async def finish_job(self, job: Job, status: Status, delete_job: bool) -> None:
        """End a job; again and again while the database is away, or nobody could have it while this worker lives."""
        began = time.monotonic()
        while True:
            try:
                return await super().finish_job(job, status, delete_job)
            except ConnectorException as error:
                is_late = time.monotonic() - began > self._patience.total_seconds()
                if not _is_away(error) or (self._stop.is_set() and is_late):
                    raise
            await asyncio.sleep(_AGAIN_SECONDS)

    async def listen_for_jobs(
        self, *, on_notification: NotificationCallback, queues: Iterable[str] | None = None
    ) -> None:
        """Listen for new jobs until cancelled. They are looked for each second too."""
        while True:
            try:
                return await super().listen_for_jobs(on_notification=on_notification, queues=queues)
            except ConnectorException as error:
                if not _is_away(error):
                    raise
            await asyncio.sleep(_AGAIN_SECONDS)

    async def list_jobs_to_abort_async(self, queue: str | None = None) -> Iterable[int]:
        """Answer with none: a pause is told by the ledger."""
        return []
