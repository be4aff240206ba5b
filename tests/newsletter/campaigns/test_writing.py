"""A campaign from a Markdown file, from the file to what each reader gets."""

import email
import email.policy
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from sqlalchemy import select, update

from newsletter import content
from newsletter.campaigns import lifecycle, media, store, writing
from newsletter.campaigns.store import Campaign, CampaignError
from newsletter.constellation import store as constellations
from newsletter.constellation.model import Constellation
from newsletter.content import samples
from newsletter.content.headers import Envelope
from newsletter.database import Database
from newsletter.settings import Settings
from newsletter.tables import campaign, delivery, medium
from subscribers.expressions import ExpressionError

STORY = """---
subject: Apples
preheader: What came of it.
---
# The girl who marked her own apples

![Apples in a bowl](apples.png)

Mira is nine.
"""

Draft = Callable[..., Awaitable[Campaign]]


@pytest.fixture
def draft(database: Database, settings: Settings, constellation: Constellation, now: datetime, tmp_path: Path) -> Draft:
    """Write a file of that text, and a draft from it, as the command does."""
    Image.new("RGB", (1200, 600), "red").save(tmp_path / "apples.png")

    async def drafting(text: str = STORY, *, file: str = "apples.md", **options: Any) -> Campaign:
        (tmp_path / file).write_text(text, encoding="utf-8")
        async with database.begin() as connection:
            await constellations.load(connection, constellation, now)
            manuscript = writing.read(tmp_path / file, constellation, settings.public_url)
            return await writing.draft(connection, manuscript, now=now, **options)

    return drafting


async def test_a_file_becomes_a_draft_for_everyone_and_its_pictures_are_kept_once(
    draft: Draft, database: Database, now: datetime
) -> None:
    made = await draft()
    assert (made.slug, made.kind, made.topic, made.status) == ("apples", "letter", None, "draft")
    again = await draft(STORY.replace("nine", "ten"))
    assert again.id == made.id
    assert "Mira is ten." in again.letters[0].text
    async with database.read() as connection:
        (name,) = list(await connection.scalars(select(medium.c.name)))
        kept = await media.find(connection, name)
        assert kept is not None
        assert kept[0] == "image/png"
        assert f"https://news.example.org/media/{name}" in again.letters[0].html
        assert await media.find(connection, "nothing.png") is None


async def test_a_story_of_the_constellation_becomes_the_mail_that_the_plan_sends(
    draft: Draft, database: Database, now: datetime
) -> None:
    slug = "story-first-draft"
    made = await draft(STORY.replace("---\n#", f"event: {slug}\n---\n#"))
    assert (made.slug, made.kind, made.topic) == (f"{slug}/story", "story", slug)
    async with database.begin() as connection:
        assert (await store.drafted(connection, slug, "story", now=now)).id == made.id


async def test_a_mail_about_an_event_is_for_those_who_follow_it_and_shows_when_it_is(
    draft: Draft, database: Database, settings: Settings, now: datetime
) -> None:
    made = await draft(STORY.replace("---\n#", 'event: opening\naudience: role = "teacher"\n---\n#'))
    assert (made.slug, made.kind, made.topic, made.expression) == (
        "opening/apples",
        "letter",
        "opening",
        'role = "teacher"',
    )
    async with database.read() as connection:
        facts = await lifecycle.facts(connection, settings, made)
    envelope = Envelope.of(facts.constellation, date=now, campaign=made.slug)
    skeleton = content.compile(made.kind, facts, content.Facets(named=True), envelope=envelope)
    text = skeleton.text(samples.VALUES)
    assert (
        text.index("The girl who marked") < text.index("Hello Zoë") < text.index("Mira is nine.") < text.index("When:")
    )


async def test_each_reader_gets_the_file_in_their_language(
    draft: Draft, database: Database, settings: Settings, now: datetime, tmp_path: Path
) -> None:
    spanish = STORY.replace("Apples", "Manzanas").replace("Mira is nine", "Mira tiene nueve años")
    (tmp_path / "apples.es.md").write_text(spanish, encoding="utf-8")
    made = await draft()
    async with database.begin() as connection:
        facts = await lifecycle.facts(connection, settings, made)
        await lifecycle.start(connection, settings, made, now=now)
        started = await store.find(connection, made.slug)
    assert started.facts is not None
    assert started.facts.letters == facts.letters
    envelope = Envelope.of(facts.constellation, date=now, campaign=made.slug)
    values = samples.VALUES
    for locale, subject, words in (("es-MX", "Manzanas", "Hola, Zoë"), ("fr", "Apples", "Hello Zoë")):
        skeleton = content.compile(made.kind, started.facts, content.Facets(locale, named=True), envelope=envelope)
        assert skeleton.subject(values) == subject
        assert words in skeleton.text(values)


async def test_embedded_pictures_travel_beside_the_html_that_names_them(
    draft: Draft, database: Database, settings: Settings, now: datetime
) -> None:
    made = await draft(STORY.replace("---\n#", "images: embedded\n---\n#"))
    async with database.read() as connection:
        facts = await lifecycle.facts(connection, settings, made)
        assert list(await connection.scalars(select(medium.c.name))) == []
    envelope = Envelope.of(facts.constellation, date=now, campaign=made.slug)
    skeleton = content.compile(made.kind, facts, content.Facets(), envelope=envelope)
    message = email.message_from_bytes(skeleton.fill(samples.VALUES), policy=email.policy.default)
    assert not message.defects
    text, related = message.iter_parts()
    html, picture = related.iter_parts()
    assert [part.get_content_type() for part in (message, text, related, html, picture)] == [
        "multipart/alternative", "text/plain", "multipart/related", "text/html", "image/png",
    ]  # fmt: skip
    assert picture.get_content() == facts.letters[0].embedded[0].content
    assert f'src="cid:{picture["Content-ID"].strip("<>")}"' in html.get_content()
    assert "Mira is nine." in skeleton.text(samples.VALUES)
    assert max(map(len, skeleton.fill(samples.VALUES).split(b"\r\n"))) < 998


@pytest.mark.parametrize(
    ("text", "options", "reason"),
    [
        (
            STORY.replace("---\n#", "event: openin\n---\n#"),
            {},
            r"apples\.md:4:8: event: there is no event openin; did you mean opening\?",
        ),
        (
            STORY.replace("---\n#", 'audience: role = "teacher" and town = x\n---\n#'),
            {},
            r"apples\.md:4:39: audience: a text stands in quotation marks: “x”",
        ),
        (
            STORY.replace("---\n#", "audience: teachers\n---\n#"),
            {},
            r"apples\.md:4:11: audience: there is no audience teachers; `newsletter audience save` makes one",
        ),
        (STORY, {"name": "My Mail"}, "'My Mail' is no name for a campaign"),
    ],
)
async def test_what_cannot_be_drafted_is_said(draft: Draft, text: str, options: Any, reason: str) -> None:
    with pytest.raises(CampaignError, match=reason):
        await draft(text, **options)


async def test_an_unset_variable_of_a_script_is_not_everybody(draft: Draft) -> None:
    with pytest.raises(ExpressionError):
        await draft(to="")


async def test_a_mail_that_has_started_is_left_as_it_is(
    draft: Draft, database: Database, settings: Settings, now: datetime
) -> None:
    made = await draft()
    async with database.begin() as connection:
        await connection.execute(update(campaign).values(status="finished", started_at=now))
        assert list(await connection.scalars(select(delivery.c.state))) == []
    with pytest.raises(CampaignError, match=r"there is a campaign apples already \(finished\); name another with --as"):
        await draft()
    assert (await draft(name="apples-2")).slug == "apples-2"
    assert made.slug == "apples"
