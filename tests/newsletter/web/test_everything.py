"""Every option at once, none at its default: that none is in the way of another.

A small season is played by the real engine on each database: joined and confirmed by the pages, planned, moved, called
off, answered, gathered in digests, and read by everyone.
"""

import email
import email.policy
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, fields, is_dataclass, replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from newsletter import settings as reading
from newsletter.campaigns import digests, replanning
from newsletter.constellation import file, schedule
from newsletter.constellation.model import Constellation
from newsletter.dkim import files
from newsletter.dkim.keys import Algorithm
from newsletter.engine import embedded
from newsletter.setting_tables import Mailbox
from newsletter.settings import Settings

FOLDER = Path(__file__).with_name("everything")
BEGIN = datetime(2021, 1, 4, 15, tzinfo=UTC)

LANGUAGES = ("en", "es", "de", "fr")

NEEDS_MORE = {"engine.kind"}
"""Another engine: tests/newsletter/engine has it to itself."""


@pytest.fixture
def every(database_url: str, smtp_server: Any, tmp_path: Path) -> Any:
    """Reads the settings, with a relay's port and all the files that they name."""

    def read(port: int) -> Settings:
        text = (FOLDER / "newsletter.toml").read_text().replace("@DATABASE@", database_url).replace("@PORT@", str(port))
        (tmp_path / "newsletter.toml").write_text(text)
        for name in ("new", "cur", "tmp"):
            (tmp_path / "bounces" / name).mkdir(parents=True)
        files.make(Algorithm.ED25519, tmp_path / "key.pem")
        (tmp_path / "mine" / "mail" / "thanks").mkdir(parents=True)
        (tmp_path / "mine" / "mail" / "thanks" / "subject.txt").write_text("Danke: {{ event.title }}")
        return reading.read(tmp_path / "newsletter.toml")

    return read


@pytest.fixture
def series() -> Constellation:
    """The constellation with every option."""
    return file.read(FOLDER / "constellation.toml")


def leaves(model: BaseModel, prefix: str = "") -> Iterator[tuple[str, bool]]:
    """Each setting of each table, and whether it is as it would be by itself."""
    for name, field in type(model).model_fields.items():
        value = getattr(model, name)
        if isinstance(value, BaseModel):
            yield from leaves(value, f"{prefix}{name}.")
        elif isinstance(value, tuple) and value and isinstance(value[0], BaseModel):
            for one in value:
                yield from leaves(one, "smtp." if name == "relays" else f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value == field.get_default()


def test_no_setting_is_left_at_its_default(every: Any) -> None:
    found = list(leaves(every(2525)))
    assert {name for name, _ in found} - {name for name, is_default in found if not is_default} == NEEDS_MORE


class Season:
    """The engine, its relay, a visitor of the pages and the clock of all three."""

    def __init__(self, engine: embedded.Engine, server: Any, visitor: Any, clock: Any) -> None:
        self.engine, self.server, self.visitor, self.clock = engine, server, visitor, clock

    async def load(self, series: Constellation) -> None:
        async with self.engine.database.begin() as connection:
            await replanning.load(connection, self.engine.settings, series, self.clock(), actor="ana")

    async def join(self, language: str, role: str) -> None:
        """Somebody joins by the form and presses the button of the mail that they get."""
        asked = {"email": f"{language}@example.org", "first_name": "Ana", "role": role, "lang": language}
        assert (await self.visitor.post("/join", data=asked)).status_code == 303
        await self.engine.tick()
        await self.press(language, "confirm", {})
        await self.engine.tick()

    async def press(self, who: str, page: str, data: Mapping[str, str]) -> None:
        """Press a button on the page behind the last link of its kind that somebody has."""
        texts = [body(mail) for mail in self.mails(who)]
        path = next(link for text in reversed(texts) for link in re.findall(rf"/{page}/[\w./-]+", text))
        assert (await self.visitor.get(path)).status_code == 200
        assert (await self.visitor.post(path, data=data)).status_code == 303

    async def until(self, moment: datetime) -> None:
        """Do what is due, on time and at least once a day."""
        while self.clock() < moment:
            async with self.engine.database.read() as connection:
                due = [await schedule.next_due(connection), await digests.next_due(connection, self.clock())]
            step = min([self.clock() + timedelta(days=1), *(at for at in due if at is not None)])
            self.clock.moment = max(step, self.clock() + timedelta(minutes=1))
            await self.engine.tick()

    def mails(self, who: str) -> list[EmailMessage]:
        """What somebody has got, the oldest first."""
        got = [one.data for one in self.server.received if one.rcpt_to == f"{who}@example.org"]
        return [email.message_from_bytes(data, policy=email.policy.default) for data in got]  # type: ignore[misc]

    def kinds(self, who: str) -> set[str]:
        return {str(mail["Feedback-ID"]).split(":")[2] for mail in self.mails(who)}

    async def read_by_all(self) -> None:
        """Every public page, in each language."""
        series = await self.visitor.get("/events")
        archived = set(re.findall(r'href="(/archive/[^"]+)"', series.text))
        assert len(archived) > 3
        for path in ("/join", "/form.json", "/events", "/feed.atom", "/calendar.ics", "/events/walk.ics", *archived):
            for language in LANGUAGES:
                page = await self.visitor.get(path, headers={"Accept-Language": language})
                assert page.status_code == 200, (path, language)


def body(mail: EmailMessage) -> str:
    part = mail.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def changed(series: Constellation, slug: str, **values: Any) -> Constellation:
    """The series with one of its events changed."""
    return replace(series, events=tuple(replace(e, **values) if e.slug == slug else e for e in series.events))


def moved(series: Constellation, slug: str, by: timedelta) -> Constellation:
    found = next(one for one in series.events if one.slug == slug)
    return changed(series, slug, starts=found.starts + by, ends=found.ends + by)


class Found(set[str]):
    """Options of the file that are not as they would be by themselves, as `Type.field`."""

    def __init__(self, series: Constellation) -> None:
        super().__init__()
        self.known: set[str] = set()
        self._look(series)

    def _look(self, value: Any) -> None:
        for one in value if isinstance(value, tuple) else (value,):
            if not is_dataclass(one):
                continue
            for field in fields(one):
                name, held = f"{type(one).__name__}.{field.name}", getattr(one, field.name)
                default = field.default if field.default is not MISSING else None
                if field.default_factory is not MISSING:
                    default = field.default_factory()
                self.known.add(name)
                if held != default:
                    self.add(name)
                self._look(held)


def test_no_option_of_a_series_is_left_at_its_default(series: Constellation) -> None:
    found = Found(series)
    assert found.known - found == set()
    assert len(found) > 50


async def test_a_season_with_every_option_is_joined_played_and_read(
    every: Any, series: Constellation, database: Any, smtp_server: Any, serve: Any, clock: Any
) -> None:
    clock.moment = BEGIN
    async with smtp_server() as server:
        settings = every(server.port).model_copy(update={"mailbox": Mailbox()})  # no server of its own here
        async with embedded.opened(settings, database, clock) as engine:
            season = Season(engine, server, await serve(settings, host="203.0.113.9"), clock)
            await season.load(series)
            for language, role in (("de", "teacher"), ("es", "teacher"), ("fr", "student"), ("en", "")):
                await season.join(language, role)
            await season.press("en", "preferences", {"part": "rhythm", "rhythm": "weekly"})
            await season.until(datetime(2021, 1, 22, tzinfo=UTC))
            for language in ("de", "es"):  # there is one place
                await season.press(language, "rsvp", {"answer": "going"})
            await season.until(datetime(2021, 1, 29, tzinfo=UTC))
            later = moved(series, "walk", by=timedelta(days=1))
            await season.load(later)
            await season.press("de", "rsvp", {"answer": "not"})
            await season.until(datetime(2021, 2, 8, 12, tzinfo=UTC))
            await season.load(changed(later, "walk", cancelled=True))
            await season.until(datetime(2021, 2, 15, tzinfo=UTC))
            everyone = {"confirm", "welcome"}
            told = everyone | {"save-the-date", "story", "invitation", "thanks", "changed", "cancelled"}
            assert season.kinds("fr") == told
            assert season.kinds("de") == told
            assert season.kinds("es") == told | {"place", "reminder", "starting-soon"}
            assert season.kinds("en") == everyone | {"digest", "changed", "cancelled"}
            assert all(mail["DKIM-Signature"] for who in LANGUAGES for mail in season.mails(who))
            assert [str(one["Subject"]) for one in season.mails("fr") if ":thanks:" in str(one["Feedback-ID"])] == [
                "Danke: Opening: “What & why?”"
            ]
            await season.read_by_all()
