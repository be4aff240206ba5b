"""Applies reports in a child that is killed before each of its steps in turn: run as `python -m`, for its test."""

import asyncio
import os
import shutil
import signal
import sys
from datetime import timedelta
from pathlib import Path

import psycopg
from sqlalchemy import event as events
from sqlalchemy import make_url, select

from newsletter import database as databases
from newsletter import feedback
from newsletter.engine import parts
from newsletter.tables import inbox
from tests.conftest import make_settings
from tests.newsletter import test_feedback_orders as orders
from webhooks.events import BounceClass, Kind

TEMPLATE, URL = sys.argv[1:]
"""The migrated database to begin from each time – a file, or a name – and where its copy is to be."""

settings = make_settings(URL)
links = parts.links(settings)
applier = feedback.Applier(links, settings.bounces)
now = orders.JOINED + timedelta(days=90)
TOLD = [
    (1, Kind.BOUNCED, BounceClass.HARD, 3),
    (2, Kind.COMPLAINED, None, 4),
    (3, Kind.BOUNCED, BounceClass.SOFT, 5),
    (3, Kind.DELIVERED, None, 2),
    (1, Kind.UNSUBSCRIBED, None, 9),
]


# One for all processes: it opens nothing before its first use, and knows its statements from the first round on.
database = databases.connect(URL)


async def die_at(step: int) -> None:
    """Store the reports, begin to apply them, and kill this process before a statement, or the commit."""
    await orders.fill(database)
    told = [orders.event(links, n, *one) for n, one in enumerate(TOLD)]
    async with database.begin() as connection:
        await feedback.store(connection, told, now)
    count = 0

    def step_taken(*_: object) -> None:
        nonlocal count
        if count == step:
            os.kill(os.getpid(), signal.SIGKILL)
        count += 1

    async with database.begin() as connection:
        events.listen(connection.sync_connection, "before_cursor_execute", step_taken)
        events.listen(connection.sync_connection, "commit", step_taken)
        await applier.apply_due(connection, now)


async def begin_again() -> orders.State:
    """What the next process finds, and what it makes of it."""
    async with database.read() as connection:
        applied = list(await connection.scalars(select(inbox.c.applied_at)))
    assert len(applied) == len(TOLD), "what was stored is there"
    assert len({at is None for at in applied}) == 1, "all of a batch is applied, or nothing of it"
    async with database.begin() as connection:
        await applier.apply_due(connection, now)
    found = await orders.state(database)
    await database.close()
    return found


def is_killed(step: int) -> bool:
    """Whether a child that is to die at that step had so many."""
    child = os.fork()
    if child == 0:
        try:
            asyncio.run(die_at(step))
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.WIFSIGNALED(status)


def fresh() -> None:
    """A database in which nothing has happened yet."""
    url = make_url(URL)
    assert url.database is not None
    if url.get_backend_name() == "sqlite":
        file = Path(url.database)
        for old in file.parent.glob(f"{file.name}*"):
            old.unlink()
        shutil.copy(TEMPLATE, file)
        return
    with psycopg.connect(_server(), autocommit=True) as connection:
        connection.execute(f'DROP DATABASE IF EXISTS "{url.database}" WITH (FORCE)'.encode())
        connection.execute(f'CREATE DATABASE "{url.database}" TEMPLATE "{TEMPLATE}" STRATEGY FILE_COPY'.encode())


def bury() -> None:
    """Wait until PostgreSQL, too, has noticed that the child is dead; until then it keeps its locks."""
    url = make_url(URL)
    if url.get_backend_name() == "sqlite":
        return
    with psycopg.connect(_server(), autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid, 30000) FROM pg_stat_activity WHERE datname = %s", [url.database]
        )


def _server() -> str:
    return make_url(URL).set(database="postgres").render_as_string(hide_password=False)


def main() -> None:
    """Be killed at each step there is, begin again each time, and print how many steps there were."""
    step, found = 0, list[orders.State]()
    died = True
    while died:
        fresh()
        died = is_killed(step)
        bury()
        found.append(asyncio.run(begin_again()))
        step += died
    assert all(one == found[-1] for one in found)
    assert {("hash-1", "hard-bounce"), ("hash-2", "complaint")} <= set(found[-1])
    print(step)  # noqa: T201


if __name__ == "__main__":
    main()
