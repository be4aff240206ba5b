"""Messages are signed and posted to a real server; what is not taken is tried for days, then given up and told."""

import asyncio
import email
import email.policy
import json
from datetime import datetime
from typing import Any

import pytest
from sqlalchemy import insert, select
from standardwebhooks import Webhook

from newsletter.constellation import loading
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.delivery.relay import Relay
from newsletter.delivery.relays import Member, Relays
from newsletter.delivery.staff import Staff
from newsletter.outgoing import endpoints, outbox
from newsletter.outgoing.endpoints import Endpoint
from newsletter.outgoing.notice import TELLING
from newsletter.outgoing.outbox import Delivery, State
from newsletter.outgoing.telling import Teller
from newsletter.outgoing.types import Type
from newsletter.setting_tables import Outgoing, Smtp
from newsletter.tables import outgoing
from subscribers import addresses, erasure, signup

HERE = Outgoing(allow_private=True)


@pytest.fixture
def teller(database: Database, clock: Any) -> Teller:
    return Teller(database, HERE, clock)


async def tell(teller: Teller) -> int:
    return await teller.tell(asyncio.Event())


async def listening(database: Database, url: str, now: datetime) -> Endpoint:
    async with database.begin() as connection:
        return await endpoints.add(connection, url, tuple(Type), allow_private=True, now=now)


async def join(database: Database, now: datetime, address: str = "ana@example.org") -> int:
    async with database.begin() as connection:
        request = signup.Request(addresses.parse(address), "form")
        due = await signup.join(connection, request, hash_key="h" * 40, now=now)
        assert isinstance(due, signup.ConfirmationDue)
        return due.subscriber_id


async def looked(database: Database) -> tuple[list[Delivery], list[Endpoint]]:
    async with database.read() as connection:
        return await outbox.latest(connection), await endpoints.listed(connection)


def through(smtp: Smtp, clock: Any) -> Relays:
    return Relays([Member("smtp", Relay(smtp, "news.example.org"))], clock)


async def test_a_message_arrives_signed_so_that_an_independent_library_believes_it(
    database: Database, teller: Teller, clock: Any, http_server: Any
) -> None:
    async with http_server() as server:
        to = await listening(database, server.url, clock())
        await join(database, clock())
        assert await tell(teller) == 1
        assert await tell(teller) == 0
        (posted,) = server.received
    expected = Webhook(to.secret).sign(posted.headers["webhook-id"], clock(), posted.body.decode())
    assert posted.headers["webhook-signature"] == expected
    assert posted.headers["content-type"] == "application/json"
    assert posted.headers["host"] == f"127.0.0.1:{server.port}"
    assert json.loads(posted.body)["data"]["subscriber"]["address"] == "ana@example.org"
    (message,), _ = await looked(database)
    assert (message.state, message.attempts, message.answer) == ("delivered", 1, "200 heard")


@pytest.mark.parametrize("answer", ["500 Oh", "404 No", "302 Found\r\nLocation: http://127.0.0.1:1/x"])
async def test_what_is_not_taken_is_tried_again_later_as_the_same_message(
    database: Database, teller: Teller, clock: Any, http_server: Any, answer: str
) -> None:
    async with http_server() as server:
        await listening(database, server.url, clock())
        await join(database, clock())
        server.answer = answer
        assert await tell(teller) == 0
        assert len(server.received) == 1, "a redirect is not followed"
        clock.forward(seconds=20)
        assert await tell(teller) == 0
        assert len(server.received) == 1, "it is left alone for a while"
        server.answer = "204 No Content"
        clock.forward(seconds=20)
        assert await tell(teller) == 1
        first, again = server.received
    assert first.headers["webhook-id"] == again.headers["webhook-id"]
    assert first.body == again.body
    assert first.headers["webhook-signature"] != again.headers["webhook-signature"], "the time is signed too"
    _, (one,) = await looked(database)
    assert (one.failures, one.failing_since) == (0, None)


async def test_an_endpoint_that_fails_is_asked_with_one_message_at_a_time(
    database: Database, teller: Teller, clock: Any, http_server: Any
) -> None:
    async with http_server() as server:
        await listening(database, server.url, clock())
        server.answer = "503 Later\r\nRetry-After: 600"
        await join(database, clock())
        await tell(teller)
        for number in range(3):
            await join(database, clock(), f"p{number}@example.org")
        clock.forward(minutes=7)
        await tell(teller)
        assert len(server.received) == 1, "Retry-After was heeded"
        clock.forward(minutes=8)
        await tell(teller)
        assert len(server.received) == 2
        server.answer = "200 OK"
        clock.forward(hours=1)
        assert await tell(teller) == 4


async def test_after_days_it_is_turned_off_and_staff_are_told_once(
    database: Database, teller: Teller, constellation: Constellation, clock: Any, smtp_server: Any, unused_tcp_port: int
) -> None:
    async with database.begin() as connection:
        await loading.load(connection, constellation, clock(), actor="test")
    to = await listening(database, f"http://127.0.0.1:{unused_tcp_port}/", clock())
    await join(database, clock())
    for _ in range(12):
        await tell(teller)
        clock.forward(hours=8)  # longer than the longest wait between two attempts
    (message,), (one,) = await looked(database)
    assert message.state == State.FAILED
    assert message.attempts == 10, "at the beginning, and every eight hours until three days were over"
    assert one.disabled_at is not None
    assert f"took nothing since {message.at:%Y-%m-%d %H:%M} UTC" in one.disabled_for
    await join(database, clock(), "late@example.org")
    assert len((await looked(database))[0]) == 1, "nothing more is kept for it"
    async with smtp_server() as server:
        staff = Staff(database, through(server.settings, clock), "", clock)
        await staff.tell(TELLING)
        await staff.tell(TELLING)
        await staff.relays.close()
    (mail,) = server.received
    assert mail.rcpt_to == constellation.contact
    told = email.message_from_bytes(mail.data, policy=email.policy.default)
    text = told.get_content()
    assert text.startswith("Since ")
    assert " EST, http" in " ".join(text.split())
    assert to.url in told["Subject"]
    assert told["Auto-Submitted"] == "auto-generated"
    assert f"newsletter webhooks enable {to.id}" in " ".join(text.split())


async def test_staff_are_told_later_when_the_relay_is_away(
    database: Database, constellation: Constellation, clock: Any, smtp_server: Any, unused_tcp_port: int
) -> None:
    async with database.begin() as connection:
        await loading.load(connection, constellation, clock(), actor="test")
    one = await listening(database, "http://127.0.0.1:1/", clock())
    async with database.begin() as connection:
        await outbox.disable(connection, one.id, "it answered 410 Gone", clock())
    nowhere = Smtp(host="127.0.0.1", port=unused_tcp_port, tls="none")
    away = through(nowhere, clock)
    await Staff(database, away, "ops@example.org", clock).tell(TELLING)
    async with smtp_server() as server:
        staff = Staff(database, through(server.settings, clock), "ops@example.org", clock)
        await staff.tell(TELLING)
        assert server.received == [], "not again at once"
        clock.forward(minutes=11)
        await staff.tell(TELLING)
        await staff.relays.close()
    assert [mail.rcpt_to for mail in server.received] == ["ops@example.org"]


async def test_410_turns_it_off_at_once_and_what_it_missed_can_be_redelivered(
    database: Database, teller: Teller, clock: Any, http_server: Any
) -> None:
    async with http_server() as server:
        to = await listening(database, server.url, clock())
        for number in range(12):
            await join(database, clock(), f"p{number}@example.org")
        server.answer = "410 Gone"
        await tell(teller)
        sent, (one,) = await looked(database)
        assert one.disabled_at is not None
        assert {message.state for message in sent} == {"failed"}
        async with database.begin() as connection:
            with pytest.raises(endpoints.EndpointError, match="enable"):
                await outbox.redeliver_failed(connection, to.id, clock())
            await endpoints.enable(connection, to.id)
            assert await outbox.redeliver_failed(connection, to.id, clock()) == 12
        server.answer, heard = "200 OK", len(server.received)
        assert await tell(teller) == 12
        again = {posted.headers["webhook-id"] for posted in server.received[heard:]}
    assert again == {f"msg_{message.id}" for message in sent}


async def test_a_private_address_is_told_nothing_unless_that_is_allowed(
    database: Database, clock: Any, http_server: Any
) -> None:
    async with http_server() as server:
        await listening(database, server.url, clock())
        await join(database, clock())
        assert await tell(Teller(database, Outgoing(), clock)) == 0
        assert server.received == []
    (message,), _ = await looked(database)
    assert message.state == "waiting"
    assert "by HTTPS only, as in https://" in message.answer


async def test_who_is_erased_takes_along_what_was_not_told_yet(
    database: Database, teller: Teller, clock: Any, http_server: Any
) -> None:
    async with http_server() as server:
        await listening(database, server.url, clock())
        person = await join(database, clock())
        async with database.begin() as connection:
            await erasure.erase(connection, person, now=clock())
        await tell(teller)
        assert [json.loads(posted.body)["data"] for posted in server.received] == [{"subscriber": {"id": person}}]


async def test_a_teller_that_dies_loses_nothing_and_one_that_comes_back_settles_nothing(
    database: Database, teller: Teller, clock: Any, http_server: Any
) -> None:
    async with http_server() as server:
        await listening(database, server.url, clock())
        await join(database, clock())
        async with database.begin() as connection:
            (held,) = await outbox.claim(connection, clock())
        assert await tell(teller) == 0, "another one has it"
        clock.forward(minutes=3)
        assert await tell(teller) == 1
        async with database.begin() as connection:
            await outbox.settle(connection, outbox.Settlement(held, State.FAILED, "too late", "{}"))
        (message,), _ = await looked(database)
    assert (message.state, message.attempts) == ("delivered", 2)


async def test_what_was_told_is_forgotten_after_a_while_and_what_waits_is_not(
    database: Database, teller: Teller, clock: Any
) -> None:
    await listening(database, "http://127.0.0.1:1/", clock())
    async with database.begin() as connection:
        row = {"endpoint_id": 1, "type": "subscriber.erased", "at": clock(), "subject_id": 1, "due_at": clock()}
        rows = [row | {"state": state, "tried_at": clock()} for state in State]
        await connection.execute(insert(outgoing), rows)
    clock.forward(days=29)
    await teller.forget_old()
    assert len((await looked(database))[0]) == 3
    clock.forward(days=2)
    await teller.forget_old()
    async with database.read() as connection:
        assert list(await connection.scalars(select(outgoing.c.state))) == ["waiting"]


async def test_one_message_that_is_never_taken_is_given_up_and_does_not_hold_up_the_others(
    database: Database, teller: Teller, clock: Any, http_server: Any
) -> None:
    async with http_server() as server:
        server.answer = lambda posted: "422 No" if posted.headers["webhook-id"] == "msg_1" else "200 OK"
        await listening(database, server.url, clock())
        for number in range(16):
            await join(database, clock(), f"p{number}@example.org")
            await tell(teller)
            clock.forward(hours=6)
        sent, (one,) = await looked(database)
    assert [(message.id, message.answer) for message in sent if message.state != "delivered"] == [(1, "422 heard")]
    assert sent[-1].state == "failed"
    assert one.disabled_at is None
