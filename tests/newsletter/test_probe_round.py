"""The probe's whole round, over real SMTP both ways: out through the relay, back to our listener, on both databases."""

import asyncio
import email
import email.policy
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from newsletter.campaigns import lifecycle, store
from newsletter.constellation import loading
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.engine import embedded, listener
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings
from newsletter.tables import transactional
from subscribers import suppression
from subscribers.suppression import Reason
from subscribers.tables import bounce_score
from tests import hashes

FULL = """From: MAILER-DAEMON@mx.example.org
To: {return_path}
Message-ID: <{number}@mx.example.org>
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

The mailbox is full.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.2.2
Diagnostic-Code: smtp; 552 5.2.2 <{address}>: Mailbox full

--b--
"""


@dataclass(slots=True)
class Round:
    """The engine, the relay that its mail goes out by, and the ways that a mail comes back."""

    engine: Engine
    relay: Any
    port: int
    maildir: Path
    database: Database
    returned: int = 0

    async def comes_back(self, mail: Any, *, by: str = "smtp") -> None:
        """The receiver's server returns a mail because the mailbox is full."""
        self.returned += 1
        text = FULL.format(return_path=mail.mail_from, number=self.returned, address=mail.rcpt_to)
        if by == "maildir":
            (self.maildir / "new" / f"{self.returned}.mx").write_text(text)
        else:
            await asyncio.to_thread(hand_over, self.port, mail.mail_from, text)
        await self.engine.tick()

    async def probes(self) -> list[str]:
        async with self.database.read() as connection:
            rows = await connection.scalars(select(transactional.c.state).where(transactional.c.kind == "probe"))
            return list(rows)

    async def reason(self) -> Reason | None:
        async with self.database.read() as connection:
            return await suppression.find(connection, hashes.of_number(0))

    async def days(self) -> int:
        async with self.database.read() as connection:
            return len((await connection.execute(select(bounce_score))).all())


def parsed(mail: Any) -> Any:
    return email.message_from_bytes(mail.data, policy=email.policy.default)


def hand_over(port: int, to: str, text: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="mx.example.org") as client:
        assert client.sendmail("", [to], text) == {}


@asynccontextmanager
async def begun(
    database: Database, settings: Settings, constellation: Constellation, add_people: Any, clock: Any
) -> AsyncIterator[Engine]:
    """An engine that has just sent one person an invitation."""
    async with database.begin() as connection:
        await loading.load(connection, constellation, clock(), actor="test")
        await add_people(connection, 1, clock())
        draft = await store.draft(connection, "closing", "invitation", now=clock())
        await lifecycle.start(connection, settings, draft, now=clock())
    async with embedded.opened(settings, database, clock) as engine:
        await engine.tick()
        yield engine


@pytest.fixture
async def asked(
    database: Database,
    settings: Settings,
    constellation: Constellation,
    add_people: Any,
    clock: Any,
    smtp_server: Any,
    tmp_path: Path,
) -> AsyncIterator[Round]:
    """A person whose invitation came back for a full mailbox on five days over two weeks, and who has been asked."""
    maildir = tmp_path / "bounces"
    for name in ("new", "cur", "tmp"):
        (maildir / name).mkdir(parents=True)
    async with smtp_server() as relay:
        bounces = settings.bounces.model_copy(update={"maildir": maildir})
        settings = settings.model_copy(update={"smtp": relay.settings, "bounces": bounces})
        async with begun(database, settings, constellation, add_people, clock) as engine:
            box = listener.Letterbox(database, engine.links, bounces.address, clock)
            async with listener.listening("smtp://127.0.0.1:0", box) as port:
                round_ = Round(engine, relay, port, maildir, database)
                (invitation,) = relay.received
                for days in (0, 4, 4, 4, 2):
                    assert await round_.probes() == []
                    clock.forward(days=days)
                    await round_.comes_back(invitation)
                yield round_


def probe(asked: Round) -> Any:
    """The mail that asks, as it went out."""
    (found,) = [one for one in asked.relay.received if parsed(one)["List-Unsubscribe"] is None]
    return found


async def test_the_limit_sends_one_plain_mail_and_stops_nobody(asked: Round) -> None:
    assert await asked.probes() == ["sent"]
    assert await asked.reason() is None
    mail = probe(asked)
    assert mail.rcpt_to == "p0@example.org"
    assert mail.mail_from.startswith("bounce+"), "it comes back to a token of its own"


@pytest.mark.parametrize("by", ["smtp", "maildir"])
async def test_a_probe_that_comes_back_by_real_mail_stops_mail(asked: Round, clock: Any, by: str) -> None:
    clock.forward(hours=3)
    await asked.comes_back(probe(asked), by=by)
    assert await asked.reason() is Reason.SOFT_BOUNCE
    assert await asked.probes() == ["sent"], "nobody is asked twice"


async def test_a_probe_that_never_comes_back_keeps_the_person_and_forgets_the_bounces(asked: Round, clock: Any) -> None:
    clock.forward(days=6)
    await asked.engine.tick()
    assert await asked.days() == 5, "the wait is not over"
    clock.forward(days=1, hours=1)
    await asked.engine.tick()
    assert (await asked.reason(), await asked.days()) == (None, 0)
    clock.forward(days=1)
    await asked.comes_back(probe(asked))
    assert (await asked.reason(), await asked.days()) == (None, 1), "what comes so late is one bounce like any other"
    assert await asked.probes() == ["sent"]
