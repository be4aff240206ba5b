"""Requests a second of `newsletter serve` on one core and SQLite, its engine running, asked by a process beside it.

The yardstick is a Starlette route on the same server that reads the same form and answers a word.
"""

import asyncio
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import ground, processes
from benchmarks.rows import Row, row
from benchmarks.scale import Scale
from newsletter.engine import parts
from subscribers.links import Purpose

_REQUESTS_A_SECOND = 3_000
_FORM = "application/x-www-form-urlencoded"
_CHOICES = "part=choices&scope=some&events=opening"


def measure(scale: Scale) -> Iterator[Row]:
    """Rows of requests a second, each request about another person, and of the slowest in a hundred."""
    with ground.folder() as at, ground.sqlite() as url:
        made = asyncio.run(ground.prepare(url, at, people=scale.requests))
        links = parts.links(made.settings)
        now = datetime.now(UTC)
        leaving = [links.token(Purpose.UNSUBSCRIBE, n, issued_at=now) for n in range(1, scale.requests + 1)]
        choosing = [links.token(Purpose.PREFERENCES, n, issued_at=now) for n in range(1, scale.requests + 1)]
        with serving([sys.executable, "-m", "benchmarks.bare"]) as port:
            bare = asked(at, port, [post(f"/{token}", "List-Unsubscribe=One-Click") for token in leaving])
        with serving([sys.executable, "-m", "newsletter", "--settings", str(made.settings_path), "serve"]) as port:
            for name, requests in (
                ("preference pages", [f"GET /preferences/{token} HTTP/1.1" for token in choosing]),
                ("preferences saved", [post(f"/preferences/{token}", _CHOICES) for token in choosing]),
                ("one-click", [post(f"/one-click/{token}", "List-Unsubscribe=One-Click") for token in leaving]),
            ):
                told = asked(at, port, requests)
                yield row(
                    f"{name}, one core, SQLite, against a bare route",
                    told["rate"],
                    "req/s",
                    baseline=bare["rate"],
                    at_least=_REQUESTS_A_SECOND,
                )
                yield row(f"{name}: the slowest in a hundred", told["p99_ms"], "ms", baseline=bare["p99_ms"])


def post(path: str, body: str) -> str:
    """A form, sent to a path, as the load wants it."""
    return f"POST {path} HTTP/1.1\r\nContent-Type: {_FORM}\r\nContent-Length: {len(body)}\n\n{body}"


@contextmanager
def serving(command: list[str]) -> Iterator[int]:
    """A server on one core; it says in its first line where it serves. Answers the port.

    Its log, a line for each report and the like, is read only if it does not start.
    """
    with tempfile.TemporaryFile("w+") as log:
        options = {"stdout": subprocess.PIPE, "stderr": log}
        with processes.running([*command, "--port", "0"], core=0, **options) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "http://127.0.0.1:" not in line:
                log.seek(0)
                raise SystemExit(f"benchmarks: the server did not start: {line}{log.read()}")
            yield int(line.split("http://127.0.0.1:")[1].split(",")[0])


def asked(at: Path, port: int, requests: list[str], *how: object) -> dict[str, Any]:
    """What the load told: requests a second as `rate`, `p95_ms`, `p99_ms`. `how`: how many connections, the pause."""
    path = at / "requests.json"
    path.write_text(json.dumps(requests))
    told: dict[str, Any] = processes.ask("benchmarks.load", port, path, *how, core=1)
    return told
