"""`newsletter events attendance` and `answer`, as those type it who keep the door."""

import asyncio
import csv
import io
import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from newsletter import assets
from newsletter import database as databases
from newsletter.constellation import file, loading
from subscribers import addresses, signup

NOW = datetime(2021, 1, 15, 12, tzinfo=UTC)


@pytest.fixture
def folder(tmp_path, monkeypatch, sqlite_template):
    """Settings, and a season whose lab has one place; two people are in."""
    import shutil

    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setattr("newsletter.cli.edge.wall_clock", lambda: NOW)
    shutil.copy(sqlite_template, tmp_path / "newsletter.sqlite3")
    text = f'[secrets]\nsigning_keys = ["{"k" * 40}"]\nhash_key = "{"h" * 40}"\n'
    (tmp_path / "newsletter.toml").write_text(text)
    asyncio.run(_fill(f"sqlite:///{tmp_path}/newsletter.sqlite3"))
    return tmp_path


async def _fill(url: str) -> None:
    season = file.read(assets.TEMPLATES / "init" / "constellation.toml")
    events = [replace(one, rsvp=True, capacity=1) if one.slug == "equity-lab" else one for one in season.events]
    database = databases.connect(url)
    async with database.begin() as connection:
        await loading.load(connection, replace(season, events=tuple(events)), NOW, actor="test")
        for address, name in (("ana@example.org", "=Ana"), ("bo@example.org", "Bo")):
            request = signup.Request(addresses.parse(address), source="form", first_name=name)
            asked = await signup.join(connection, request, hash_key="h" * 40, now=NOW)
            assert isinstance(asked, signup.ConfirmationDue)
            await signup.confirm(connection, asked.subscriber_id, ip="", now=NOW)
    await database.close()


def test_the_door_knows_who_comes_and_who_waits(newsletter, folder) -> None:
    assert newsletter("events", "answer", "equity-lab", "ana@example.org", "going").code == 0
    said = newsletter("events", "answer", "equity-lab", "bo@example.org", "going")
    assert "bo@example.org is on the waiting list of equity-lab: every place is taken." in said.out
    shown = newsletter("events", "attendance", "equity-lab")
    assert "equity-lab: 1 going, 0 maybe, 0 not, 1 waiting (of 1 place)." in shown.out
    assert max(map(len, shown.out.splitlines())) <= 80
    data = json.loads(newsletter("events", "attendance", "equity-lab", "--json").out)
    assert data["counts"] == {"going": 1, "waiting": 1}
    assert [(one["address"], one["answer"]) for one in data["people"]] == [
        ("ana@example.org", "going"),
        ("bo@example.org", "waiting"),
    ]
    rows = list(csv.DictReader(io.StringIO(newsletter("events", "attendance", "equity-lab", "--csv").out)))
    assert [row["first_name"] for row in rows] == ["'=Ana", "Bo"], "a spreadsheet must not run a name"
    newsletter("events", "attendance", "equity-lab", "--answer", "waiting", "-o", "door.csv")
    written = (folder / "door.csv").read_text()
    assert ("bo@example.org" in written, "ana@example.org" in written) == (True, False)
    assert (folder / "door.csv").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["attendance", "opening"], 1, "opening does not ask who comes; rsvp = true in the constellation file"),
        (["attendance", "equity-lav"], 1, "there is no event equity-lav; did you mean equity-lab?"),
        (["attendance", "equity-lab", "--answer", "gong"], 2, "there is no answer gong; did you mean going?"),
        (["attendance", "equity-lab", "--json", "--csv"], 2, "print JSON or CSV, not both"),
        (["answer", "equity-lab", "ana@example.org", "waiting"], 2, "there is no answer waiting"),
        (["answer", "equity-lab", "cleo@example.org", "going"], 1, "cleo@example.org"),
        (["answer", "opening", "ana@example.org", "going"], 1, "opening does not ask who comes"),
    ],
)
def test_what_cannot_be_is_said_in_a_line(newsletter, folder, arguments, code, said) -> None:
    ended = newsletter("events", *arguments)
    assert ended.code == code
    assert said in " ".join(ended.err.replace("│", " ").split())


def test_a_check_says_what_becomes_of_each_capacity(newsletter, folder) -> None:
    text = (assets.TEMPLATES / "init" / "constellation.toml").read_text()
    (folder / "c.toml").write_text(text.replace("#rsvp = true", "rsvp = true"))
    said = " ".join(newsletter("constellation", "check", "c.toml").out.split())
    assert "equity-lab: asks who comes; 60 places, then a waiting list." in said
    assert "capacity is told and not kept, where there is no rsvp = true: opening, portfolio-walk" in said
    (folder / "c.toml").write_text(
        text.replace(
            'url = "https://afl.example.org/stories/first-draft"',
            'url = "https://afl.example.org/stories/first-draft"\nrsvp = true',
        )
    )
    wrong = newsletter("constellation", "check", "c.toml")
    assert (wrong.code, "story-first-draft: rsvp" in wrong.err) == (1, True)


def test_what_staff_hide_is_read_by_nobody_and_the_campaign_says_so(newsletter, folder) -> None:
    assert newsletter("campaign", "draft", "opening", "invitation", "--no-archive").code == 0
    assert "not for everybody" in newsletter("campaign", "show", "opening/invitation").out
    said = newsletter("campaign", "archive", "opening/invitation", "--show").out
    assert said == (
        "opening/invitation is read by everybody, once it is sent: http://127.0.0.1:8025/archive/opening/invitation\n"
    )
    shown = json.loads(newsletter("campaign", "show", "opening/invitation", "--json").out)
    assert shown["archive_url"] == "http://127.0.0.1:8025/archive/opening/invitation"
    hidden = json.loads(newsletter("campaign", "archive", "opening/invitation", "--hide", "--json").out)
    assert hidden == {"campaign": "opening/invitation", "public": False, "url": ""}
    wrong = newsletter("campaign", "archive", "opening/invitatin")
    assert (wrong.code, "did you mean opening/invitation?" in wrong.err) == (1, True)


def test_of_a_campaign_that_was_cancelled_staff_are_told_that_nobody_reads_it(newsletter, folder) -> None:
    assert newsletter("campaign", "draft", "opening", "invitation").code == 0
    assert newsletter("campaign", "cancel", "opening/invitation", "--yes").code == 0
    assert "not shown, as it was cancelled" in newsletter("campaign", "show", "opening/invitation").out
    assert json.loads(newsletter("campaign", "show", "opening/invitation", "--json").out)["archive_url"] == ""
    said = newsletter("campaign", "archive", "opening/invitation", "--show").out
    assert said == "opening/invitation is read by nobody on the web, as it was cancelled.\n"
    shown = json.loads(newsletter("campaign", "archive", "opening/invitation", "--show", "--json").out)
    assert shown == {"campaign": "opening/invitation", "public": False, "url": ""}
