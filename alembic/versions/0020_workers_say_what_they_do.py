"""processes that run the engine say what they do."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "worker",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("engine", sa.Text(), nullable=False),
        sa.Column("started_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("seen_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("pulse", subscribers.columns.Json(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("worker_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("worker")
