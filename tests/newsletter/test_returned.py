"""What real mail servers send back, from a campaign that they took through Dovecot and IMAP to what follows."""

import time
from typing import Any

import pytest
from sqlalchemy import insert, select

from newsletter.campaigns import lifecycle, report, store
from newsletter.constellation import loading
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.engine import embedded
from newsletter.setting_tables import Mailbox
from newsletter.settings import Settings
from newsletter.tables import inbox
from subscribers.tables import choice, subscriber, suppression
from tests.returning import Returning

PEOPLE = [
    "ana@example.net",
    "nobody@example.net",
    "full@example.net",
    "ben@late.example",
    "eva@elsewhere.example",
]


async def enlist(database: Database, now: Any) -> None:
    async with database.begin() as connection:
        for address in PEOPLE:
            values = {"address": address, "normal": address, "hash": f"hash-{address}", "status": "active"}
            number = await connection.scalar(
                insert(subscriber).values(**values, joined_at=now, confirmed_at=now).returning(subscriber.c.id)
            )
            await connection.execute(insert(choice).values(subscriber_id=number, topic="*", stance="follow"))


def wait_for(returning: Returning, count: int) -> None:
    """A mail server returns mail in its own time."""
    until = time.monotonic() + 30
    while (came := returning.dovecot.holds("bounces")) < count:
        if time.monotonic() > until:
            pytest.fail(f"only {came} of {count} mails came back:\n{returning.log.read_text()[-3000:]}")
        time.sleep(0.02)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("server", "late"), [("returning_postfix", "network"), ("returning_exim", "expired")], ids=["Postfix", "Exim"]
)
async def test_what_a_real_server_returns_is_read_for_what_it_is_and_only_the_unknown_are_given_up(
    database: Database,
    settings: Settings,
    constellation: Constellation,
    clock: Any,
    server: str,
    late: str,
    request: pytest.FixtureRequest,
) -> None:
    returning: Returning = request.getfixturevalue(server)
    dovecot = returning.dovecot
    account = Mailbox(
        protocol="imap", port=dovecot.ports["imaps"], username="bounces", password="secret", ca_file=dovecot.ca_file
    )
    settings = settings.model_copy(update={"smtp": returning.relay, "mailbox": account})
    await enlist(database, clock())
    async with database.begin() as connection:
        await loading.load(connection, constellation, clock(), actor="test")
        draft = await store.draft(connection, "closing", "invitation", now=clock())
        await lifecycle.start(connection, settings, draft, now=clock())
    async with embedded.opened(settings, database, clock) as engine:
        await engine.tick()
        wait_for(returning, 4)
        await engine.tick()
    assert dovecot.holds("bounces") == 0
    async with database.read() as connection:
        events = list(await connection.scalars(select(inbox.c.event)))
        seen = await report.read(connection, await store.find(connection, draft.slug))
        gone = list(await connection.scalars(select(suppression.c.hash)))
    read = {event["address"]: (event["bounce"], event["reason"]) for event in events}
    assert read == {
        "nobody@example.net": ("hard", "no-such-user"),
        "full@example.net": ("soft", "mailbox-full"),
        "ben@late.example": ("soft", late),
        "eva@elsewhere.example": ("block", "relay-denied"),
    }
    assert gone == ["hash-nobody@example.net"]
    assert seen.feedback == {"hard": 1, "soft": 2, "block": 1}
