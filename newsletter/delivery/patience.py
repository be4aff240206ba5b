"""How long others are waited for while we are being stopped: a relay's answer for a while, anything else not at all."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TypeVar

from newsletter.delivery.session import Session

Result = TypeVar("Result")


class Stopped(Exception):
    """We were being stopped before it was done."""


@asynccontextmanager
async def limited(session: Session, stop: asyncio.Event, drain: timedelta) -> AsyncIterator[None]:
    """Give a session up that has not answered for `drain` after `stop` was set."""

    async def give_up() -> None:
        await stop.wait()
        await asyncio.sleep(drain.total_seconds())
        session.give_up("the relay did not answer while the sender was being stopped")

    waiting = asyncio.create_task(give_up())
    try:
        yield
    finally:
        waiting.cancel()


async def unless_stopped(stop: asyncio.Event, work: Awaitable[Result]) -> Result:
    """Do something that is of no use once `stop` is set: it is broken off, and has ended when this raises Stopped."""
    working = asyncio.ensure_future(work)
    stopped = asyncio.ensure_future(stop.wait())
    try:
        await asyncio.wait([working, stopped], return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise Stopped
        return working.result()
    finally:
        for one in (working, stopped):
            one.cancel()
        await asyncio.gather(working, stopped, return_exceptions=True)
