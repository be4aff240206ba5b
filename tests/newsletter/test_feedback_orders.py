"""Reports come late, twice, in any order and batches, and the process dies at any step: what follows is the same."""

import asyncio
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis
from hypothesis import strategies as st
from sqlalchemy import insert, select, update

from newsletter import database as databases
from newsletter import feedback
from newsletter.engine import parts
from newsletter.settings import Settings
from newsletter.tables import campaign, delivery
from subscribers.links import DeliveryRef, Links
from subscribers.tables import bounce_score, subscriber, suppression
from tests.conftest import make_settings
from webhooks.events import BounceClass, Event, Kind

JOINED = datetime(2021, 1, 1, 12, tzinfo=UTC)
PEOPLE = 3
State = list[tuple[Any, ...]]


async def fill(database: databases.Database) -> None:
    """Three people who were sent campaign 1, the last of them before their opt-in."""
    async with database.begin() as connection:
        people = [
            {
                "id": number,
                "address": f"p{number}@example.org",
                "normal": f"p{number}@example.org",
                "hash": f"hash-{number}",
                "status": "active",
                "joined_at": JOINED,
                "confirmed_at": JOINED,
            }
            for number in range(1, PEOPLE + 1)
        ]
        await connection.execute(insert(subscriber), people)
        await connection.execute(insert(campaign).values(id=1, slug="a/b", kind="invitation", created_at=JOINED))
        sent = {"campaign_id": 1, "state": "sent", "attempts": 1, "at": JOINED}
        await connection.execute(insert(delivery), [sent | {"subscriber_id": one["id"]} for one in people])
        before = update(delivery).where(delivery.c.subscriber_id == PEOPLE).values(at=JOINED - timedelta(days=3))
        await connection.execute(before)


async def state(database: databases.Database) -> State:
    """All that reports decide: who is suppressed and why, who has left, which days count, what each mail led to."""
    async with database.read() as connection:
        people = await connection.execute(select(subscriber.c.id, subscriber.c.status).order_by(subscriber.c.id))
        stopped = await connection.execute(
            select(suppression.c.hash, suppression.c.reason).order_by(suppression.c.hash)
        )
        days = await connection.execute(
            select(bounce_score.c.subscriber_id, bounce_score.c.day).order_by(*bounce_score.primary_key)
        )
        heard = await connection.execute(
            select(delivery.c.subscriber_id, delivery.c.feedback).order_by(delivery.c.subscriber_id)
        )
        return [tuple(row) for rows in (people, stopped, days, heard) for row in rows]


def event(links: Links, number: int, person: int, kind: Kind, bounce: BounceClass | None, day: int) -> Event:
    token = links.delivery_token(DeliveryRef("campaign", 1, person))
    at = JOINED + timedelta(days=day)
    return Event("test", str(number), kind, f"p{person}@example.org", at, token, bounce)


async def played(template: Path, at: Path, settings: Settings, batches: Sequence[Sequence[Event]]) -> State:
    """The state after these reports, batch by batch, each stored and then applied."""
    file = at / "newsletter.sqlite3"
    shutil.copy(template, file)
    database = databases.connect(f"sqlite:///{file}")
    applier = feedback.Applier(parts.links(settings), settings.bounces)
    now = JOINED + timedelta(days=90)
    try:
        await fill(database)
        for batch in batches:
            async with database.begin() as connection:
                await feedback.store(connection, batch, now)
                await applier.apply_due(connection, now)
        return await state(database)
    finally:
        await database.close()


BOUNCES = st.one_of(
    st.tuples(st.just(Kind.BOUNCED), st.sampled_from([BounceClass.SOFT, BounceClass.SOFT, BounceClass.BLOCK])),
    st.sampled_from([(Kind.COMPLAINED, None), (Kind.UNSUBSCRIBED, None), (Kind.BOUNCED, BounceClass.HARD)]),
)
DELIVERED = st.just((Kind.DELIVERED, None))


def reports(what: st.SearchStrategy[Any], most: int) -> st.SearchStrategy[list[tuple[int, tuple[Any, Any], int]]]:
    """Person, what happened, and on which day; some are older than the opt-in, or than the mail, by a wrong clock."""
    return st.lists(st.tuples(st.integers(1, PEOPLE), what, st.integers(-2, 40)), min_size=1, max_size=most)


@hypothesis(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    # With deliveries, too few bounces to suppress: one that was suppressed and then reached stays as it is, of course.
    told=st.one_of(reports(BOUNCES, 14), reports(st.one_of(BOUNCES, DELIVERED), 4)),
    data=st.data(),
)
def test_reports_reordered_repeated_and_in_other_batches_change_nothing(
    sqlite_template: Path, tmp_path: Path, told: list[tuple[int, tuple[Any, Any], int]], data: st.DataObject
) -> None:
    settings = make_settings("sqlite:///unused.sqlite3")
    links = parts.links(settings)
    events = [event(links, number, who, kind, bounce, day) for number, (who, (kind, bounce), day) in enumerate(told)]
    in_time = sorted(events, key=lambda one: one.at)
    expected = asyncio.run(played(sqlite_template, tmp_path, settings, [[one] for one in in_time]))
    repeated = data.draw(st.permutations(events + events[: data.draw(st.integers(0, len(events)))]))
    size = data.draw(st.integers(1, len(repeated)))
    batches = [repeated[start : start + size] for start in range(0, len(repeated), size)]
    assert asyncio.run(played(sqlite_template, tmp_path, settings, batches)) == expected


@pytest.mark.faults
@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_a_process_killed_between_any_two_steps_of_applying_loses_nothing_and_does_nothing_twice(
    engine: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    if engine == "sqlite":
        begin, url = str(request.getfixturevalue("sqlite_template")), f"sqlite:///{tmp_path}/newsletter.sqlite3"
    else:
        begin = request.getfixturevalue("postgres_template")
        url = request.getfixturevalue("postgres").replace("/postgres?", f"/killed_{uuid4().hex}?")
    done = subprocess.run(
        [sys.executable, "-m", "tests.newsletter.killed_while_applying", begin, url],
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout.split()[-1]) > 10, "it was killed at each of many steps"
