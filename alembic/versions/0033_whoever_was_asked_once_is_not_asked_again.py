"""whoever was asked after an import, and forgotten without an answer, is not asked by the next import."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "unanswered",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("at", subscribers.columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("hash", name=op.f("unanswered_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("unanswered")
