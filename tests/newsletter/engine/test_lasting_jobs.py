"""Chores in the queue that many workers share."""

import asyncio
import time
from datetime import timedelta

import procrastinate
import pytest
from procrastinate.jobs import Job

from newsletter import queue_schema
from newsletter.engine.lasting_jobs import LastingJobs


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_chore_that_waits_already_is_not_put_into_the_queue_again_nor_refused_by_the_database(
    migrated_url: str,
) -> None:
    async def use_schema(connection: object) -> None:
        await connection.set_autocommit(True)  # type: ignore[attr-defined]
        await connection.execute(f"SET search_path TO {queue_schema.NAME}")  # type: ignore[attr-defined]

    connector = procrastinate.PsycopgConnector(conninfo=migrated_url, configure=use_schema, min_size=1, max_size=2)
    jobs = LastingJobs(connector, asyncio.Event(), timedelta(seconds=1))
    async with procrastinate.App(connector=connector).open_async():
        now = int(time.time())
        made = [await jobs.defer_periodic_job(_chore(second), "", second) for second in (now, now, now + 1)]
        missed = await jobs.defer_periodic_job(_chore(now - 100), "", now - 100)
    assert made[0] is not None
    assert made[1:] == [None, None], "where the library asks, the database refuses the third"
    assert missed is None


def _chore(timestamp: int) -> Job:
    return Job(
        id=None,
        queue="chores",
        lock="plan",
        queueing_lock="plan",
        task_name="plan",
        task_kwargs={"timestamp": timestamp},
    )
