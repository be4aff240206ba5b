"""what a person said is kept below a decision of staff, and counts again when that is undone."""

import sqlalchemy as sa

from alembic import op

revision = "0031"
down_revision = "0030"
branch_labels = None
depends_on = None

_ONE_OF = "own_word = 'complaint' OR own_word = 'unsubscribe' OR own_word = 'erased'"


def upgrade() -> None:
    """Apply. SQLite takes a CHECK with a column only."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            f"ALTER TABLE suppression ADD COLUMN own_word TEXT CONSTRAINT suppression_own_word_check CHECK ({_ONE_OF})"
        )
        return
    op.add_column("suppression", sa.Column("own_word", sa.Text(), nullable=True))
    op.create_check_constraint(op.f("suppression_own_word_check"), "suppression", _ONE_OF)


def downgrade() -> None:
    """Undo."""
    op.drop_column("suppression", "own_word")
