"""the unconfirmed are reminded once, and found by when they came."""

import sqlalchemy as sa

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

_BEFORE = "kind IN ('confirm', "
_AFTER = "kind IN ('confirm', 'remind', "
_KINDS = "'ask', 'welcome', 'link', 'goodbye', 'move', 'moved')"
_PENDING = sa.text("status = 'pending'")


def upgrade() -> None:
    """Apply."""
    _replace(_BEFORE, _AFTER)
    op.create_index(
        op.f("subscriber_joined_at_index"),
        "subscriber",
        ["joined_at"],
        sqlite_where=_PENDING,
        postgresql_where=_PENDING,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("subscriber_joined_at_index"), table_name="subscriber")
    op.execute("DELETE FROM transactional WHERE kind = 'remind'")
    _replace(_AFTER, _BEFORE)


def _replace(before: str, after: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("transactional_kind_check", "transactional")
        op.create_check_constraint(op.f("transactional_kind_check"), "transactional", after + _KINDS)
    else:
        _rebuild(before, after)


def _rebuild(before: str, after: str) -> None:
    """SQLite changes no CHECK of a table that is there: the table is made anew as it was but for that, with its
    indexes. Numbers that were given are not given again."""
    bind = op.get_bind()
    made = sa.text(
        "SELECT sql FROM sqlite_master WHERE tbl_name = 'transactional' AND type = :type AND sql IS NOT NULL"
    )
    table = bind.scalar(made, {"type": "table"})
    indexes = list(bind.scalars(made, {"type": "index"}))
    last = bind.scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'transactional'"))
    names = sa.text("SELECT name FROM sqlite_master WHERE tbl_name = 'transactional' AND type = 'index' AND sql <> ''")
    for name in list(bind.scalars(names)):
        op.execute(f'DROP INDEX "{name}"')
    op.rename_table("transactional", "transactional_before")
    op.execute(table.replace(before, after))
    op.execute("INSERT INTO transactional SELECT * FROM transactional_before")
    op.drop_table("transactional_before")
    for index in indexes:
        op.execute(index)
    if last is not None:
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'transactional'")
        op.execute(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('transactional', {int(last)})")  # noqa: S608 - a number
