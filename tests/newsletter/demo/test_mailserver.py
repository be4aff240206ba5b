"""The demo's SMTP server: what our sender and the standard library's client say to it, and what strangers may."""

import asyncio
import smtplib
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import pytest

from newsletter.delivery import relay
from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Accepted, Deferred, Refused
from newsletter.demo.mailserver import MailServer
from newsletter.setting_tables import Smtp

MESSAGE = b"Subject: Hello\r\n\r\nOne line.\r\n"


@dataclass
class Kept:
    """What was taken."""

    mails: list[tuple[str, str, bytes]] = field(default_factory=list)

    def keep(self, sender: str, recipient: str, content: bytes) -> None:
        self.mails.append((sender, recipient, content))


def judge(sender: str, recipient: str) -> bytes:
    if recipient.startswith("gone"):
        return b"550 5.1.1 no such mailbox"
    return b"451 4.7.1 later" if recipient.startswith("busy") else b"250 2.1.5 OK"


@pytest.fixture
def kept() -> Kept:
    return Kept()


@pytest.fixture
async def port(kept: Kept) -> AsyncIterator[int]:
    server = MailServer(judge, kept)
    yield await server.open()
    await server.close()


Talk = Callable[[bytes], Awaitable[list[bytes]]]


@pytest.fixture
async def talk(port: int) -> AsyncIterator[Talk]:
    """Says something and reads until the server has hung up; answers the lines it said after its greeting."""
    writers: list[asyncio.StreamWriter] = []

    async def say(words: bytes) -> list[bytes]:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writers.append(writer)
        writer.write(words)
        lines = (await reader.read()).splitlines()
        assert lines[0].startswith(b"220 ")
        return lines[1:]

    yield say
    for writer in writers:
        writer.close()


async def test_our_own_sender_pipelines_to_it_and_hears_each_verdict(port: int, kept: Kept) -> None:
    session = await relay.connect(Smtp(host="127.0.0.1", port=port, tls="none"), "localhost")
    people = (b"ana@example.org", b"gone@example.org", b"busy@example.org", b"ben@example.org")
    outcomes = dict(
        await session.send(Item(number, b"bounce+x@example.org", who, MESSAGE) for number, who in enumerate(people))
    )
    await session.close()
    assert [type(outcomes[number]) for number in range(4)] == [Accepted, Refused, Deferred, Accepted]
    assert [recipient for _, recipient, _ in kept.mails] == ["ana@example.org", "ben@example.org"]
    assert {content for _, _, content in kept.mails} == {MESSAGE}


async def test_the_standard_librarys_client_can_speak_with_it_too(port: int, kept: Kept) -> None:
    def send() -> dict[str, tuple[int, bytes]]:
        with smtplib.SMTP("127.0.0.1", port) as client:
            text = "Subject: Dots\r\n\r\n.one\r\n..two\r\n"
            return client.sendmail("a@example.org", ["ana@example.org", "gone@example.org"], text)

    refused = await asyncio.to_thread(send)
    assert refused == {"gone@example.org": (550, b"5.1.1 no such mailbox")}
    assert kept.mails == [("a@example.org", "ana@example.org", b"Subject: Dots\r\n\r\n.one\r\n..two\r\n")]


async def test_an_address_in_any_script_arrives_as_it_was_said(port: int, kept: Kept) -> None:
    session = await relay.connect(Smtp(host="127.0.0.1", port=port, tls="none"), "localhost")
    await session.send([Item(1, b"a@example.org", "ženja@example.org".encode(), MESSAGE)])
    await session.close()
    assert kept.mails[0][1] == "ženja@example.org"


@pytest.mark.parametrize(
    ("words", "answers"),
    [
        (b"HELLO\r\nQUIT\r\n", [b"500", b"221"]),
        (b"RCPT TO:<a@example.org>\r\nQUIT\r\n", [b"503", b"221"]),
        (b"MAIL FROM:<>\r\nRCPT TO:<>\r\nQUIT\r\n", [b"250", b"501", b"221"]),
        (b"MAIL FROM:a@example.org\r\nQUIT\r\n", [b"501", b"221"]),
        (b"MAIL FROM:<a@example.org>\r\nMAIL FROM:<b@example.org>\r\nQUIT\r\n", [b"250", b"503", b"221"]),
        (b"MAIL FROM:<a@example.org>\r\nDATA\r\nQUIT\r\n", [b"250", b"554", b"221"]),
        (
            b"MAIL FROM:<a@example.org>\r\nRSET\r\nMAIL FROM:<b@example.org>\r\nQUIT\r\n",
            [b"250", b"250", b"250", b"221"],
        ),
        (b"x" * 3000, [b"500"]),
    ],
)
async def test_what_makes_no_sense_is_answered_and_keeps_nothing(
    talk: Talk, kept: Kept, words: bytes, answers: list[bytes]
) -> None:
    assert [line[:3] for line in await talk(words)] == answers
    assert kept.mails == []


async def test_an_empty_message_is_a_message(talk: Talk, kept: Kept) -> None:
    words = b"MAIL FROM:<a@example.org>\r\nRCPT TO:<b@example.org>\r\nDATA\r\n.\r\nQUIT\r\n"
    assert [line[:3] for line in await talk(words)] == [b"250", b"250", b"354", b"250", b"221"]
    assert kept.mails == [("a@example.org", "b@example.org", b"")]
