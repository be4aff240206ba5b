"""Reads the suppression lists of providers whose API we have a key of, each once in a span, by whoever is first."""

import asyncio
from contextlib import suppress

import structlog

from newsletter.clock import Clock
from newsletter.database import Database
from newsletter.delivery import patience
from newsletter.feedback import lists
from newsletter.setting_tables import Webhooks
from webhooks import lists as providers
from webhooks.errors import WebhookError
from webhooks.lists import SuppressionList

log = structlog.get_logger(__name__)


async def read_due(database: Database, settings: Webhooks, clock: Clock, stop: asyncio.Event) -> None:
    """Read the lists that are due, into the inbox. One that cannot be read is said, and tried again in an hour."""
    for one in providers.configured(settings.in_clear()):
        if stop.is_set():
            return
        async with database.read() as connection:
            next_at = await lists.next_reading(connection, one.name)
        if next_at is None or next_at <= clock():
            with suppress(patience.Stopped):  # what was stored stays, and the rest is read another time
                await patience.unless_stopped(stop, _read(database, settings, one, clock))


async def _read(database: Database, settings: Webhooks, one: SuppressionList, clock: Clock) -> None:
    now = clock()
    async with database.begin() as connection:
        if not await lists.claim(connection, one.name, now):
            return
    try:
        tally = await lists.read(database, one, clock)
    except WebhookError as error:
        log.error("suppression list not read", provider=one.name, reason=str(error))
        return
    async with database.begin() as connection:
        await lists.finished(connection, one.name, now + settings.lists_every)
    log.info("suppression list read", provider=one.name, news=tally.news.total(), known=tally.known)
    if tally.cut:
        log.warning("suppression list longer than its API gives", provider=one.name)
