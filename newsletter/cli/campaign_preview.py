"""What `newsletter campaign preview` does: a live page, or files in a folder."""

import webbrowser
from pathlib import Path

import uvicorn

from newsletter import database as databases
from newsletter.campaigns import previewing, store
from newsletter.cli import edge, listening, output
from newsletter.engine import parts
from newsletter.settings import Settings
from newsletter.studio.app import Studio, create_app


async def serve(settings: Settings, slug: str, *, port: int, browser: bool) -> None:
    """Serve the page on this machine until Ctrl-C."""
    async with edge.opened(settings.database) as database, database.read() as connection:
        await store.find(connection, slug)  # a wrong name is told at once, not on the page
    servers: list[uvicorn.Server] = []
    studio = Studio(
        settings,
        # The application closes it: when the server is done, the signal that ended it is raised once more.
        databases.connect(settings.database),
        parts.stationery(settings),
        slug,
        edge.now,
        is_ending=lambda: any(server.should_exit for server in servers),
    )
    with listening.at("127.0.0.1", port) as listener:
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
        edge.say(f"{slug} at {url} – it follows your files; Ctrl-C ends it.")
        if browser:
            webbrowser.open(url)
        config = uvicorn.Config(create_app(studio), lifespan="on", log_level="warning", access_log=False)
        servers.append(uvicorn.Server(config))
        await servers[0].serve(sockets=[listener])


async def write(settings: Settings, slug: str, folder: Path, *, browser: bool) -> None:
    """Write the mail as a reader would get it into a folder."""
    async with edge.opened(settings.database) as database, database.read() as connection:
        found = await store.find(connection, slug)
        seen = await previewing.preview(connection, settings, parts.stationery(settings), found, edge.now())
    with output.writing():
        files = previewing.write(seen, folder, slug.replace("/", "-"))
    edge.say(f"Subject: {seen.subject}")
    for file in files:
        edge.say(f"{file}  {file.stat().st_size:,} bytes")
    if browser:
        webbrowser.open(files[0].resolve().as_uri())
