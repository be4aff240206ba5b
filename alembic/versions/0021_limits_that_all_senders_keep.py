"""limits that all senders keep."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0021"
down_revision = "0020"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "bucket",
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("spoken_until", subscribers.columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("bucket_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "relay_day",
        sa.Column("relay", sa.Text(), nullable=False),
        sa.Column("day", sa.Text(), nullable=False),
        sa.Column("mails", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("relay", "day", name=op.f("relay_day_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "slowed",
        sa.Column("to", sa.Text(), nullable=False),
        sa.Column("per_second", sa.Double().with_variant(sa.REAL(), "sqlite"), nullable=False),
        sa.Column("at", subscribers.columns.Instant(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("to", name=op.f("slowed_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Undo."""
    for name in ("slowed", "relay_day", "bucket"):
        op.drop_table(name)
