"""A real SMTP server on a socket whose answers a test can script, and people to write to."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from newsletter.setting_tables import Smtp
from subscribers.tables import choice, subscriber
from tests import hashes


@dataclass(frozen=True, slots=True)
class Received:
    """One message the server took."""

    mail_from: str
    rcpt_to: str
    data: bytes


Answers = Callable[[str, str], str | None]
"""Given the verb (MAIL, RCPT, DATA, BODY) and its argument: a reply, `close`, `hang`, or None for the usual one."""

USUAL = {
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "DATA": "354 go on",
    "BODY": "250 2.0.0 Ok queued",
    "RSET": "250 2.0.0 Ok",
    "NOOP": "250 2.0.0 Ok",
    "QUIT": "221 2.0.0 bye",
}


@dataclass(slots=True)
class ScriptedServer:
    """An ESMTP server (RFC 5321); `cut` re-chunks what it writes, to split and merge replies anywhere;
    while `gate` is clear no message is answered, and each only after `delay` seconds. A tarpit waits for `drip` seconds
    before each piece that it writes; one that `is_mute` does not even greet."""

    answers: Answers = lambda verb, argument: None
    extensions: tuple[str, ...] = ("PIPELINING", "8BITMIME", "SMTPUTF8")
    gate: asyncio.Event | None = None
    delay: float = 0.0
    drip: float = 0.0
    is_mute: bool = False
    cut: Callable[[bytes], list[bytes]] = lambda data: [data]
    received: list[Received] = field(default_factory=list)
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    port: int = 0
    listening: asyncio.Server | None = None
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def listen(self) -> None:
        """Listen: at a free port of loopback, or at the one it had."""
        self.listening = await asyncio.start_server(self.serve, "127.0.0.1", self.port)
        self.port = self.listening.sockets[0].getsockname()[1]

    def kill(self) -> None:
        """Be gone at once, in the middle of whatever was said."""
        assert self.listening is not None
        self.listening.close()
        for writer in self._writers:
            writer.transport.abort()

    @property
    def settings(self) -> Smtp:
        """The relay as settings name it."""
        return Smtp(host="127.0.0.1", port=self.port, tls="none", connections=2)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._writers.append(writer)
        try:
            await self._talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        mail_from: str | None = None
        rcpt_to = ""
        if self.is_mute:
            await reader.read()
            return
        await self._write(writer, "220 test ESMTP")
        while line := (await reader.readline()).decode().rstrip("\r\n"):
            self.commands.append(line)
            verb, _, argument = line.partition(" ")
            verb = verb.upper()
            address = argument.partition("<")[2].partition(">")[0]
            reply = self._answer(
                verb, address or rcpt_to, has_sender=mail_from is not None, has_recipient=bool(rcpt_to)
            )
            if reply.startswith("2"):
                mail_from = address if verb == "MAIL" else None if verb == "RSET" else mail_from
                rcpt_to = address if verb == "RCPT" else "" if verb in ("RSET", "MAIL") else rcpt_to
            if not await self._reply(reader, writer, reply) or verb == "QUIT":
                return
            if reply.startswith("354"):
                if not await self._take(reader, writer, mail_from or "", rcpt_to):
                    return
                mail_from, rcpt_to = None, ""

    def _answer(self, verb: str, argument: str, *, has_sender: bool, has_recipient: bool) -> str:
        if verb == "EHLO":
            lines = ["test", *self.extensions]
            return "".join(f"250-{one}\r\n" for one in lines[:-1]) + f"250 {lines[-1]}"
        scripted = self.answers(verb, argument)
        if scripted is not None:
            return scripted
        if verb == "RCPT" and not has_sender:
            return "503 5.5.1 need MAIL first"
        if verb == "DATA" and not has_recipient:
            return "503 5.5.1 no valid recipients"
        return USUAL.get(verb, "500 5.5.2 what?")

    async def _take(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, mail_from: str, rcpt_to: str
    ) -> bool:
        data = await self._data(reader)
        if self.gate is not None:
            await self.gate.wait()
        if self.delay:
            await asyncio.sleep(self.delay)
        reply = (self.answers("BODY", rcpt_to) if rcpt_to else "554 5.5.1 no valid recipients") or USUAL["BODY"]
        if rcpt_to and (reply.startswith("2") or reply == "take-and-close"):
            self.received.append(Received(mail_from, rcpt_to, data))
        return reply != "take-and-close" and await self._reply(reader, writer, reply)

    async def _data(self, reader: asyncio.StreamReader) -> bytes:
        lines = []
        while (line := await reader.readline()) not in (b".\r\n", b""):
            lines.append(line[1:] if line.startswith(b".") else line)
        return b"".join(lines)

    async def _reply(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, reply: str) -> bool:
        if reply == "close":
            return False
        if reply == "hang":
            await reader.read()
            return False
        await self._write(writer, reply)
        return not reply.startswith("421")

    async def _write(self, writer: asyncio.StreamWriter, text: str) -> None:
        for chunk in self.cut(text.encode() + b"\r\n"):
            if self.drip:
                await asyncio.sleep(self.drip)
            writer.write(chunk)
            await writer.drain()


class Tripwire:
    """Answers for a server that accepts everything, and tells when so many more messages have arrived."""

    def __init__(self) -> None:
        self.count = 0
        self.at = 0
        self.holds = False
        self.reached = asyncio.Event()
        self.gate = asyncio.Event()
        self.gate.set()

    def arm(self, more: int, *, holds: bool = False) -> None:
        self.at = self.count + more
        self.holds = holds
        self.reached.clear()

    def __call__(self, verb: str, _: str) -> None:
        if verb != "BODY":
            return
        self.count += 1
        if self.count == self.at:
            self.reached.set()
            if self.holds:
                self.gate.clear()


@pytest.fixture
def tripwire() -> Tripwire:
    """Tells when so many messages have arrived at the server whose answers it gives."""
    return Tripwire()


@pytest.fixture
def smtp_server() -> Callable[..., object]:
    """A context manager that runs a scripted server on a free port of loopback."""

    @asynccontextmanager
    async def run(**options: object) -> AsyncIterator[ScriptedServer]:
        scripted = ScriptedServer(**options)  # type: ignore[arg-type] # a test's keyword arguments
        await scripted.listen()
        try:
            yield scripted
        finally:
            scripted.listening.close()  # type: ignore[union-attr] # it has just listened

    return run


@pytest.fixture
def add_people() -> Callable[..., Awaitable[list[int]]]:
    """Insert confirmed subscribers who follow everything; answers their numbers."""

    async def add(
        connection: AsyncConnection, count: int, now: datetime, *, key: str = hashes.KEY, **values: object
    ) -> list[int]:
        rows: list[dict[str, object]] = [
            {
                "address": f"p{i}@example.org",
                "normal": f"p{i}@example.org",
                "first_name": "Zoë",
                "status": "active",
                "joined_at": now,
                "confirmed_at": now,
                **values,
            }
            for i in range(count)
        ]
        for row in rows:
            row.setdefault("hash", hashes.of(str(row["normal"]), key))
        await connection.execute(insert(subscriber), rows)
        numbers = [row.id for row in await connection.execute(subscriber.select().order_by(subscriber.c.id))]
        await connection.execute(
            insert(choice), [{"subscriber_id": n, "topic": "*", "stance": "follow"} for n in numbers]
        )
        return numbers

    return add
