"""`newsletter worker`: the engine without the pages."""

import asyncio
import signal

import structlog

from newsletter import database as databases
from newsletter import logs
from newsletter.cli import edge, emptiness, grouping
from newsletter.database import Database
from newsletter.engine import embedded, parts
from newsletter.settings import Settings

log = structlog.get_logger(__name__)

app = grouping.alone()


@app.command()
def worker() -> None:
    """Deliver what is due, without the pages, until Ctrl-C or SIGTERM; on many hosts where engine.kind says so.

    Example: newsletter serve --no-engine & newsletter worker
    """
    settings = edge.settings()
    logs.configure(logs.FULL)
    edge.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with edge.opened_by_key(settings, pool=parts.relays(settings).connections + 8) as database:
        if warning := await emptiness.warning(database):
            edge.warn(warning)
        if settings.engine.kind == "procrastinate":
            await databases.require_queue(settings.database)
            from newsletter.engine import workers  # there only with the extra `postgres`, which was just required

            await workers.run(settings, database, stop)
        else:
            await _embedded(settings, database, stop)


async def _embedded(settings: Settings, database: Database, stop: asyncio.Event) -> None:
    async with embedded.opened(settings, database) as engine:
        log.info("engine started", engine="embedded", worker=engine.dispatcher.owner)
        running = asyncio.create_task(engine.run())
        stopped = asyncio.create_task(stop.wait())
        await asyncio.wait([running, stopped], return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        engine.stop.set()
        await running
    log.info("engine stopped")
