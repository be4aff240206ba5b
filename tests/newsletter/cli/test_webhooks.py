"""`newsletter webhooks`: whom we tell is named, listed, turned off and on again, and hears again what it missed."""

import asyncio
import json
import re
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert

from newsletter.database import connect
from newsletter.outgoing.types import Type
from newsletter.tables import outgoing

NOW = datetime(2021, 3, 1, 12, tzinfo=UTC)
ANSWER = f"500 {'page ' * 40}"
DOCS = Path(__file__).parents[3] / "docs" / "webhooks.md"


@pytest.fixture
def site(newsletter: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A folder with settings and a database, in which addresses of this machine may be told."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("NEWSLETTER_OUTGOING__ALLOW_PRIVATE", "true")
    assert newsletter("init").code == 0
    assert newsletter("db", "upgrade").code == 0
    return newsletter


def tell() -> None:
    """Write a message into the outbox, as an erasure does."""

    async def work() -> None:
        database = connect("sqlite:///newsletter.sqlite3")
        async with database.begin() as connection:
            told = {"endpoint_id": 1, "type": Type.ERASED, "subject_id": 1, "at": NOW, "due_at": NOW}
            await connection.execute(insert(outgoing).values(**told, answer=ANSWER))
        await database.close()

    asyncio.run(work())


def test_an_endpoint_is_added_listed_and_removed(site: Any) -> None:
    added = site("webhooks", "add", "http://127.0.0.1:1/x", "--events", "subscriber.*, campaign.finished", "--json")
    assert added.code == 0
    document = json.loads(added.out)
    assert document["secret"].startswith("whsec_")
    assert document["events"][-1] == "campaign.finished"
    assert len(document["events"]) == 8
    listed = site("webhooks", "list")
    assert "http://127.0.0.1:1/x" in listed.out
    assert document["secret"] not in listed.out + site("webhooks", "list", "--json").out
    again = site("webhooks", "add", "http://127.0.0.1:1/x", "--events", "*")
    assert (again.code, "told already" in again.err) == (1, True)
    assert site("webhooks", "remove", 1).code == 0
    assert "Nobody is told anything" in site("webhooks", "list").out


@pytest.mark.parametrize(("failures", "said"), [(1, "(once)"), (2, "(2 times in a row)")])
def test_how_often_an_endpoint_took_nothing_is_said_as_people_say_it(site: Any, failures: int, said: str) -> None:
    site("webhooks", "add", "http://127.0.0.1:1/x", "--events", "*")
    with closing(sqlite3.connect("newsletter.sqlite3")) as database, database:
        database.execute("UPDATE endpoint SET failures = ?, failing_since = added_at", [failures])
    out = " ".join(site("webhooks", "list").out.split())
    assert re.search(rf"takes nothing since \S+ \S+ UTC {re.escape(said)}", out)


def test_what_was_told_is_listed_and_posted_again_by_its_number(site: Any) -> None:
    site("webhooks", "add", "http://127.0.0.1:1/x", "--events", "*")
    tell()
    (message,) = json.loads(site("webhooks", "deliveries", "--json").out)
    assert (message["type"], message["state"], message["attempts"]) == ("subscriber.erased", "waiting", 0)
    shown = site("webhooks", "deliveries", "--endpoint", 1, "--state", "waiting").out
    assert "subscriber.erased" in shown
    assert (message["answer"], 0 < shown.count("page") < 15) == (ANSWER, True), "a row is for the eye"
    assert len(site("webhooks", "list").out.splitlines()) > 3, "the events go on in further lines"
    assert max(map(len, site("webhooks", "list").out.splitlines())) <= 80
    done = site("webhooks", "redeliver", message["id"])
    assert (done.code, done.out) == (0, "To be posted again by `newsletter serve`: 1.\n")
    assert site("webhooks", "redeliver", "--failed", 1).out.endswith(": 0.\n")


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["add", "http://127.0.0.1:1/", "--events", "subscriber.jumped"], 2, "there is no event subscriber.jumped"),
        (["add", "http://127.0.0.1:1/", "--events", ","], 2, "name the events"),
        (["add", "not-a-url", "--events", "*"], 1, "give an address as in https://example.org/hook"),
        (["remove", "7"], 1, "there is no endpoint 7"),
        (["enable", "7"], 1, "there is no endpoint 7"),
        (["deliveries", "--endpoint", "7"], 1, "there is no endpoint 7"),
        (["redeliver", "7"], 1, "there is no message 7"),
        (["redeliver", "--failed", "7"], 1, "there is no endpoint 7"),
        (["redeliver"], 2, "name messages by their numbers"),
    ],
)
def test_what_cannot_be_is_one_clear_line(site: Any, arguments: list[str], code: int, said: str) -> None:
    done = site("webhooks", *arguments)
    assert done.code == code
    assert said in " ".join(done.err.replace("│", " ").split())


def test_a_private_address_is_refused_where_the_settings_do_not_allow_it(
    site: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NEWSLETTER_OUTGOING__ALLOW_PRIVATE")
    done = site("webhooks", "add", "https://127.0.0.1/x", "--events", "*")
    assert (done.code, done.err) == (
        1,
        "newsletter: 127.0.0.1 leads to 127.0.0.1, which is not on the public internet\n",
    )


def test_each_event_is_documented_and_named_by_the_commands_help(newsletter: Any) -> None:
    documented = DOCS.read_text("utf-8")
    helped = newsletter("webhooks", "add", "--help").out
    for one in Type:
        name = one if one is Type.ANSWERED else f".{one.partition('.')[2]}"
        assert f"{name}`" in documented, one
        assert name in helped, one
