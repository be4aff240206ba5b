"""Messages offered to a relay with their signatures, made while the messages before them are sent."""

import asyncio
import itertools
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from newsletter.delivery.offer import Item
from newsletter.delivery.outcome import Outcome
from newsletter.delivery.session import Session
from newsletter.dkim.signing import Signer

_BATCH = 32
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
    signatures = await signer.fields([item.body for item in batch], now)
    return [Item(*item[:4], made) for item, made in zip(batch, signatures, strict=True)]
