"""An SMTP server that takes everything and keeps nothing, with STARTTLS, which smtp-sink has not.

aiosmtpd needs a millisecond for a mail; this, some tens of microseconds. It stands on both sides of a ratio.

python -m benchmarks.sink FOLDER: prints its port; FOLDER has server.pem and server.key.
"""

import asyncio
import ssl
import sys
from pathlib import Path

_EHLO = b"250-sink\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 8BITMIME\r\n"
_END = b"\r\n.\r\n"


class Sink(asyncio.Protocol):
    """One connection (RFC 5321, 2920, 3207)."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._waiting = b""
        self._in_data = False
        self._securing: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, but not once more after STARTTLS."""
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        """Answer every command that is complete; what is in a message is only looked through for its end."""
        self._waiting += data
        if self._securing is not None and not self._securing.done():
            return  # it was decrypted before we were told with what to answer
        replies = []
        while True:
            if self._in_data:
                _, found, rest = self._waiting.partition(_END)
                if not found:
                    self._waiting = self._waiting[-len(_END) + 1 :]
                    break
                self._waiting, self._in_data = rest, False
                replies.append(b"250 2.0.0 Ok\r\n")
                continue
            line, found, rest = self._waiting.partition(b"\r\n")
            if not found:
                break
            self._waiting = rest
            if line == b"STARTTLS":
                self._transport.write(b"220 go on\r\n")
                self._securing = asyncio.get_running_loop().create_task(self._secure())
                return
            replies.append(self._answer(line))
        self._transport.write(b"".join(replies))

    def _answer(self, line: bytes) -> bytes:
        verb = line[:4].upper()
        self._in_data = verb == b"DATA"
        if self._in_data:
            return b"354 go on\r\n"
        return {b"EHLO": _EHLO, b"QUIT": b"221 bye\r\n"}.get(verb, b"250 2.1.0 Ok\r\n")

    async def _secure(self) -> None:
        secured = await asyncio.get_running_loop().start_tls(self._transport, self, self._context, server_side=True)
        assert secured is not None
        self._transport = secured
        asyncio.get_running_loop().call_soon(self.data_received, b"")


async def main(folder: Path) -> None:
    """Serve until we are stopped."""
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(folder / "server.pem", folder / "server.key")
    server = await asyncio.get_running_loop().create_server(lambda: Sink(context), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1])
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1])))
