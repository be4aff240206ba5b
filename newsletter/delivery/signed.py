"""Messages offered to a relay with their signatures, made in threads while the messages before them are sent."""

import asyncio
import itertools
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from functools import cache

from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Outcome
from newsletter.delivery.session import Session
from newsletter.dkim.signing import Signer

_BATCH = 16
"""As many messages are held twice over for each connection, and lose one round trip between them."""


async def send(
    session: Session, items: Iterable[Item], signer: Signer, now: datetime, halts: Callable[[], bool]
) -> list[tuple[int, Outcome]]:
    """Offer messages one after the other, each signed by its sender's keys if there are any; as `Session.send`.

    `halts` is asked before each: from its first yes on, nothing more is offered.
    """

    if not signer:
        return await session.send(_until(halts, items))
    outcomes: list[tuple[int, Outcome]] = []
    waiting = iter(items)
    batch = await _next(waiting, signer, now)
    while batch and not session.lost and not halts():
        upcoming = asyncio.create_task(_next(waiting, signer, now))
        try:
            outcomes += await session.send(_until(halts, batch))
        except BaseException:
            upcoming.cancel()
            raise
        batch = await upcoming
    return outcomes


def _until(halts: Callable[[], bool], items: Iterable[Item]) -> Iterator[Item]:
    for item in items:
        if halts():
            return
        yield item


async def _next(items: Iterator[Item], signer: Signer, now: datetime) -> list[Item]:
    batch = list(itertools.islice(items, _BATCH))
    return await asyncio.get_running_loop().run_in_executor(_threads(), sign, batch, signer, now) if batch else []


@cache
def _threads() -> ThreadPoolExecutor:
    """One more than there are cores, since each waits for Python's lock now and then; more would wait for longer."""
    return ThreadPoolExecutor((os.cpu_count() or 1) + 1, thread_name_prefix="dkim")


def sign(items: Iterable[Item], signer: Signer, now: datetime) -> list[Item]:
    """The same messages with their signatures in front."""
    return [item._replace(body=signer.sign(item.body, now)) for item in items]
