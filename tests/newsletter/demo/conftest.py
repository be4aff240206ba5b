"""One short season, really played once, for every test that looks at what a season leaves behind."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from uvicorn.loops.auto import auto_loop_factory

from newsletter.demo import folder as folders
from newsletter.demo import performance, stage
from newsletter.demo.folder import Folder
from newsletter.demo.performance import Result
from subscribers.importing import Report

PEOPLE = 250


class Nobody:
    """Watches, and says nothing."""

    def importing(self, done: int, total: int) -> None: ...

    def playing(self, now: datetime, mails: int) -> None: ...

    def checking(self, done: int, total: int) -> None: ...


@dataclass(frozen=True)
class Played:
    """What the season left behind."""

    folder: Folder
    imported: Report
    result: Result


async def _play(folder: Folder) -> Played:
    async with stage.opened(folder, seed=1) as opened:
        imported = await performance.bring_in(opened, PEOPLE, Nobody())
        await performance.play(opened, Nobody())
        return Played(folder, imported, await performance.close(opened, Nobody(), began=0.0))


@pytest.fixture(scope="session")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """A season of some hundred people, played to its end."""
    folder = folders.prepare(tmp_path_factory.mktemp("season") / "demo", people=PEOPLE)
    with asyncio.Runner(loop_factory=auto_loop_factory(use_subprocess=False)) as runner:
        yield runner.run(_play(folder))


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder for a stage of the test's own."""
    return folders.prepare(tmp_path / "demo")
