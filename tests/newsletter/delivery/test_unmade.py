"""Mails that cannot be made, since their template has a slip: staff are told once, and nobody is lost meanwhile."""

import email
import email.policy
import shutil
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from newsletter import assets
from newsletter.constellation import store
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery import transactional
from newsletter.delivery.transactional import Kind
from newsletter.engine import embedded
from newsletter.settings import Settings
from subscribers.tables import subscriber


@pytest.fixture
def subject_of(tmp_path: Path) -> Any:
    """Copies our templates of a kind to staff's own; answers the file of its subject."""

    def copied(kind: str) -> Path:
        own = tmp_path / "mail" / kind
        shutil.copytree(assets.TEMPLATES / "mail" / kind, own)
        return own / "subject.txt"

    return copied


def with_own(settings: Settings, server: Any, templates: Path) -> Settings:
    return settings.model_copy(update={"smtp": server.settings, "templates": templates})


def mails_to(server: Any, address: str) -> list[Any]:
    """What an address got."""
    mails = [one.data for one in server.received if one.rcpt_to == address]
    return [email.message_from_bytes(data, policy=email.policy.default) for data in mails]


async def test_staff_are_told_of_a_campaign_whose_mails_cannot_be_made_and_again_only_on_another_day(
    database: Database,
    settings: Settings,
    clock: Any,
    smtp_server: Any,
    start: Any,
    constellation: Constellation,
    subject_of: Any,
    tmp_path: Path,
) -> None:
    subject = subject_of("invitation")
    right = subject.read_text()
    async with smtp_server() as server:
        settings = with_own(settings, server, tmp_path)
        await start(settings, clock, 3)
        subject.write_text("{{ nonsense }}")
        async with embedded.opened(settings, database, clock) as engine:
            for _ in range(6):
                await engine.tick()
                clock.forward(minutes=30)
            [told] = mails_to(server, constellation.contact)
            assert told["Subject"] == "Mails wait: “invitation” cannot be made"
            text = " ".join(told.get_content().split())
            assert "mails of the kind “invitation” cannot be made: " in text
            assert "nonsense is undefined" in text
            assert "mail/invitation/subject.txt" in text
            subject.write_text(right)
            clock.forward(hours=3)
            await engine.tick()
    assert len(server.received) == 1 + 3, "the three go once it is put right"


async def test_staff_are_told_that_nobody_can_confirm_and_again_where_it_is_so_another_day(
    database: Database,
    settings: Settings,
    clock: Any,
    smtp_server: Any,
    constellation: Constellation,
    add_people: Any,
    subject_of: Any,
    tmp_path: Path,
) -> None:
    subject_of("confirm").write_text("{{ nonsense }}")
    async with smtp_server() as server:
        settings = with_own(settings, server, tmp_path)
        async with database.begin() as connection:
            await store.load(connection, constellation, clock())
            await add_people(connection, 2, clock(), status="pending", confirmed_at=None)
            numbers = list(await connection.scalars(select(subscriber.c.id)))
        async with embedded.opened(settings, database, clock) as engine:
            for number in numbers:
                async with database.begin() as connection:
                    await transactional.enqueue(connection, number, Kind.CONFIRM, now=clock(), most_a_day=3)
                await engine.tick()
                await engine.tick()
                clock.forward(days=5)
    subjects = [told["Subject"] for told in mails_to(server, constellation.contact)]
    assert subjects == ["Mails wait: “confirm” cannot be made"] * 2
