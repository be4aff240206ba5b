"""A mailbox that cannot be read: said once, again for another reason, and once when it is over; seen meanwhile."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from shutil import copyfile
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import select
from structlog.testing import capture_logs

from newsletter.database import Database
from newsletter.engine import embedded, mailboxes, parts, presence, status
from newsletter.engine.held_up import Mailboxes
from newsletter.feedback import kept
from newsletter.setting_tables import Mailbox
from newsletter.settings import Settings
from newsletter.tables import kept_mail
from tests.dovecot import Dovecot


async def test_a_maildir_that_cannot_be_read_is_said_once_and_seen_until_it_can(
    database: Database, settings: Settings, clock: Any, tmp_path: Path
) -> None:
    maildir = tmp_path / "returned"
    bounces = settings.bounces.model_copy(update={"maildir": maildir})
    async with embedded.opened(settings.model_copy(update={"bounces": bounces}), database, clock) as engine:
        with capture_logs() as lines:
            for _ in range(3):
                await engine.collect_maildir()
                clock.forward(seconds=40)
            (maildir / "new").parent.mkdir()
            (maildir / "new").write_text("no folder")
            await engine.collect_maildir()
            (seen,) = status.unread([presence.pulse(engine)])
            (maildir / "new").unlink()
            (maildir / "new").mkdir()
            for _ in range(2):
                await engine.collect_maildir()
        assert status.unread([presence.pulse(engine)]) == []
    missing, other, over = lines
    why = f"{maildir}: this is no Maildir that can be read"
    assert (missing["event"], missing["reason"]) == ("mailbox not read", f"{why}: No such file or directory")
    assert (other["event"], other["reason"]) == ("mailbox not read", f"{why}: Not a directory")
    assert (over["event"], over["lasted"]) == ("mailbox is read again", "0:02:00")
    assert seen == status.Unread(str(maildir), clock() - timedelta(minutes=2), f"{why}: Not a directory")


async def test_a_mail_that_cannot_leave_its_maildir_is_taken_once_and_leaves_it_as_soon_as_it_can(
    database: Database, settings: Settings, clock: Any, tmp_path: Path
) -> None:
    maildir = tmp_path / "returned"
    (maildir / "new").mkdir(parents=True)
    (maildir / "cur").write_text("no folder")
    (maildir / "new" / "1.a").write_bytes(b"From: a-person@example.org\nSubject: A question\n\nWhere is it?\n")
    bounces = settings.bounces.model_copy(update={"maildir": maildir})
    async with embedded.opened(settings.model_copy(update={"bounces": bounces}), database, clock) as engine:

        async def kept_mails() -> list[str]:
            async with database.read() as connection:
                return [one.subject for one in await kept.waiting(connection)]

        with capture_logs() as lines:
            await engine.collect_maildir()
            assert await kept_mails() == ["A question"]
            async with database.begin() as connection:
                ((number, *_),) = (await connection.execute(select(kept_mail.c.id))).all()
                await kept.dismiss(connection, number, clock())
            for _ in range(3):
                clock.forward(minutes=1)
                await engine.collect_maildir()
            assert await kept_mails() == [], "staff have judged it"
            (maildir / "new" / "2.b").write_bytes(b"From: other@example.org\nSubject: Another\n\nHello?\n")
            await engine.collect_maildir()
            assert await kept_mails() == ["Another"], "the next does not wait for it"
            (maildir / "cur").unlink()
            await engine.collect_maildir()
    assert [line["event"] for line in lines] == ["mailbox not read", "mailbox is read again"]
    assert sorted(path.name for path in (maildir / "cur").iterdir()) == ["1.a:2,S", "2.b:2,S"]


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_mailbox_at_a_server_is_said_to_be_read_again_once_its_mail_is_taken(
    database: Database, settings: Settings, clock: Any, dovecot: Dovecot, tmp_path: Path
) -> None:
    user, authority, stop, troubles = f"u{uuid4().hex}", tmp_path / "ca.pem", asyncio.Event(), Mailboxes()
    dovecot.deliver(user, b"From: a-person@example.org\nSubject: A question\n\nWhere is it?\n")
    account = Mailbox(
        protocol="pop3",
        port=dovecot.ports["pop3"],
        tls="required",
        username=user,
        password="secret",
        ca_file=authority,
        every=timedelta(milliseconds=20),
    )
    with capture_logs() as lines:
        follower = asyncio.create_task(
            mailboxes.follow(database, parts.links(settings), account, clock, stop, troubles)
        )
        await until(lambda: troubles.current(clock()))
        copyfile(dovecot.ca_file, authority)
        await until(lambda: not troubles.current(clock()))
        stop.set()
        await follower
    assert [line["event"] for line in lines] == ["mailbox not read", "mailbox is read again"]
    assert dovecot.holds(user) == 0


async def until(is_so: Callable[[], object]) -> None:
    async with asyncio.timeout(60):
        while not is_so():  # noqa: ASYNC110 - nothing tells of it
            await asyncio.sleep(0.01)


def test_who_does_not_look_after_a_mailbox_any_more_says_nothing_of_it(clock: Any) -> None:
    troubles = Mailboxes()
    troubles.note("imap://mail.example.org", "it is away", clock(), timedelta(minutes=25))
    assert list(troubles.current(clock.forward(minutes=25))) == ["imap://mail.example.org"]
    assert troubles.current(clock.forward(minutes=5)) == {}
