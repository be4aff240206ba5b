"""The preview notices what its mail is made of, and nothing else that lies beside it."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletter.campaigns import store, writing
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.settings import Settings
from newsletter.studio import files

NOW = datetime(2021, 1, 4, tzinfo=UTC)


@pytest.mark.parametrize(
    ("name", "is_of_the_mail"),
    [
        ("word.md", True),
        ("word.es.md", True),
        ("apples.PNG", True),
        ("pictures/apples.jpg", True),
        ("newsletter.sqlite3", False),
        ("newsletter.sqlite3-wal", False),
        ("people.csv", False),
    ],
)
async def test_only_what_the_mail_is_made_of_shows_it_anew(
    database: Database,
    settings: Settings,
    constellation: Constellation,
    tmp_path: Path,
    name: str,
    is_of_the_mail: bool,
) -> None:
    story = tmp_path / "word.md"
    story.write_text("---\nsubject: A word\npreheader: One word before the holidays.\n---\nOne word.\n")
    async with database.begin() as connection:
        await constellations.load(connection, constellation, NOW)
        draft = await writing.draft(connection, writing.read(story, constellation, ""), now=NOW)
        assert draft == await store.find(connection, "word")
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).touch()
    before = files.stamp(settings, draft)
    assert files.stamp(settings, draft) == before
    os.utime(tmp_path / name, ns=(0, 0))
    assert (files.stamp(settings, draft) != before) is is_of_the_mail
