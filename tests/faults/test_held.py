"""Both engines as processes: what fails its check is held, staff hear of it once, and only staff let it go as it is."""

import asyncio
import email
import email.policy
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from newsletter import assets
from newsletter import database as databases
from newsletter.campaigns import lifecycle, store
from newsletter.clock import wall_clock
from newsletter.tables import audit

ENGINES = [
    pytest.param("sqlite", ("serve", "--port", "0"), "embedded", id="embedded"),
    pytest.param("postgresql", ("worker",), "procrastinate", id="procrastinate"),
]
pytestmark = [
    pytest.mark.faults,
    pytest.mark.parametrize(("database_url", "engine", "kind"), ENGINES, indirect=["database_url"]),
]
PATIENCE = 60


def subjects(server: Any) -> list[str]:
    return [str(email.message_from_bytes(one.data, policy=email.policy.default)["Subject"]) for one in server.received]


async def test_what_is_held_is_shown_everywhere_told_once_and_sent_for_a_reason(
    smtp_server: Any,
    prepare: Any,
    spawn: Any,
    tripwire: Any,
    migrated_url: str,
    engine: tuple[str, ...],
    kind: str,
    tmp_path: Path,
) -> None:
    async def run(*arguments: str) -> str:
        said, _ = await asyncio.wait_for((await spawn(*arguments)).communicate(), PATIENCE)
        return said.decode()

    async with smtp_server(answers=tripwire) as server:
        slug = await prepare(server.port, 3, more=f'[engine]\nkind = "{kind}"')
        own = tmp_path / "own" / "mail" / "thanks"
        own.mkdir(parents=True)
        settings = tmp_path / "newsletter.toml"
        settings.write_text(f'templates = "{tmp_path}/own"\n{settings.read_text()}')
        assert "will start at" in await run("campaign", "send", slug, "--at", "2121-01-01T09:00", "--yes")
        body = (assets.TEMPLATES / "mail" / "thanks" / "body.mjml").read_text(encoding="utf-8")
        bad = '{% block body %}<mj-image src="https://example.org/a.png" />'
        (own / "body.mjml").write_text(body.replace("{% block body %}", bad), encoding="utf-8")
        database = databases.connect(migrated_url)
        try:
            await _bring_forward(database, slug)
            tripwire.arm(1)
            running = await spawn(*engine)
            await asyncio.wait_for(tripwire.reached.wait(), PATIENCE)
            assert "held: alt-text" in await run("campaign", "list")
            assert subjects(server) == [f"Not sent: {slug} (alt-text)"]
            shown = await run("campaign", "show", slug)
            assert "the picture https://example.org/a.png has no words" in " ".join(shown.split())
            held = json.loads(await run("campaign", "show", slug, "--json"))["held"]
            assert [fault["rule"] for fault in held["faults"]] == ["alt-text"]
            assert "Nothing was sent" in await run("campaign", "send", slug, "--yes")
            said = await run("campaign", "send", slug, "--yes", "--force", "The picture says nothing.")
            assert f"{slug} is finished: 3 sent." in said
            assert subjects(server).count(f"Not sent: {slug} (alt-text)") == 1
            assert "held" not in await run("campaign", "list")
            running.terminate()
            await asyncio.wait_for(running.communicate(), PATIENCE)
            async with database.read() as connection:
                kept = await connection.scalar(select(audit.c.detail).where(audit.c.action == "campaign.started"))
        finally:
            await database.close()
    assert kept["forced"] == "The picture says nothing."
    assert kept["errors"] == ["alt-text"]


async def _bring_forward(database: databases.Database, slug: str) -> None:
    """As if the moment that staff chose had come."""
    async with database.begin() as connection:
        await lifecycle.schedule(connection, await store.find(connection, slug), wall_clock() - timedelta(seconds=1))
