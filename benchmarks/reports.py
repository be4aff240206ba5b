"""What a provider reports, in batches, to one process of `newsletter serve`: from the request to its last consequence.

Each report is about another person: eight of ten say that a mail arrived, one that it bounced softly, one hard.
"""

import asyncio
import json
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import httpx2
from sqlalchemy import text

from benchmarks import ground, web
from benchmarks.ground import Ground
from benchmarks.rows import Row, row
from benchmarks.scale import Scale
from newsletter import database as databases
from newsletter.engine import parts
from subscribers.links import DeliveryRef
from webhooks import signatures

_REPORTS_A_SECOND = 2_000
_BATCH = 500
_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
_SENT = """
INSERT INTO delivery (campaign_id, subscriber_id, state, attempts) SELECT 1, id, 'sent', 1 FROM subscriber
"""
_WAITING = "SELECT count(*) FROM inbox WHERE applied_at IS NULL"
_APPLIED = "SELECT count(*) FROM inbox WHERE heard IS NOT NULL"


def measure(scale: Scale) -> Iterator[Row]:
    """A row of reports a second for each database."""
    for backend, opened in ground.BACKENDS.items():
        with ground.folder() as at, opened() as url:
            made = asyncio.run(ground.prepare(url, at, people=scale.reports))
            with made.settings_path.open("a") as file:
                file.write(f'[webhooks]\ngeneric_secret = "{_SECRET}"\n')
            bodies = list(_bodies(made, scale.reports))
            command = [sys.executable, "-m", "newsletter", "--settings", str(made.settings_path), "serve"]
            asyncio.run(_do(url, _SENT))
            with web.serving(command) as port:
                seconds = _seconds(url, port, bodies, scale.reports)
            yield row(
                f"reports of {scale.reports:,} mails in batches of {_BATCH}, one core, {backend}",
                scale.reports / seconds,
                "reports/s",
                at_least=_REPORTS_A_SECOND,
            )


def _bodies(made: Ground, count: int) -> Iterator[bytes]:
    links = parts.links(made.settings)
    now = datetime.now(UTC).isoformat()
    for first in range(1, count + 1, _BATCH):
        events = [
            {
                "id": f"event-{number}",
                "email": f"reader{number}@example{number % 97}.net",
                "token": links.delivery_token(DeliveryRef("campaign", 1, number)),
                "at": now,
                **_said(number),
            }
            for number in range(first, min(first + _BATCH, count + 1))
        ]
        yield json.dumps({"events": events}).encode()


def _said(number: int) -> dict[str, str]:
    """What became of a mail, and in which words its receiver's server said so."""
    match number % 10:
        case 0:
            return {"type": "hard", "detail": f"550 5.1.1 <reader{number}@example{number % 97}.net>: user unknown"}
        case 1:
            return {"type": "soft", "detail": f"452 4.2.2 mailbox full, session {number:x}"}
        case _:
            return {"type": "delivered", "detail": f"250 2.0.0 OK: queued as {number:x}"}


def _seconds(url: str, port: int, bodies: list[bytes], count: int) -> float:
    """Until all of it is applied."""
    begun = time.perf_counter()
    asyncio.run(_post(port, bodies))
    while asyncio.run(_do(url, _WAITING)):
        time.sleep(0.05)
    taken = time.perf_counter() - begun
    if (heard := asyncio.run(_do(url, _APPLIED))) != count:
        raise SystemExit(f"benchmarks: {heard:,} of {count:,} reports were believed")
    return taken


async def _post(port: int, bodies: list[bytes]) -> None:
    async with httpx2.AsyncClient(timeout=60) as client:
        for number, body in enumerate(bodies):
            signed = signatures.sign_standard_webhooks(body, _SECRET, identifier=f"msg_{number}", now=datetime.now(UTC))
            answer = await client.post(f"http://127.0.0.1:{port}/webhooks/generic", content=body, headers=signed)
            answer.raise_for_status()


async def _do(url: str, statement: str) -> int:
    database = databases.connect(url)
    try:
        async with database.begin() as connection:
            done = await connection.execute(text(statement))
            return int(done.scalar_one()) if done.returns_rows else 0
    finally:
        await database.close()
