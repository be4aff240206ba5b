"""a probe asks whether mails arrive before soft bounces stop them."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0022"
down_revision = "0021"
branch_labels = None
depends_on = None

_BEFORE = "kind IN ('confirm', 'remind', 'ask', 'welcome', 'link', 'goodbye', 'move', 'moved', 'place')"
_AFTER = "kind IN ('confirm', 'remind', 'ask', 'welcome', 'link', 'goodbye', 'move', 'moved', 'place', 'probe')"
_KEPT = "id, subscriber_id, kind, created_at, state, attempts, due_at, at, reply, to_address, topic"
_WAITING = sa.text("state IN ('queued', 'sending', 'deferred')")


def upgrade() -> None:
    """Apply."""
    _check(_AFTER)


def downgrade() -> None:
    """Undo."""
    op.execute("DELETE FROM transactional WHERE kind = 'probe'")
    _check(_BEFORE)


def _check(kinds: str) -> None:
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("transactional_kind_check", "transactional")
        op.create_check_constraint(op.f("transactional_kind_check"), "transactional", kinds)
    else:
        _rebuild(kinds)


def _rebuild(kinds: str) -> None:
    """SQLite changes no CHECK of a table that is there. Numbers that were given are not given again."""
    last = op.get_bind().scalar(sa.text("SELECT seq FROM sqlite_sequence WHERE name = 'transactional'"))
    op.drop_index(op.f("transactional_kind_due_at_index"), "transactional")
    op.drop_index(op.f("transactional_subscriber_id_kind_created_at_index"), "transactional")
    op.rename_table("transactional", "transactional_before")
    op.create_table(
        "transactional",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("subscriber_id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("created_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("state", sa.Text(), server_default="queued", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("at", subscribers.columns.Instant(), nullable=True),
        sa.Column("reply", sa.Text(), nullable=True),
        sa.Column("to_address", sa.Text(), nullable=True),
        sa.Column("topic", sa.Text(), nullable=True),
        sa.CheckConstraint(kinds, name=op.f("transactional_kind_check")),
        sa.CheckConstraint(
            "state IN ('queued', 'sending', 'sent', 'deferred', 'refused', 'expired', 'suppressed')",
            name=op.f("transactional_state_check"),
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("transactional_subscriber_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("transactional_pkey")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.execute(f"INSERT INTO transactional ({_KEPT}) SELECT {_KEPT} FROM transactional_before")  # noqa: S608 - ours
    op.drop_table("transactional_before")
    op.create_index(op.f("transactional_kind_due_at_index"), "transactional", ["kind", "due_at"], sqlite_where=_WAITING)
    op.create_index(
        op.f("transactional_subscriber_id_kind_created_at_index"),
        "transactional",
        ["subscriber_id", "kind", "created_at"],
    )
    if last is not None:
        op.execute("DELETE FROM sqlite_sequence WHERE name = 'transactional'")
        op.execute(f"INSERT INTO sqlite_sequence (name, seq) VALUES ('transactional', {int(last)})")  # noqa: S608 - a number
