"""The SMTP session, against a real server on a socket that answers as each test scripts it."""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from aiosmtpd.smtp import SMTP
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from newsletter.delivery import relay
from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Accepted, Deferred, Refused, Stage, Uncertain
from newsletter.delivery.session import Session
from newsletter.setting_tables import Smtp

BOTH_WAYS = pytest.mark.parametrize("extensions", [("PIPELINING",), ("8BITMIME",)], ids=["pipelined", "step by step"])


def item(key: int, to: str = "", body: bytes = b"Subject: x\r\n\r\nhello\r\n") -> Item:
    return Item(key, b"bounce@example.org", (to or f"p{key}@example.org").encode(), body)


async def connected(settings: Smtp) -> Session:
    return await relay.connect(settings, "news.example.org")


@BOTH_WAYS
async def test_every_message_of_a_window_arrives_as_it_was_written(smtp_server: Any, extensions: Any) -> None:
    async with smtp_server(extensions=extensions) as server:
        session = await connected(server.settings)
        outcomes = await session.send([item(n, body=b"Subject: %d\r\n\r\nhi\r\n" % n) for n in range(25)])
        await session.close()
    assert outcomes == [(n, Accepted("250 2.0.0 Ok queued")) for n in range(25)]
    assert [one.data for one in server.received] == [b"Subject: %d\r\n\r\nhi\r\n" % n for n in range(25)]
    assert [one.rcpt_to for one in server.received] == [f"p{n}@example.org" for n in range(25)]


@BOTH_WAYS
@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA", "BODY"])
@pytest.mark.parametrize(("reply", "kind"), [("550 5.1.1 no such user", Refused), ("451 4.7.1 later", Deferred)])
async def test_a_refusal_is_settled_as_what_it_is_and_the_others_still_arrive(
    smtp_server: Any, extensions: Any, verb: str, reply: str, kind: type
) -> None:
    seen = []

    def answers(asked: str, argument: str) -> str | None:
        if asked == "MAIL":
            seen.append(argument)
        return reply if asked == verb and len(seen) == 2 else None

    async with smtp_server(extensions=extensions, answers=answers) as server:
        session = await connected(server.settings)
        outcomes = dict(await session.send([item(n) for n in range(4)]))
        again = dict(await session.send([item(9)]))
        await session.close()
    assert outcomes[1] == kind(reply, Stage(verb.lower()))
    assert [type(outcomes[n]) for n in (0, 2, 3)] == [Accepted] * 3
    assert type(again[9]) is Accepted
    assert [one.rcpt_to for one in server.received] == [f"p{n}@example.org" for n in (0, 2, 3, 9)]


@BOTH_WAYS
async def test_a_server_that_takes_data_after_it_refused_the_recipient_gets_an_empty_message(
    smtp_server: Any, extensions: Any
) -> None:
    def answers(verb: str, argument: str) -> str | None:
        if verb == "RCPT" and argument.startswith("p0"):
            return "550 5.1.1 no"
        return "354 go on anyway" if verb == "DATA" else None

    async with smtp_server(extensions=extensions, answers=answers) as server:
        session = await connected(server.settings)
        outcomes = dict(await session.send([item(0), item(1)]))
        await session.close()
    assert outcomes == {0: Refused("550 5.1.1 no", Stage.RCPT), 1: Accepted("250 2.0.0 Ok queued")}
    assert len(server.received) == 1


@BOTH_WAYS
async def test_a_connection_lost_after_the_message_leaves_one_in_doubt_and_the_rest_unsent(
    smtp_server: Any, extensions: Any
) -> None:
    def answers(verb: str, argument: str) -> str | None:
        return "take-and-close" if verb == "BODY" and argument.startswith("p2") else None

    async with smtp_server(extensions=extensions, answers=answers) as server:
        session = await connected(server.settings)
        outcomes = dict(await session.send([item(n) for n in range(6)]))
        assert session.lost
        await session.close()
    assert set(outcomes) == {0, 1, 2}
    assert isinstance(outcomes[2], Uncertain)
    assert len(server.received) == 3


@BOTH_WAYS
async def test_421_defers_the_message_it_answers_and_ends_the_session(smtp_server: Any, extensions: Any) -> None:
    def answers(verb: str, argument: str) -> str | None:
        return "421 4.3.2 going down" if verb == "BODY" and argument.startswith("p1") else None

    async with smtp_server(extensions=extensions, answers=answers) as server:
        session = await connected(server.settings)
        outcomes = dict(await session.send([item(n) for n in range(3)]))
        await session.close()
    assert outcomes == {0: Accepted("250 2.0.0 Ok queued"), 1: Deferred("421 4.3.2 going down", Stage.BODY)}
    assert "going down" in session.lost


async def test_a_server_that_hangs_is_left_after_the_timeout(smtp_server: Any) -> None:
    async with smtp_server(answers=lambda verb, _: "hang" if verb == "BODY" else None) as server:
        impatient = server.settings.model_copy(update={"timeout": timedelta(seconds=0.2)})
        session = await connected(impatient)
        outcomes = await session.send([item(0), item(1)])
        await session.close()
    assert [type(outcome) for _, outcome in outcomes] == [Uncertain]
    assert "did not answer" in session.lost


async def test_an_address_that_would_inject_a_command_never_reaches_the_wire(smtp_server: Any) -> None:
    evil = ["a@b.example>\r\nRCPT TO:<x@y.example", "a b@c.example", "<a@b.example", "no-at-sign", "a@b\x00.example"]
    async with smtp_server() as server:
        session = await connected(server.settings)
        outcomes = await session.send([item(n, to) for n, to in enumerate(evil)])
        await session.close()
    assert all(
        outcome == Refused("553 5.1.3 the address cannot stand in an SMTP envelope", Stage.LOCAL)
        for _, outcome in outcomes
    )
    assert not [command for command in server.commands if command.startswith(("MAIL", "RCPT"))]


async def test_smtputf8_is_asked_for_where_offered_and_a_local_failure_where_not(smtp_server: Any) -> None:
    async with smtp_server() as server:
        session = await connected(server.settings)
        assert type(dict(await session.send([item(0, "zoë@example.org")]))[0]) is Accepted
        await session.close()
    assert any(command.endswith("SMTPUTF8") for command in server.commands)
    async with smtp_server(extensions=("PIPELINING",)) as server:
        session = await connected(server.settings)
        assert dict(await session.send([item(0, "zoë@example.org")]))[0].stage is Stage.LOCAL  # type: ignore[union-attr]
        await session.close()


async def test_a_message_larger_than_the_relay_takes_is_refused_before_it_is_offered(smtp_server: Any) -> None:
    async with smtp_server(extensions=("PIPELINING", "SIZE 1000")) as server:
        session = await connected(server.settings)
        outcome = dict(await session.send([item(0, body=b"x" * 900 + b"\r\n" * 100)]))[0]
        await session.close()
    assert isinstance(outcome, Refused)
    assert "5.3.4" in outcome.reply
    assert server.received == []


@pytest.mark.parametrize("noise", ["nonsense", "999 what", "HTTP/1.1 200 OK"])
async def test_what_is_no_smtp_reply_ends_the_session(smtp_server: Any, noise: str) -> None:
    async with smtp_server(answers=lambda verb, _: noise if verb == "MAIL" else None) as server:
        session = await connected(server.settings)
        assert await session.send([item(0)]) == []
        assert "no SMTP reply" in session.lost
        await session.close()


async def test_a_relay_that_is_not_there_is_one_clear_line(unused_tcp_port: int) -> None:
    with pytest.raises(relay.RelayUnreachable, match=rf"smtp 127\.0\.0\.1:{unused_tcp_port}: ") as caught:
        await connected(Smtp(host="127.0.0.1", port=unused_tcp_port, tls="none"))
    assert "\n" not in str(caught.value)


@given(data=st.data())
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_however_replies_are_split_merged_and_refused_each_message_has_its_own_outcome(
    smtp_server: Callable[..., Any], data: st.DataObject
) -> None:
    refused = data.draw(st.sets(st.integers(0, 7)))
    lost_at = data.draw(st.none() | st.integers(0, 7))
    size = data.draw(st.integers(1, 9))
    pipelining = data.draw(st.booleans())
    verb = data.draw(st.sampled_from(["RCPT", "BODY"]))

    def number(address: str) -> int:
        return int(address[1:].partition("@")[0])

    def answers(asked: str, argument: str) -> str | None:
        if asked == "BODY" and number(argument) == lost_at:
            return "take-and-close"
        if asked == verb and number(argument) in refused:
            return "550-5.1.1 no\r\n550 5.1.1 really not"
        return None

    async def scenario() -> None:
        extensions = ("PIPELINING",) if pipelining else ("8BITMIME",)
        cut = lambda text: [text[i : i + size] for i in range(0, len(text), size)]  # noqa: E731
        async with smtp_server(answers=answers, extensions=extensions, cut=cut) as server:
            session = await connected(server.settings)
            outcomes = dict(await session.send([item(n) for n in range(8)]))
            await session.close()
        taken = {number(one.rcpt_to) for one in server.received}
        accepted = {n for n, outcome in outcomes.items() if isinstance(outcome, Accepted)}
        uncertain = {n for n, outcome in outcomes.items() if isinstance(outcome, Uncertain)}
        assert accepted | uncertain == taken
        assert len(uncertain) <= 1
        assert {n for n, outcome in outcomes.items() if isinstance(outcome, Refused)} == refused & set(outcomes) - taken
        if not uncertain:
            assert set(outcomes) == set(range(8))
        assert len(server.received) == len(taken)

    asyncio.run(scenario())


async def test_aiosmtpd_takes_what_we_send() -> None:
    class Keep:
        def __init__(self) -> None:
            self.bodies: list[bytes] = []

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802 - aiosmtpd's name
            self.bodies.append(envelope.original_content)
            return "250 OK"

    keep = Keep()
    listening = await asyncio.get_running_loop().create_server(lambda: SMTP(keep), "127.0.0.1", 0)
    port = listening.sockets[0].getsockname()[1]
    session = await connected(Smtp(host="127.0.0.1", port=port, tls="none"))
    outcomes = await session.send([item(n) for n in range(5)])
    await session.close()
    listening.close()
    assert [type(outcome) for _, outcome in outcomes] == [Accepted] * 5
    assert keep.bodies == [b"Subject: x\r\n\r\nhello\r\n"] * 5
