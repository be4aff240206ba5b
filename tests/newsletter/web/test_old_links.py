"""Links in mails of the first version, opened by this one: after every migration since, and a rotation of the keys."""

from datetime import UTC, datetime
from pathlib import Path

import httpx2
import pytest
from alembic.config import Config
from sqlalchemy import create_engine, text

from alembic import command
from newsletter import assets
from newsletter import database as databases
from newsletter.web.app import create_app
from tests.conftest import make_settings

FIRST = "0001"
# Made on 2026-11-24 by version 0.1.0 for subscriber 4711, with the key "k" * 40. They stand in mailboxes.
CONFIRM = "AAAAAAAAEmcAAAAMAAAAAGABg8A.GTeYuHBTFrQ2HycYyrtAGTNSgis3aBOaMBXC2PuRK0Q"
PREFERENCES = "AAAAAAAAEmcAAAAMAAAAAGABg8A.SusozDSdMIHlTnLhHTyReXqj67uo3UQ2iRAQNnlPMZw"
UNSUBSCRIBE = "AAAAAAAAEmcAAAAMAAAAAGABg8A.MY235-66TdcHCVstKMnWJdQB-QJgHB48ULEUCHspEUs"
MADE = datetime(2021, 1, 15, 12, 0, tzinfo=UTC)
PERSON = """
    INSERT INTO subscriber (id, address, normal, hash, status, joined_at)
    VALUES (4711, 'ana@example.org', 'ana@example.org', 'aa', 'pending', '2021-01-15 11:00:00.000000+00:00')
"""


@pytest.fixture
async def upgraded(database_url: str) -> str:
    """A database that the first version made, with somebody in it who was sent those mails, as this version has it."""
    driver = database_url.replace("postgresql://", "postgresql+psycopg://")
    engine = create_engine(driver)
    config = Config()
    config.set_main_option("script_location", str(Path(assets.MIGRATIONS)))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, FIRST)
        connection.execute(text(PERSON))
    engine.dispose()
    await databases.upgrade(database_url)
    return database_url


async def test_every_link_of_the_first_version_still_does_what_it_did(upgraded: str) -> None:
    settings = make_settings(upgraded, secrets={"signing_keys": ["n" * 40, "o" * 40, "k" * 40], "hash_key": "h" * 40})
    database = databases.connect(upgraded)
    app = create_app(settings, database=database, clock=lambda: MADE, run_engine=False)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://news.example.org") as client:
        assert (await client.get(f"/confirm/{CONFIRM}")).status_code == 200
        assert (await client.post(f"/confirm/{CONFIRM}")).status_code == 303
        assert "ana@example.org" in (await client.get(f"/preferences/{PREFERENCES}")).text
        saved = await client.post(f"/preferences/{PREFERENCES}", data={"part": "pause", "length": "month"})
        assert saved.status_code == 303
        assert (await client.get(f"/unsubscribe/{UNSUBSCRIBE}")).status_code == 200
        left = await client.post(f"/one-click/{UNSUBSCRIBE}", data={"List-Unsubscribe": "One-Click"})
        assert (left.status_code, left.text) == (200, "")
    async with database.read() as connection:
        statuses = list(await connection.scalars(text("SELECT status FROM subscriber")))
    await database.close()
    assert statuses == ["left"]
