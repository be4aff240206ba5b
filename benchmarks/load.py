"""A client that asks over some kept connections, each with one request under way: at once, or after a pause.

python -m benchmarks.load PORT FILE [CONNECTIONS PAUSE]     FILE: a JSON list of requests, "HEAD\\n\\nBODY" without the
Host line; PAUSE: seconds between an answer and the next request
"""

import asyncio
import json
import os
import re
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from newsletter.cli import edge

_CONNECTIONS = 16
_LENGTH = re.compile(rb"content-length: *(\d+)", re.IGNORECASE)


async def ask(port: int, requests: list[bytes], *, connections: int, pause: float) -> dict[str, Any]:
    """Requests a second, the 95th and the 99th percentile in milliseconds. Any answer but a success or a redirect ends
    it."""
    waiting = iter(requests)
    taken: list[float] = []

    async def connection() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for request in waiting:
            begun = time.perf_counter()
            writer.write(request)
            head = await reader.readuntil(b"\r\n\r\n")
            length = _LENGTH.search(head)
            await reader.readexactly(int(length[1]) if length else 0)
            taken.append(time.perf_counter() - begun)
            if head[9:10] not in b"23":
                raise RuntimeError(f"the server answered {head.splitlines()[0].decode()} to {request[:60]!r}")
            if pause:
                await asyncio.sleep(pause)
        writer.close()

    begun = time.perf_counter()
    await asyncio.gather(*[connection() for _ in range(connections)])
    seconds = time.perf_counter() - begun
    taken.sort()
    slow = {f"p{share}_ms": taken[len(taken) * share // 100] * 1000 for share in (95, 99)}
    return {"rate": len(requests) / seconds, **slow}


def _wake_at_once() -> None:
    """Ask to run as soon as an answer is there, before what else this core has to do: the server is measured, not us.

    The system grants it to root on Linux; elsewhere the figures hold what we wait for the core too.
    """
    with suppress(AttributeError, PermissionError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(1))


def _on_the_wire(request: str) -> bytes:
    head, _, body = request.partition("\n\n") if "\n\n" in request else (request, "", "")
    return f"{head.rstrip()}\r\nHost: news.example.org\r\nConnection: keep-alive\r\n\r\n{body}".encode()


if __name__ == "__main__":
    read = [_on_the_wire(one) for one in json.loads(Path(sys.argv[2]).read_text())]
    told = sys.argv[3:]
    number, seconds = (int(told[0]), float(told[1])) if told else (_CONNECTIONS, 0.0)
    if seconds:
        _wake_at_once()
    print(json.dumps(edge.run(ask(int(sys.argv[1]), read, connections=number, pause=seconds))))
