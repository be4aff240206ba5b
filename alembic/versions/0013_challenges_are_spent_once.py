"""a challenge is spent once."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "spent_challenge",
        sa.Column("nonce", sa.Text(), nullable=False),
        sa.Column("at", subscribers.columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("nonce", name=op.f("spent_challenge_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("spent_challenge_at_index"), "spent_challenge", ["at"])


def downgrade() -> None:
    """Undo."""
    op.drop_index(op.f("spent_challenge_at_index"), table_name="spent_challenge")
    op.drop_table("spent_challenge")
