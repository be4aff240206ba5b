"""`campaign send` while the database is away."""

import asyncio
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from newsletter import database as databases
from newsletter.engine import sending
from tests.conftest import make_settings


class ThreeLooks(asyncio.Event):
    """Somebody who stops watching after that many."""

    looks = 0

    def is_set(self) -> bool:
        self.looks += 1
        return self.looks > 3

    async def wait(self) -> Any:
        """They do not wait."""


async def test_who_watches_is_told_once_that_the_database_is_away(tmp_path: Path) -> None:
    nowhere = f"postgresql://nobody@/none?host={tmp_path}"
    settings = make_settings(nowhere)
    database = databases.connect(nowhere)
    with capture_logs() as lines:
        await sending._watch(settings, database, "opening/invitation", ThreeLooks(), lambda _: None)
    await database.close()
    assert [line["event"] for line in lines] == ["database away, asked again"]
