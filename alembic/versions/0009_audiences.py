"""audiences are saved under a name, and a campaign may be for some of its event's followers only."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "audience",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("expression", sa.Text(), nullable=False),
        sa.Column("saved_at", subscribers.columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("audience_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.add_column("campaign", sa.Column("expression", sa.Text(), server_default="", nullable=False))


def downgrade() -> None:
    """Undo."""
    op.drop_column("campaign", "expression")
    op.drop_table("audience")
