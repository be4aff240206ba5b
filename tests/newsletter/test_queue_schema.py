"""The tables of the queue come forward from those of older versions, with the jobs that wait in them."""

from importlib.resources import files
from typing import Any

import procrastinate
import psycopg
import pytest

from newsletter import database as databases

pytestmark = pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)

_SHAPE = """
SELECT table_name || '.' || column_name || ' ' || data_type || ' ' || is_nullable
FROM information_schema.columns WHERE table_schema = 'procrastinate'
UNION
SELECT proname || '(' || pg_get_function_identity_arguments(oid) || ') ' || prosrc
FROM pg_proc WHERE pronamespace = 'procrastinate'::regnamespace
UNION
SELECT regexp_replace(indexdef, ' INDEX \\S+ ', ' INDEX ') FROM pg_indexes WHERE schemaname = 'procrastinate'
"""


def shape(connection: psycopg.Connection[Any]) -> set[str]:
    """The columns, functions and indexes that there are."""
    return {" ".join(str(row[0]).split()) for row in connection.execute(_SHAPE)}


def install(connection: psycopg.Connection[Any], before: str) -> list[str]:
    """Make the tables anew as they were before a version; answers the scripts that made them."""
    scripts = sorted(one.name for one in _scripts().iterdir() if one.name.endswith(".sql") and one.name < before)
    connection.execute("DROP SCHEMA procrastinate CASCADE")
    connection.execute("CREATE SCHEMA procrastinate")
    connection.execute("CREATE TABLE procrastinate.script (name text PRIMARY KEY)")
    for name in scripts:
        connection.execute((_scripts() / name).read_bytes())
        connection.execute("INSERT INTO procrastinate.script VALUES (%s)", [name])
    return scripts


def _scripts() -> Any:
    return files("procrastinate.sql") / "migrations"


@pytest.mark.parametrize("before", ["02.00", "03.01", "03.04"])
async def test_an_older_queue_is_upgraded_to_what_a_new_one_is_and_its_jobs_are_done(
    migrated_url: str, before: str
) -> None:
    with psycopg.connect(migrated_url, autocommit=True) as connection:
        connection.execute("SET search_path TO procrastinate")
        new = shape(connection)
        assert install(connection, before)
        assert shape(connection) != new
        connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args)"
            " VALUES ('shards', 'shard', 'shard 1/2', 'shard 1/2', '{\"campaign_id\": 1, \"number\": 2}')"
        )
        with pytest.raises(databases.DatabaseError, match="missing or old; run `newsletter db upgrade`"):
            await databases.require_queue(migrated_url)
        await databases.upgrade(migrated_url)
        await databases.require_queue(migrated_url)
        assert shape(connection) == new
    assert await done_jobs(migrated_url) == [(1, 2)]


async def done_jobs(url: str) -> list[tuple[int, int]]:
    """What a worker of today does of the queue."""
    done: list[tuple[int, int]] = []

    async def at_its_schema(connection: psycopg.AsyncConnection[Any]) -> None:
        await connection.set_autocommit(True)
        await connection.execute("SET search_path TO procrastinate")

    app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=url, configure=at_its_schema))

    @app.task(name="shard", queue="shards")
    async def shard(campaign_id: int, number: int) -> None:
        done.append((campaign_id, number))

    async with app.open_async():
        await app.run_worker_async(queues=["shards"], wait=False, install_signal_handlers=False)
    return done
