"""Applies reports in a child that is killed before each of its steps in turn: run as `python -m`, for its test."""

import asyncio
import os
import shutil
import signal
import sys
from datetime import timedelta
from pathlib import Path

from sqlalchemy import event as events
from sqlalchemy import select

from newsletter import database as databases
from newsletter import feedback
from newsletter.engine import parts
from newsletter.tables import inbox
from tests.conftest import make_settings
from tests.newsletter import test_feedback_orders as orders
from webhooks.events import BounceClass, Kind

template, folder = map(Path, sys.argv[1:])
settings = make_settings("sqlite:///unused.sqlite3")
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
FILE = folder / "newsletter.sqlite3"
database = databases.connect(f"sqlite:///{FILE}")


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
    for file in folder.glob("newsletter.sqlite3*"):
        file.unlink()
    shutil.copy(template, FILE)


def main() -> None:
    """Be killed at each step there is, begin again each time, and print how many steps there were."""
    step, found = 0, list[orders.State]()
    died = True
    while died:
        fresh()
        died = is_killed(step)
        found.append(asyncio.run(begin_again()))
        step += died
    assert all(one == found[-1] for one in found)
    assert {("hash-1", "hard-bounce"), ("hash-2", "complaint")} <= set(found[-1])
    print(step)  # noqa: T201


if __name__ == "__main__":
    main()
