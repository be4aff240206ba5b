"""Periodic jobs, put into the queue only where none of their kind waits there already.

procrastinate has PostgreSQL refuse a second one, and PostgreSQL writes each refusal into its own log: of every chore,
each second, by every worker, for as long as a chore takes longer than that. Two who look at the same moment still are.
"""

from procrastinate.jobs import Job
from procrastinate.manager import JobManager

_WAITS = """
SELECT EXISTS (
  SELECT FROM procrastinate_jobs WHERE status = 'todo' AND queueing_lock = %(queueing_lock)s
) AS is_so
"""


class PeriodicJobs(JobManager):
    """The library's own, which looks before it asks."""

    async def defer_periodic_job(self, job: Job, periodic_id: str, defer_timestamp: int) -> int | None:
        """Put a job into the queue, and answer its number; None where one waits, or another worker was first."""
        waiting = await self.connector.execute_query_one_async(_WAITS, queueing_lock=job.queueing_lock)
        return None if waiting["is_so"] else await super().defer_periodic_job(job, periodic_id, defer_timestamp)
