"""What a season is played on: the database, the mail server, the site and the engine, opened and closed as one."""

import asyncio
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass

import httpx2
import uvicorn

from newsletter import database as databases
from newsletter.constellation import file, loading
from newsletter.constellation.loading import Loaded
from newsletter.constellation.model import Constellation
from newsletter.database import Database
from newsletter.demo import folder as folders
from newsletter.demo import log, timetable
from newsletter.demo.clock import BEGINS, ENDS, Clock
from newsletter.demo.diary import Diary
from newsletter.demo.errors import DemoError
from newsletter.demo.folder import Folder
from newsletter.demo.mailboxes import Mailboxes
from newsletter.demo.mailserver import MailServer
from newsletter.demo.outbox import Outbox
from newsletter.demo.outbox_pages import Shelf
from newsletter.demo.tempers import Tempers
from newsletter.demo.timetable import Timetable
from newsletter.engine import embedded
from newsletter.engine.embedded import Engine
from newsletter.settings import Settings
from newsletter.web.app import create_app


@dataclass(frozen=True, slots=True)
class Stage:
    """What the season is played with."""

    folder: Folder
    settings: Settings
    clock: Clock
    database: Database
    constellation: Constellation
    loaded: Loaded
    timetable: Timetable
    diary: Diary
    tempers: Tempers
    mailboxes: Mailboxes
    outbox: Outbox
    engine: Engine
    client: httpx2.AsyncClient


@asynccontextmanager
async def opened(folder: Folder, *, seed: int, port: int = 0) -> AsyncIterator[Stage]:
    """A stage on which nothing has happened yet. Leaving closes every part of it. Raises DemoError."""
    clock = Clock(BEGINS)
    constellation = file.read(folder.constellation)
    times = timetable.read(folder.constellation)
    tempers = Tempers(seed, BEGINS, ENDS)
    diary = Diary(clock)
    mailboxes = Mailboxes(tempers, diary, clock)
    outbox = Outbox(folder.outbox, clock, times.zone)
    async with AsyncExitStack() as stack:
        stack.enter_context(log.written(folder.log, clock))
        server = MailServer(mailboxes.judge, outbox)
        stack.push_async_callback(server.close)
        smtp_port = await server.open()
        listener = stack.enter_context(_listening(port))
        settings = folders.settle(folder, smtp_port=smtp_port, web_port=listener.getsockname()[1])
        await databases.upgrade(settings.database)
        database = databases.connect(settings.database)
        stack.push_async_callback(database.close)
        async with database.begin() as connection:
            loaded = await loading.load(connection, constellation, clock(), actor="demo")
        await stack.enter_async_context(_served(settings, database, clock, outbox, listener))
        client = httpx2.AsyncClient(base_url=settings.public_url, timeout=30, trust_env=False)
        await stack.enter_async_context(client)
        engine = await stack.enter_async_context(embedded.opened(settings, database, clock))
        yield Stage(
            folder=folder,
            settings=settings,
            clock=clock,
            database=database,
            constellation=constellation,
            loaded=loaded,
            timetable=times,
            diary=diary,
            tempers=tempers,
            mailboxes=mailboxes,
            outbox=outbox,
            engine=engine,
            client=client,
        )


class _Server(uvicorn.Server):
    """A server inside a program that handles Ctrl-C itself; `decided` when it has started, or will not."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.decided = asyncio.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        try:
            await super().startup(sockets)
        finally:
            self.decided.set()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield


@contextmanager
def _listening(port: int) -> Iterator[socket.socket]:
    try:
        listener = socket.create_server(("127.0.0.1", port))
    except (OSError, OverflowError) as error:
        raise DemoError(f"cannot listen at 127.0.0.1:{port}: {error}; choose another with --port") from error
    with listener:
        yield listener


@asynccontextmanager
async def _served(
    settings: Settings, database: Database, clock: Clock, outbox: Outbox, listener: socket.socket
) -> AsyncIterator[None]:
    """The real site on a socket, with the outbox beside it."""
    app = create_app(settings, database=database, clock=clock, run_engine=False)
    app.router.routes.extend(Shelf.of(outbox, database, clock).routes())
    config = uvicorn.Config(
        app, lifespan="on", log_config=None, access_log=False, proxy_headers=False, timeout_graceful_shutdown=5
    )
    server = _Server(config)
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    try:
        await server.decided.wait()
        if server.should_exit:
            raise DemoError("the site did not start")
        yield
    finally:
        server.should_exit = True
        with suppress(asyncio.CancelledError):
            await serving
