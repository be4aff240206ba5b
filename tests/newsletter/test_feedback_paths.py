"""Each way a report can come in, from the socket or the mailbox through to suppression, on both databases."""

import email
import email.policy
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from newsletter.campaigns import lifecycle, store
from newsletter.constellation import loading
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.engine import embedded
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings
from newsletter.tables import inbox
from newsletter.web.app import create_app
from newsletter.web.webhooks import keys
from subscribers import preferences, suppression
from subscribers.suppression import Reason
from webhooks import providers
from webhooks.providers import Sampling

DSN = """From: MAILER-DAEMON@mx.example.org
To: {return_path}
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b"

--b
Content-Type: text/plain

I could not deliver your message: there is no such person here.

--b
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.org

Final-Recipient: rfc822; {address}
Action: failed
Status: 5.1.1
Diagnostic-Code: smtp; 550 5.1.1 <{address}>: Recipient address rejected: User unknown

--b--
"""


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    for name in ("new", "cur", "tmp"):
        (tmp_path / "bounces" / name).mkdir(parents=True)
    return tmp_path / "bounces"


@pytest.fixture
async def engine(
    database: Database,
    settings: Settings,
    constellation: Constellation,
    add_people: Any,
    clock: Any,
    smtp_server: Any,
    maildir: Path,
) -> AsyncIterator[tuple[Engine, Any]]:
    """An engine that has just sent an invitation to three people, and the server that took it."""
    async with smtp_server() as server:
        settings = settings.model_copy(
            update={
                "smtp": server.settings.model_copy(update={"provider": "postmark"}),
                "bounces": settings.bounces.model_copy(update={"maildir": maildir}),
            }
        )
        async with database.begin() as connection:
            await loading.load(connection, constellation, clock(), actor="test")
            await add_people(connection, 3, clock())
            draft = await store.draft(connection, "closing", "invitation", now=clock())
            await lifecycle.start(connection, settings, draft, now=clock())
        async with embedded.opened(settings, database, clock) as engine:
            await engine.tick()
            clock.forward(minutes=5)
            yield engine, server


def token_of(received: Any) -> str:
    """The token as a provider would hand it back: from the mail that arrived."""
    mail = email.message_from_bytes(received.data, policy=email.policy.default)
    assert mail["X-PM-Metadata-token"] == mail["CFBL-Feedback-ID"]
    return str(mail["X-PM-Metadata-token"])


async def reasons(database: Database) -> list[Reason | None]:
    async with database.read() as connection:
        return [await suppression.find(connection, f"hash-{n}") for n in range(3)]


@pytest.mark.parametrize("provider", ["postmark", "generic"])
async def test_a_providers_webhook_suppresses_the_person_whose_mail_bounced_and_nobody_else(
    database: Database, engine: tuple[Engine, Any], provider: str
) -> None:
    working, server = engine
    one = next(one for one in server.received if one.rcpt_to == "p1@example.org")
    made = providers.build(provider, keys(working.settings.webhooks))
    assert isinstance(made, Sampling)
    headers, body = made.sample(one.rcpt_to, token_of(one), now=working.clock())
    app = create_app(working.settings, database=database, clock=working.clock, run_engine=False)
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="https://news.example.org") as client:
        assert (await client.post(f"/webhooks/{provider}", content=body, headers=headers)).status_code == 200
        assert await reasons(database) == [None, None, None], "stored before it is applied"
        assert (await client.post(f"/webhooks/{provider}", content=body, headers=headers)).status_code == 200
        forged = await client.post(f"/webhooks/{provider}", content=body, headers={"authorization": "Basic eDp5"})
        assert forged.status_code == 401
    await working.apply_reports()
    assert await reasons(database) == [None, Reason.HARD_BOUNCE, None]
    async with database.read() as connection:
        assert len(list(await connection.scalars(select(inbox.c.id)))) == 1


async def test_a_dsn_in_the_maildir_suppresses_and_then_leaves_new(
    database: Database, engine: tuple[Engine, Any], maildir: Path
) -> None:
    working, server = engine
    one = next(one for one in server.received if one.rcpt_to == "p2@example.org")
    report = DSN.format(return_path=one.mail_from.upper(), address=one.rcpt_to)
    (maildir / "new" / "1611.one").write_text(report)
    await working.tick()
    assert await reasons(database) == [None, None, Reason.HARD_BOUNCE]
    assert [file.name for file in (maildir / "cur").iterdir()] == ["1611.one:2,S"]
    assert list((maildir / "new").iterdir()) == []


async def test_a_dsn_with_a_token_that_is_not_ours_changes_nobody(
    database: Database, engine: tuple[Engine, Any], maildir: Path
) -> None:
    working, _ = engine
    report = DSN.format(return_path=f"bounce+{'a' * 40}@bounces.example.org", address="p2@example.org")
    (maildir / "new" / "1611.two").write_text(report)
    await working.tick()
    assert await reasons(database) == [None, None, None]
    async with database.read() as connection:
        assert (await connection.scalar(select(inbox.c.outcome))) == "unproven: it names no delivery of ours"


async def test_a_mailto_unsubscribe_is_obeyed_and_an_out_of_office_is_not_one(
    database: Database, engine: tuple[Engine, Any], maildir: Path
) -> None:
    working, server = engine
    by_person = {one.rcpt_to: token_of(one) for one in server.received}
    for number, automatic in ((0, ""), (1, "Auto-Submitted: auto-replied\n")):
        address = f"p{number}@example.org"
        (maildir / "new" / f"1611.{number}").write_text(
            f"From: {address}\nTo: unsubscribe+{by_person[address]}@bounces.example.org\n{automatic}Subject: x\n\n\n"
        )
    await working.tick()
    async with database.read() as connection:
        found = [await preferences.read(connection, number) for number in (1, 2)]
    assert [one.status for one in found if one] == ["left", "active"]
