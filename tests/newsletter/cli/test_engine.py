"""`newsletter engine status`: what an operator reads of it at 80 columns."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from newsletter import database as databases
from newsletter.clock import wall_clock
from newsletter.tables import worker

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

WIDTH = 80
Told = Callable[..., None]


@pytest.fixture
def told(migrated_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Have a process say this of itself, in the database of the settings that a command reads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "newsletter.toml").write_text(
        f"""
        database = "{migrated_url}"
        public_url = "https://news.example.org"
        [secrets]
        signing_keys = ["{"k" * 40}"]
        hash_key = "{"h" * 40}"
        """
    )

    async def say(pulse: dict[str, Any]) -> None:
        database = databases.connect(migrated_url)
        now = wall_clock()
        said = {"settled": {}, "campaigns": {}, "domains": {}, "relays": [], **pulse}
        async with database.begin() as connection:
            row = {"name": "host-1:4711", "engine": "embedded", "started_at": now, "seen_at": now, "pulse": said}
            await connection.execute(insert(worker).values(**row))
        await database.close()

    return lambda **pulse: asyncio.run(say(pulse))


def test_it_says_since_when_no_relay_has_taken_mail(newsletter: Any, told: Told) -> None:
    since = wall_clock() - timedelta(hours=2)
    outage = {
        "relays": ["smtp", "backup"],
        "since": since.isoformat(),
        "reason": "smtp 192.0.2.1:25: Connection refused",
    }
    told(outages=[outage])
    shown = newsletter("engine", "status").out
    words = " ".join(shown.split())
    assert f"No mail has been taken by smtp, backup since {since:%Y-%m-%d %H:%M} UTC, for 7,20" in words
    assert " s: smtp 192.0.2.1:25: Connection refused" in words
    assert max(map(len, shown.splitlines())) <= WIDTH
