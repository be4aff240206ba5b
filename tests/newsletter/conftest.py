"""A constellation in the database, and an engine over a scripted relay."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from newsletter import assets
from newsletter.constellation import file
from newsletter.constellation.model import Constellation


@pytest.fixture(scope="session")
def constellation() -> Constellation:
    """The sample that `newsletter init` writes."""
    return file.read(Path(assets.TEMPLATES / "init" / "constellation.toml"))


class HandClock:
    """A clock that moves when a test says so."""

    def __init__(self, now: datetime) -> None:
        self.now = now

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **by: float) -> datetime:
        self.now += timedelta(**by)
        return self.now


@pytest.fixture
def clock() -> HandClock:
    """Mid-January 2021, some weeks before the opening."""
    return HandClock(datetime(2021, 1, 15, 12, 0, tzinfo=UTC))
