"""A receiving SMTP server (RFC 5321) for the demo: pipelining (RFC 2920), one mail after another, nothing relayed.

aiosmtpd would do as well, and was measured: a millisecond for each mail of 25 KB where this one takes 70 µs, which is
half a minute of the demo. What it has to understand is little, because it speaks with one client.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, cast

_LARGEST = 10_000_000
_LONGEST_LINE = 2_000
_END = b"\r\n.\r\n"

Judge = Callable[[str, str], bytes]
"""What a mailbox answers to a mail from (the envelope sender) to (the recipient): an SMTP reply line."""


class Keeper(Protocol):
    """Takes what was accepted."""

    def keep(self, sender: str, recipient: str, content: bytes) -> None:
        """Keep one mail, in wire form (CRLF), without dot-stuffing."""


@dataclass(slots=True)
class _Envelope:
    sender: str
    recipients: list[str] = field(default_factory=list)


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, judge: Judge, keeper: Keeper, open_connections: set["Connection"]) -> None:
        self._judge = judge
        self._keeper = keeper
        self._open = open_connections
        self._buffer = bytearray()
        self._envelope: _Envelope | None = None
        self._in_data = False
        self._transport: asyncio.Transport | None = None
        self._commands: dict[bytes, Callable[[bytes], bytes]] = {
            b"EHLO": self._ehlo,
            b"HELO": lambda _: b"250 demo\r\n",
            b"MAIL": self._mail,
            b"RCPT": self._rcpt,
            b"DATA": self._data,
            b"RSET": self._reset,
            b"NOOP": lambda _: b"250 2.0.0 OK\r\n",
            b"VRFY": lambda _: b"252 2.1.5 send some mail, and see\r\n",
        }

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are no subclass
        self._open.add(self)
        self._transport.write(b"220 demo ESMTP\r\n")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the client; a mail it did not finish was never taken."""
        self._open.discard(self)

    def data_received(self, data: bytes) -> None:
        """Answer everything that is complete, in one write: that is what makes pipelining quick."""
        self._buffer += data
        replies: list[bytes] = []
        while (reply := self._next()) is not None:
            replies.append(reply)
        assert self._transport is not None  # noqa: S101 - data follows a connection
        if replies:
            self._transport.write(b"".join(replies))
        if replies and replies[-1].startswith((b"221", b"500 5.5.2 line")):
            self._transport.close()

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.close()

    def _next(self) -> bytes | None:
        """The reply to what comes next, or None while it is not complete; empty where none is due."""
        if self._in_data:
            return self._content()
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return b"500 5.5.2 line too long\r\n" if self._drop_if_endless() else None
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        verb = line[:4].upper()
        if verb == b"QUIT":
            return b"221 2.0.0 bye\r\n"
        command = self._commands.get(verb)
        return b"500 5.5.2 no such command\r\n" if command is None else command(line)

    def _drop_if_endless(self) -> bool:
        endless = len(self._buffer) > _LONGEST_LINE
        if endless:
            self._buffer.clear()
        return endless

    def _ehlo(self, _: bytes) -> bytes:
        self._envelope = None
        return (
            b"250-demo\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-ENHANCEDSTATUSCODES\r\n"
            b"250 SIZE %d\r\n" % _LARGEST
        )

    def _mail(self, line: bytes) -> bytes:
        if self._envelope is not None:
            return b"503 5.5.1 one sender at a time\r\n"
        path = _path(line, b"MAIL FROM:")
        if path is None:
            return b"501 5.5.4 MAIL FROM:<address>\r\n"
        self._envelope = _Envelope(path)
        return b"250 2.1.0 OK\r\n"

    def _rcpt(self, line: bytes) -> bytes:
        path = _path(line, b"RCPT TO:")
        if self._envelope is None:
            return b"503 5.5.1 MAIL first\r\n"
        if not path:
            return b"501 5.5.4 RCPT TO:<address>\r\n"
        verdict = self._judge(self._envelope.sender, path)
        if verdict.startswith(b"250"):
            self._envelope.recipients.append(path)
        return verdict + b"\r\n"

    def _data(self, _: bytes) -> bytes:
        if self._envelope is None or not self._envelope.recipients:
            return b"554 5.5.1 no valid recipients\r\n"
        self._in_data = True
        return b"354 go on\r\n"

    def _reset(self, _: bytes) -> bytes:
        self._envelope = None
        return b"250 2.0.0 OK\r\n"

    def _content(self) -> bytes | None:
        if self._buffer.startswith(b".\r\n"):
            end, content = 3, b""
        else:
            found = self._buffer.find(_END)
            if found < 0:
                return None
            end, content = found + len(_END), bytes(self._buffer[: found + 2])
        del self._buffer[:end]
        self._in_data = False
        envelope, self._envelope = self._envelope, None
        assert envelope is not None  # noqa: S101 - DATA is only taken within one
        if len(content) > _LARGEST:
            return b"552 5.3.4 too large\r\n"
        plain = content.replace(b"\r\n.", b"\r\n").removeprefix(b".")
        for recipient in envelope.recipients:
            self._keeper.keep(envelope.sender, recipient, plain)
        return b"250 2.0.0 taken\r\n"


def _path(line: bytes, command: bytes) -> str | None:
    """The address between the angle brackets, empty for `<>`; None where there is none (RFC 5321 section 4.1.2)."""
    if not line.upper().startswith(command):
        return None
    opened, closed = line.find(b"<"), line.find(b">")
    return None if opened < 0 or closed < opened else line[opened + 1 : closed].decode("utf-8", "replace")


class MailServer:
    """Listens on a free port of this machine until it is closed."""

    def __init__(self, judge: Judge, keeper: Keeper) -> None:
        self._judge = judge
        self._keeper = keeper
        self._connections: set[Connection] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> int:
        """Listen; answer the port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self._judge, self._keeper, self._connections), "127.0.0.1", 0
        )
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    async def close(self) -> None:
        """Hang up and stop listening."""
        if self._server is None:
            return
        self._server.close()
        for connection in list(self._connections):
            connection.close()
        await self._server.wait_closed()
