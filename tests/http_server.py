"""A real HTTP server on the loopback whose answers a test can script."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest


@dataclass(frozen=True, slots=True)
class Posted:
    """One request that came: its headers by their lower-case names."""

    path: str
    headers: dict[str, str]
    body: bytes


@dataclass(slots=True)
class HttpServer:
    """An HTTP/1.1 server (RFC 9112); `answer` is the head of what the next requests are told, or chooses it."""

    answer: str | Callable[[Posted], str] = "200 OK"
    received: list[Posted] = field(default_factory=list)
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/hook"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        posted = Posted(head[0].split()[1], headers, body)
        self.received.append(posted)
        answer = self.answer if isinstance(self.answer, str) else self.answer(posted)
        writer.write(f"HTTP/1.1 {answer}\r\nContent-Length: 5\r\nConnection: close\r\n\r\nheard".encode())
        await writer.drain()
        writer.close()


@pytest.fixture
def http_server() -> Callable[..., object]:
    """Starts such a server for as long as a block runs: `async with http_server() as server`."""

    @asynccontextmanager
    async def start() -> AsyncIterator[HttpServer]:
        scripted = HttpServer()
        server = await asyncio.start_server(scripted.serve, "127.0.0.1", 0)
        scripted.port = server.sockets[0].getsockname()[1]
        try:
            yield scripted
        finally:
            server.close()
            await server.wait_closed()

    return start
