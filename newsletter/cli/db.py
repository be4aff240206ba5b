"""`newsletter db`: the schema and the backup."""

from pathlib import Path
from typing import Annotated

import typer

from newsletter import database
from newsletter.cli import edge, grouping

app = grouping.group()


@app.callback()
def db() -> None:
    """Upgrade, check or back up the database."""


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
    edge.run(database.backup(edge.settings().database, file))
    edge.say(f"{file}: {file.stat().st_size:,} bytes.")
