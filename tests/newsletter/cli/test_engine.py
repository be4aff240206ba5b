"""`newsletter engine status`: what an operator reads of it at 80 columns."""

import asyncio
import json
import shutil
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from newsletter import assets
from newsletter import database as databases
from newsletter.cli import stacked
from newsletter.clock import wall_clock
from newsletter.constellation import file
from newsletter.constellation import store as constellations
from newsletter.tables import campaign, delivery, shard, worker
from subscribers import suppression
from subscribers.tables import subscriber

WIDTH = 80
Told = Callable[..., None]


@pytest.fixture
def database_url(sqlite_template: Path, tmp_path: Path) -> str:
    """The command line is the same on both databases; what lies under it is tested on both elsewhere."""
    shutil.copy(sqlite_template, tmp_path / "newsletter.sqlite3")
    return f"sqlite:///{tmp_path}/newsletter.sqlite3"


@pytest.fixture
def told(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Have a process say this of itself, in the database of the settings that a command reads."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "newsletter.toml").write_text(
        f"""
        database = "{database_url}"
        public_url = "https://news.example.org"
        [secrets]
        signing_keys = ["{"k" * 40}"]
        hash_key = "{"h" * 40}"
        """
    )

    async def say(pulse: dict[str, Any]) -> None:
        database = databases.connect(database_url)
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
    assert "Connection refused" not in words, "that stands beside each relay"
    assert max(map(len, shown.splitlines())) <= WIDTH


def test_the_report_and_the_explanation_say_that_a_relay_has_had_its_share(
    newsletter: Any, told: Told, database_url: str
) -> None:
    share = "has had its share of the 50 mails of this day of its warm-up (UTC)"
    told(relays=[{"name": "smtp", "busy": 0, "trouble": "", "limit": share}])
    asyncio.run(send_to_ana(database_url, "opening/invitation"))
    for command in (("campaign", "report"), ("explain", "ana@example.org")):
        ended = newsletter(*command, "opening/invitation")
        assert f"The relay smtp {share}." in " ".join(ended.out.split()), ended.err
        (relay,) = json.loads(newsletter(*command, "opening/invitation", "--json").out)["limited_relays"]
        assert relay["limit"] == share


def test_it_says_since_when_returned_mail_is_held_up_and_why(newsletter: Any, told: Told) -> None:
    since = wall_clock() - timedelta(hours=2)
    why = "/var/mail/bounces: this is no Maildir that can be read: Permission denied"
    told(mailboxes=[{"name": "/var/mail/bounces", "since": since.isoformat(), "reason": why}])
    words = " ".join(newsletter("engine", "status").out.split())
    assert f"Returned mail is held up since {since:%Y-%m-%d %H:%M} UTC, for 7,20" in words
    assert f" s: {why}." in words


def test_a_row_that_is_too_wide_for_the_terminal_keeps_its_name_whole_on_a_line_of_its_own(
    capsys: pytest.CaptureFixture[str],
) -> None:
    columns = ["campaign", "people", "ready in"]
    stacked.show(columns, [("opening/thanks", "12", "")], numbers=["people"])
    assert " ".join(capsys.readouterr().out.split("─")[0].split()) == "campaign people ready in"
    name, until = "opening-of-the-summer-garden-2021/save-the-date", "goes on at 2021-01-15 12:00 UTC"
    stacked.show(columns, [(name, "1,000,000", until), ("closing/thanks", "7", "")], numbers=["people"])
    lines = [line.rstrip() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line.strip("─ ")] == [
        " campaign",
        "        people  ready in",
        f" {name}",
        f"     1,000,000  {until}",
        " closing/thanks",
        "             7",
    ]


def test_status_is_readable_at_80_columns_where_a_campaign_has_a_long_name(
    newsletter: Any, told: Told, database_url: str
) -> None:
    slug = "opening-of-the-summer-garden/save-the-date"
    told()
    asyncio.run(send_to_nobody(database_url, slug))
    lines = [line.rstrip() for line in newsletter("engine", "status").out.splitlines()]
    assert f" {slug}" in lines
    assert max(map(len, lines)) <= WIDTH


async def send_to_nobody(url: str, slug: str) -> None:
    database = databases.connect(url)
    now = wall_clock()
    row = {"slug": slug, "kind": "save-the-date", "status": "sending", "document": {}, "created_at": now}
    async with database.begin() as connection:
        await constellations.load(connection, file.read(assets.TEMPLATES / "init" / "constellation.toml"), now)
        await connection.execute(insert(campaign).values(**row, started_at=now))
    await database.close()


async def send_to_ana(url: str, slug: str) -> None:
    database = databases.connect(url)
    now = wall_clock()
    person = {"address": "ana@example.org", "normal": "ana@example.org", "status": "active"}
    person["hash"] = suppression.address_hash("ana@example.org", "h" * 40)
    async with database.begin() as connection:
        await constellations.load(connection, file.read(assets.TEMPLATES / "init" / "constellation.toml"), now)
        row = {"slug": slug, "kind": "invitation", "status": "sending", "document": {}, "created_at": now}
        made = await connection.scalar(insert(campaign).values(**row, started_at=now).returning(campaign.c.id))
        ana = await connection.scalar(
            insert(subscriber).values(**person, joined_at=now, confirmed_at=now).returning(subscriber.c.id)
        )
        await connection.execute(
            insert(shard).values(campaign_id=made, number=1, first_id=ana, last_id=ana, due_at=now)
        )
        await connection.execute(insert(delivery).values(campaign_id=made, subscriber_id=ana))
    await database.close()
