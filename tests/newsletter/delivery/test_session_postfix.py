"""The SMTP session against Debian's Postfix: by chunks, by DATA, step by step, over TLS and over a Unix socket."""

import pytest

from newsletter.delivery import relay
from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Accepted, Deferred, Outcome, Refused, Stage
from newsletter.setting_tables import Smtp
from tests.postfix import Postfix

BODY = (
    b"Subject: %d\r\nMessage-ID: <%d@example.org>\r\nFrom: news@example.org\r\n"
    b"Date: Thu, 26 Nov 2026 04:42:28 +0000\r\n\r\nA line.\r\n=2E and more\r\n\r\n"
)


def item(number: int, to: str = "", extra: bytes = b"") -> Item:
    body = BODY % (number, number) + extra
    return Item(number, b"bounce+abc@example.org", (to or f"p{number}@example.net").encode(), body)


async def sent(settings: Smtp, items: list[Item]) -> dict[int, Outcome]:
    session = await relay.connect(settings, "news.example.org")
    outcomes = dict(await session.send(items))
    assert session.lost == ""
    await session.close()
    return outcomes


def bodies(messages: list[bytes]) -> list[bytes]:
    """What was written, without the lines that Postfix put above it, in order."""
    return sorted(message[message.index(b"Subject:") :] for message in messages)


@pytest.mark.parametrize("port", ["plain", "data", "steps"], ids=["chunks", "DATA", "step by step"])
@pytest.mark.parametrize("tls", ["none", "opportunistic"])
async def test_postfix_takes_every_message_as_it_was_written(postfix: Postfix, port: str, tls: str) -> None:
    items = [item(n) for n in range(20)]
    outcomes = await sent(postfix.settings(port, tls=tls), items)
    assert {type(outcome) for outcome in outcomes.values()} == {Accepted}
    arrived = bodies(postfix.delivered(20))
    assert arrived == sorted(one.body.replace(b"\r\n", b"\n") for one in items)


@pytest.mark.parametrize("port", ["plain", "data", "steps"], ids=["chunks", "DATA", "step by step"])
async def test_who_is_refused_or_deferred_is_settled_so_and_the_others_get_theirs(postfix: Postfix, port: str) -> None:
    people = ["nobody@example.net", "a@example.net", "later@example.net", "nobody@example.net", "b@example.net"]
    outcomes = await sent(postfix.settings(port), [item(n, to) for n, to in enumerate([*people, "x@elsewhere.test"])])
    kinds = [type(outcomes[n]) for n in range(6)]
    assert kinds == [Refused, Accepted, Deferred, Refused, Accepted, Accepted]
    assert outcomes[0] == Refused("550 5.1.1 <nobody@example.net>: Recipient address rejected: nobody", Stage.RCPT)
    assert len(postfix.delivered(2)) == 2


async def test_a_message_beyond_its_size_is_not_offered_and_one_in_another_script_is(postfix: Postfix) -> None:
    large = item(0, extra=b"x" * 70 + b"\r\n" + (b"y" * 70 + b"\r\n") * 1500)
    foreign = Item(1, b"bounce@example.org", "zoë@example.net".encode(), "To: zoë@example.net\r\n\r\nhi\r\n".encode())
    outcomes = await sent(postfix.settings(), [large, foreign])
    assert outcomes[0] == Refused("552 5.3.4 the message is larger than the relay takes (100000 bytes)", Stage.LOCAL)
    assert isinstance(outcomes[1], Accepted)
    assert "To: zoë@example.net".encode() in postfix.delivered(1)[0]


@pytest.mark.parametrize(("port", "tls"), [("plain", "required"), ("implicit", "implicit")])
async def test_a_certificate_must_be_believed_unless_verify_is_off(postfix: Postfix, port: str, tls: str) -> None:
    settings = postfix.settings(port, tls=tls)
    with pytest.raises(relay.RelayUnreachable, match=r"^smtp 127\.0\.0\.1:\d+: .*certificate verify failed"):
        await sent(settings, [])
    for believed in ({"ca_file": postfix.ca_file}, {"verify": False}):
        outcomes = await sent(settings.model_copy(update=believed), [item(1)])
        assert isinstance(outcomes[1], Accepted)
    assert len(postfix.delivered(2)) == 2


async def test_a_relay_is_reached_by_its_unix_socket(postfix: Postfix) -> None:
    outcomes = await sent(Smtp(socket=postfix.socket), [item(1), item(2)])
    assert [type(outcome) for outcome in outcomes.values()] == [Accepted, Accepted]
    assert len(postfix.delivered(2)) == 2
