"""Link scanners, previews and prefetching follow every link there is; following changes nothing."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import select
from starlette.routing import Route

from newsletter.database import Database
from newsletter.web.app import create_app
from subscribers.links import Purpose
from subscribers.tables import metadata

_ROBOT = {"User-Agent": "Mozilla/5.0 (compatible; LinkPreview/1.0)", "Purpose": "prefetch", "Sec-Purpose": "prefetch"}


async def everything(database: Database) -> dict[str, list[str]]:
    """Every row of every table."""
    async with database.read() as connection:
        return {
            table.name: sorted(str(tuple(row)) for row in await connection.execute(select(table)))
            for table in metadata.sorted_tables
        }


def followed(paths: list[str], tokens: list[str]) -> Iterator[str]:
    """The paths as somebody with all these links would follow them."""
    for path in paths:
        if "{token}" in path:
            yield from (path.replace("{token}", token) for token in tokens)
        else:
            yield path.replace("{provider}", "generic")


@pytest.fixture
def paths(settings, database, clock) -> list[str]:
    """Every path of the application that is followed by GET or HEAD; a new one is here by itself."""
    routes = create_app(settings, database=database, clock=clock, run_engine=False).routes
    return [one.path for one in routes if isinstance(one, Route) and {"GET", "HEAD"} & (one.methods or set())]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
async def test_following_any_link_changes_nothing(client, desk, member, pending, clock, paths, method: str) -> None:
    waiting = await pending("pending@example.org")
    active = await member("ana@example.org")
    gone = await member("gone@example.org")
    await client.post(f"/one-click/{gone.unsubscribe}", data={"List-Unsubscribe": "One-Click"})
    tokens = [desk.link(purpose, one.id) for purpose in Purpose for one in (waiting, active, gone)]
    before = await everything(desk.database)
    assert {"subscriber", "consent", "choice", "transactional", "request_count"} <= {n for n in before if before[n]}
    found = set()
    for path in followed(paths, tokens):
        response = await client.request(method, path, headers=_ROBOT)
        assert response.status_code < 500, path
        if response.status_code == 200:
            found.add(path.split("/")[1])
    # The links were real ones, not merely refused.
    assert {"join", "confirm", "preferences", "unsubscribe", "one-click", "account"} <= found
    assert await everything(desk.database) == before


async def test_following_a_link_that_has_grown_old_changes_nothing(client, desk, pending, clock, paths) -> None:
    waiting = await pending("pending@example.org")
    tokens = [desk.link(purpose, waiting.id) for purpose in Purpose]
    clock.forward(timedelta(days=30))
    before = await everything(desk.database)
    for path in followed([path for path in paths if "{token}" in path], tokens):
        await client.get(path, headers=_ROBOT)
    assert await everything(desk.database) == before
