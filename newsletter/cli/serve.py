"""`newsletter serve`: the pages and webhooks, and unless it runs elsewhere the engine, in one process."""

import logging
import signal
import sys
from typing import Annotated

import typer
import uvicorn

from newsletter import database as databases
from newsletter import logs
from newsletter.cli import edge, emptiness, grouping, listening
from newsletter.settings import Settings
from newsletter.web.app import create_app

_DRAIN_SECONDS = 20

app = grouping.alone()


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="The address to listen at, instead of web.host.")] = None,
    port: Annotated[int | None, typer.Option(help="The port, instead of web.port; 0 takes a free one.")] = None,
    engine: Annotated[
        bool, typer.Option("--engine/--no-engine", help="Also deliver, if engine.kind is embedded; or the pages only.")
    ] = True,
) -> None:
    """Serve the pages and webhooks, and deliver what is due, until Ctrl-C or SIGTERM.

    Example: newsletter serve --port 8080
    """
    settings = edge.settings()
    logs.configure(logs.FULL)
    # What is in flight is settled first; the server raises the signal again when that is done, and then it is 0.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    runs_engine = engine and settings.engine.kind == "embedded"
    port = settings.web.port if port is None else port
    edge.run(_serve(settings, host or settings.web.host, port, runs_engine=runs_engine))


async def _serve(settings: Settings, host: str, port: int, *, runs_engine: bool) -> None:
    async with edge.opened_by_key(settings, pool=1) as database:
        warning = await emptiness.warning(database)
    with listening.at(host, port) as listener:
        shown = f"[{host}]" if ":" in host else host
        edge.say(f"Serving http://{shown}:{listener.getsockname()[1]}, for visitors of {settings.public_url}/join.")
        if warning:
            edge.warn(warning)
        if not runs_engine:
            edge.say("The pages only: `newsletter worker` delivers.")
        logs.listen("uvicorn", logging.WARNING, event="server", briefly=databases.UNUSABLE)
        config = uvicorn.Config(
            create_app(settings, run_engine=runs_engine),
            lifespan="on",
            log_config=None,
            log_level="warning",
            access_log=False,  # paths hold people's tokens
            proxy_headers=False,  # newsletter.web.security believes configured proxies only
            server_header=False,
            timeout_graceful_shutdown=_DRAIN_SECONDS,
        )
        await uvicorn.Server(config).serve(sockets=[listener])
