"""The engine beside the pages, of several processes: one runs it, and another only when that has ended."""

import asyncio
from collections.abc import Callable

import pytest
from sqlalchemy import text

from newsletter import engine_lock
from newsletter.clock import wall_clock
from newsletter.database import Database
from newsletter.engine import beside, embedded
from newsletter.settings import Settings

CUT = text("SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND objid = :n")


async def until(is_so: Callable[[], bool]) -> None:
    """Wait for something that will be so, on however slow a machine."""
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - it tells nobody
            await asyncio.sleep(0.02)


async def test_who_was_second_runs_it_once_the_first_has_ended(database: Database, settings: Settings) -> None:
    async with beside.kept(settings, database, wall_clock) as first:
        assert first.word == "running"
        async with beside.kept(settings, database, wall_clock) as second:
            assert second.word == "elsewhere"
            await first.leave()
            await until(lambda: second.word == "running")


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_a_connection_that_is_cut_gives_the_engine_to_nobody_else(database: Database, settings: Settings) -> None:
    async with embedded.opened(settings, database) as engine:
        running = asyncio.create_task(engine.run())
        async with beside.kept(settings, database, wall_clock) as second:
            for _ in range(8):
                async with database.begin() as connection:
                    await connection.execute(CUT, {"n": engine_lock._LOCK_NUMBER})
                async with asyncio.timeout(60):
                    while not await engine_lock.is_held(database):  # noqa: ASYNC110 - it tells nobody
                        await asyncio.sleep(0.02)
            assert second.word == "elsewhere"
        assert not running.done()
        engine.stop.set()
        await running
