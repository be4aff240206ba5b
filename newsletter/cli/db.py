"""`newsletter db`: the schema, the backup and its way back."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter import backups, database
from newsletter.cli import edge, grouping

app = grouping.group()


@app.callback()
def db() -> None:
    """Upgrade, check, back up or restore the database."""


@app.command()
def upgrade() -> None:
    """Bring the database to this version's schema; a SQLite file that does not exist is made.

    Example: newsletter db upgrade
    """
    url = edge.settings().database
    revision = edge.run(database.upgrade(url))
    edge.say(f"{database.parse(url).render_as_string(hide_password=True)} is at {revision}, as this version needs.")


@app.command()
def check() -> None:
    """Say whether the schema is the one this version needs; exit status 1 when it is not.

    Example: newsletter db check
    """
    edge.run(database.require_current(edge.settings().database))
    edge.say(f"The database is at {database.head()}, as this version needs.")


@app.command()
def backup(file: Annotated[Path, typer.Argument(help="The new file to write.")]) -> None:
    """Copy a live SQLite database to a new file, whole and consistent.

    Example: newsletter db backup newsletter-2021-02-03.sqlite3
    """
    edge.run(backups.write(edge.settings().database, file))
    edge.say(f"{file}: {file.stat().st_size:,} bytes.")


@app.command()
def restore(file: Annotated[Path, typer.Argument(help="The backup to go back to; it stays as it is.")]) -> None:
    """Put a backup in the place of the SQLite database, which is kept beside it.

    Stop the service first. What was sent, chosen and left since the backup is not known to it: see docs/running.md.

    Example: newsletter db restore newsletter-2021-02-03.sqlite3
    """
    url = edge.settings().database
    kept = edge.run(backups.restore(url, file))
    edge.say(f"{database.parse(url).database} is as it was in {file}.")
    if kept is not None:
        edge.say(f"What was there is kept as {kept}.")
    edge.say("Before you serve again: newsletter db upgrade, and look at newsletter plan.")
    edge.say("What was sent since the backup is planned there once more (docs/running.md).")
