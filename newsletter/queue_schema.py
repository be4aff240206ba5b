"""The tables of procrastinate, which hands work to many hosts: in a schema of their own, kept up by its own scripts.

procrastinate has no memory of which of its scripts a database has seen, so that is kept here, beside its tables.
"""

from importlib.resources import files
from importlib.util import find_spec
from typing import Any

from sqlalchemy import Connection, text

NAME = "procrastinate"
"""The schema of PostgreSQL that holds them; ours never mix with them."""

_LOCK_NUMBER = 0x71756575  # "queu": two that upgrade at once do it one after the other


def is_installed() -> bool:
    """Whether the package is there: the extra `postgres`."""
    return find_spec("procrastinate") is not None


def upgrade(connection: Connection) -> None:
    """Bring the tables to the version of the package, by a connection to PostgreSQL that commits each statement."""
    connection.execute(text("SELECT pg_advisory_lock(:n)"), {"n": _LOCK_NUMBER})
    try:
        missing = _missing(connection)
        if len(missing) == len(_scripts()):
            connection.execute(text(f"CREATE SCHEMA IF NOT EXISTS {NAME}"))
            connection.execute(text(f"CREATE TABLE IF NOT EXISTS {NAME}.script (name text PRIMARY KEY)"))
            _run(connection, (files("procrastinate.sql") / "schema.sql").read_text(), missing)
        else:
            for name in missing:
                _run(connection, (files("procrastinate.sql") / "migrations" / name).read_text(), [name])
    finally:
        connection.execute(text("SELECT pg_advisory_unlock(:n)"), {"n": _LOCK_NUMBER})


def is_current(connection: Connection) -> bool:
    """Whether the tables are those of the package's version."""
    return not _missing(connection)


def _missing(connection: Connection) -> list[str]:
    if not connection.scalar(text(f"SELECT to_regclass('{NAME}.script') IS NOT NULL")):
        return _scripts()
    seen = set(connection.scalars(text("SELECT name FROM procrastinate.script")))
    return [name for name in _scripts() if name not in seen]


def _scripts() -> list[str]:
    found = (files("procrastinate.sql") / "migrations").iterdir()
    return sorted(one.name for one in found if one.name.endswith(".sql"))


def _run(connection: Connection, script: str, names: list[str]) -> None:
    """Run a script and note it, as one transaction: the driver sends them as one message, which is one."""
    noted = ", ".join(f"('{name}')" for name in names)
    driver: Any = connection.connection.driver_connection
    driver.execute(
        f"SET LOCAL search_path TO {NAME}; {script}; INSERT INTO {NAME}.script (name) VALUES {noted}"  # noqa: S608 - names of the package's files
    )
