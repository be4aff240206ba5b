"""Each way a report can come in, from the socket or the mailbox through to suppression, on both databases."""

import asyncio
import email
import email.policy
import smtplib
from collections.abc import AsyncIterator
from datetime import datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx2
import pytest
from sqlalchemy import select

from newsletter.campaigns import lifecycle, store
from newsletter.constellation import loading
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.engine import embedded, listener, mailboxes, parts, returned_mail
from newsletter.engine.embedded import Engine
from newsletter.feedback import kept
from newsletter.setting_tables import Mailbox
from newsletter.settings import Settings
from newsletter.tables import inbox
from newsletter.web.app import create_app
from subscribers import preferences, suppression
from subscribers.suppression import Reason
from subscribers.tables import subscriber
from tests import hashes
from tests.dovecot import Dovecot
from webhooks import mailbox, providers
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


OPT_OUT = """From: fbl@mx.example.org
To: fbl@bounces.example.org
Subject: They press our own button
Date: Fri, 15 Jan 2021 12:03:00 +0000
MIME-Version: 1.0
Content-Type: multipart/report; report-type=feedback-report; boundary="b"

--b
Content-Type: text/plain

Somebody wants no more of this.

--b
Content-Type: message/feedback-report

Feedback-Type: opt-out
Version: 1
User-Agent: button/1
Original-Rcpt-To: {address}

--b
Content-Type: message/rfc822

CFBL-Feedback-ID: {token}
Subject: An invitation

Come!
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
        return [await suppression.find(connection, hashes.of_number(n)) for n in range(3)]


@pytest.mark.parametrize("provider", ["postmark", "generic"])
async def test_a_providers_webhook_suppresses_the_person_whose_mail_bounced_and_nobody_else(
    database: Database, engine: tuple[Engine, Any], provider: str
) -> None:
    working, server = engine
    one = next(one for one in server.received if one.rcpt_to == "p1@example.org")
    made = providers.build(provider, working.settings.webhooks.in_clear())
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
    (goodbye,) = [one for one in server.received if "You have left" in _subject(one)]
    assert goodbye.rcpt_to == "p0@example.org"
    assert b"Auto-Submitted: auto-generated" in goodbye.data
    (maildir / "new" / "1611.9").write_text(
        f"From: p0@example.org\nTo: unsubscribe+{by_person['p0@example.org']}@bounces.example.org\n\nAnd again\n"
    )
    await working.tick()
    assert sum("You have left" in _subject(one) for one in server.received) == 1, "one goodbye is enough"


async def test_an_unsubscribe_that_a_machine_reports_is_obeyed_without_a_goodbye(
    database: Database, engine: tuple[Engine, Any], maildir: Path
) -> None:
    working, server = engine
    one = server.received[0]
    report = OPT_OUT.format(token=token_of(one), address=one.rcpt_to)
    (maildir / "new" / "1611.arf").write_text(report)
    await working.tick()
    async with database.read() as connection:
        left = await connection.scalar(select(subscriber.c.status).where(subscriber.c.address == one.rcpt_to))
    assert left == "left"
    assert not any("You have left" in _subject(one) for one in server.received)


def _subject(received: Any) -> str:
    return str(email.message_from_bytes(received.data, policy=email.policy.default)["Subject"])


async def test_bounces_are_taken_out_of_a_mailbox_at_a_server_and_obeyed(
    database: Database, engine: tuple[Engine, Any], dovecot: Dovecot
) -> None:
    working, server = engine
    user = f"u{uuid4().hex}"
    account = Mailbox(
        protocol="imap", port=dovecot.ports["imaps"], username=user, password="secret", ca_file=dovecot.ca_file
    )
    settings = working.settings.model_copy(update={"mailbox": account})
    one = next(one for one in server.received if one.rcpt_to == "p1@example.org")
    dovecot.deliver(user, DSN.format(return_path=one.mail_from, address=one.rcpt_to).encode())
    dovecot.deliver(user, b"From: a-person@example.org\nSubject: A question\n\nWhere is it?\n")
    links = parts.links(settings)
    assert await mailboxes.collect(database, links, settings, working.clock()) == 2
    assert dovecot.holds(user) == 0
    await working.apply_reports()
    assert await reasons(database) == [None, Reason.HARD_BOUNCE, None]
    async with database.read() as connection:
        (question,) = await kept.waiting(connection)
        assert (question.sender, question.subject) == ("a-person@example.org", "A question")
        assert b"Where is it?" in await kept.raw(connection, question.id)


class Unwritable:
    """A database whose disk is full."""

    def begin(self) -> None:
        raise OSError("No space left on device")


async def test_a_mail_that_could_not_be_stored_stays_in_its_mailbox(
    database: Database, engine: tuple[Engine, Any], maildir: Path
) -> None:
    working, _ = engine
    (maildir / "new" / "1611.one").write_text("Subject: x\n\n")
    with pytest.raises(OSError, match="No space"):
        await returned_mail.collect(Unwritable(), working.links, mailbox.maildir(maildir), working.clock())
    assert [file.name for file in (maildir / "new").iterdir()] == ["1611.one"]


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
async def test_a_bounce_handed_over_by_a_mail_server_is_stored_before_it_is_acknowledged(
    database: Database, engine: tuple[Engine, Any], protocol: str
) -> None:
    working, server = engine
    one = next(one for one in server.received if one.rcpt_to == "p0@example.org")
    report = DSN.format(return_path="undisclosed-recipients:;", address=one.rcpt_to)
    box = listener.Letterbox(database, working.links, working.settings.bounces.address, working.clock)
    async with listener.listening(f"{protocol}://127.0.0.1:0", box) as port:
        told = await asyncio.to_thread(_hand_over, protocol, port, one.mail_from.upper(), report)
    assert told == [(250, "2.1.5"), (452, "4.5.3"), (550, "5.1.1"), (550, "5.1.1"), (250, "2.0.0")]
    await working.apply_reports()
    assert await reasons(database) == [Reason.HARD_BOUNCE, None, None]


@pytest.mark.parametrize("protocol", ["lmtp", "smtp"])
async def test_what_a_mail_server_hands_over_from_nobody_ends_no_subscription_and_is_not_answered(
    database: Database, engine: tuple[Engine, Any], protocol: str
) -> None:
    working, server = engine
    for_ana, for_ben = (one for one in server.received if one.rcpt_to in ("p0@example.org", "p1@example.org"))
    box = listener.Letterbox(database, working.links, working.settings.bounces.address, working.clock)

    def hand_over(port: int, sender: str, one: Any) -> None:
        kind = smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP
        to = f"unsubscribe+{token_of(one)}@bounces.example.org"
        with kind("127.0.0.1", port, local_hostname="mx.example.org") as client:
            client.sendmail(sender, [to], f"From: {one.rcpt_to}\nTo: {to}\nSubject: I read it\n\nThank you.\n")

    async with listener.listening(f"{protocol}://127.0.0.1:0", box) as port:
        await asyncio.to_thread(hand_over, port, "", for_ana)
        await asyncio.to_thread(hand_over, port, for_ben.rcpt_to, for_ben)
    await working.tick()
    async with database.read() as connection:
        left = list(await connection.scalars(select(subscriber.c.address).where(subscriber.c.status == "left")))
        (waiting,) = await kept.waiting(connection)
    assert left == [for_ben.rcpt_to]
    assert (waiting.sender, waiting.subject) == (for_ana.rcpt_to, "I read it")
    assert [one.rcpt_to for one in server.received if "You have left" in _subject(one)] == [for_ben.rcpt_to]


def mistaken() -> datetime:
    raise LookupError("a mistake of ours")


@pytest.mark.parametrize("is_ours", [False, True], ids=["a full disk", "a mistake of ours"])
async def test_a_mail_server_is_asked_to_keep_what_could_not_be_stored(
    database: Database, engine: tuple[Engine, Any], is_ours: bool
) -> None:
    working, server = engine
    how = (database, mistaken) if is_ours else (Unwritable(), working.clock)
    box = listener.Letterbox(how[0], working.links, working.settings.bounces.address, how[1])
    async with listener.listening("lmtp://127.0.0.1:0", box) as port:
        told = await asyncio.to_thread(_hand_over, "lmtp", port, server.received[0].mail_from, "Subject: x\n\n")
    assert told[-1] == (451, "4.3.0")


class Unreadable:
    """Links that cannot read a token, by a mistake of ours."""

    def read_delivery_token(self, token: str) -> None:
        raise LookupError(token)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_mistake_of_ours_at_a_recipient_refuses_nobody_and_strangers_write_nothing_into_the_log(
    database: Database, settings: Settings, clock: Any, caplog: pytest.LogCaptureFixture
) -> None:
    def told(port: int) -> list[int]:
        with smtplib.SMTP("127.0.0.1", port, local_hostname="mx.example.org") as client:
            return [client.docmd("\x1b]0;YOURS")[0], client.ehlo()[0], client.mail("")[0], client.rcpt(recipient)[0]]

    recipient = f"bounce+{'a' * 40}@bounces.example.org"
    box = listener.Letterbox(database, Unreadable(), settings.bounces.address, clock)
    async with listener.listening("smtp://127.0.0.1:0", box) as port:
        assert await asyncio.to_thread(told, port) == [500, 250, 250, 451]
    assert caplog.records == []


def _hand_over(protocol: str, port: int, recipient: str, text: str) -> list[tuple[int, str]]:
    """What a mail server hears for a true recipient, a second one, a forged and a foreign one, and for the mail."""
    kind = smtplib.LMTP if protocol == "lmtp" else smtplib.SMTP
    with kind("127.0.0.1", port, local_hostname="mx.example.org") as client:
        client.ehlo_or_helo_if_needed()
        client.mail("")
        forged = f"bounce+{'a' * 40}@bounces.example.org"
        answers = [client.rcpt(to) for to in (recipient, "bounce@bounces.example.org", forged, "x@example.net")]
        answers.append(client.data(text))
    return [(code, words.decode().split()[0]) for code, words in answers]
