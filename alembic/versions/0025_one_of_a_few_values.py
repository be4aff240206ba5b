"""SQLite checks that a column has one of a few values without making a table of them for each row."""

import re
from contextlib import suppress

import sqlalchemy as sa

from alembic import op

revision = "0025"
down_revision = "0024"
branch_labels = None
depends_on = None

_LIST = re.compile(r"CHECK \((\w+) IN \(('[^']*'(?:, *'[^']*')*)\)\)")


def upgrade() -> None:
    """Apply, to the constraints' text alone: what they allow stays the same, so no row need be looked at.

    As https://www.sqlite.org/lang_altertable.html (section 8) has it for changes that do not touch what is stored.
    PostgreSQL makes no difference between the two forms.
    """
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return
    tables = connection.execute(sa.text("SELECT name, sql FROM sqlite_master WHERE type = 'table' AND sql <> ''")).all()
    version = connection.scalar(sa.text("PRAGMA schema_version"))
    connection.execute(sa.text("PRAGMA writable_schema = ON"))
    with suppress(
        sa.exc.DBAPIError
    ):  # some builds of SQLite protect the schema: there, writing takes as long as before
        for name, definition in tables:
            connection.execute(
                sa.text("UPDATE sqlite_master SET sql = :definition WHERE type = 'table' AND name = :name"),
                {"definition": _LIST.sub(_alternatives, definition), "name": name},
            )
        connection.execute(sa.text(f"PRAGMA schema_version = {version + 1}"))
    connection.execute(sa.text("PRAGMA writable_schema = OFF"))


def downgrade() -> None:
    """Nothing to undo: both forms allow the same."""


def _alternatives(check: re.Match[str]) -> str:
    column, values = check[1], re.findall(r"'[^']*'", check[2])
    return f"CHECK ({' OR '.join(f'{column} = {value}' for value in values)})"
