"""A mailbox that cannot be read: said once, again for another reason, and once when it is over; seen meanwhile."""

from datetime import timedelta
from pathlib import Path
from typing import Any

from structlog.testing import capture_logs

from newsletter.database import Database
from newsletter.engine import embedded, presence, status
from newsletter.engine.held_up import Mailboxes
from newsletter.settings import Settings


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


def test_who_does_not_look_after_a_mailbox_any_more_says_nothing_of_it(clock: Any) -> None:
    troubles = Mailboxes()
    troubles.note("imap://mail.example.org", "it is away", clock(), timedelta(minutes=25))
    assert list(troubles.current(clock.forward(minutes=25))) == ["imap://mail.example.org"]
    assert troubles.current(clock.forward(minutes=5)) == {}
