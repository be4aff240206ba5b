"""providers' own suppression lists are read, each when it is due."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0024"
down_revision = "0023"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "list_reading",
        sa.Column("provider", sa.Text(), nullable=False),
        sa.Column("next_at", subscribers.columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("provider", name=op.f("list_reading_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("list_reading")
