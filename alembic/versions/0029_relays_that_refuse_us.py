"""relays that refuse all of our mail, and whether staff were told."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "refusing_relay",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("relay", sa.Text(), nullable=False),
        sa.Column("place", sa.Text(), nullable=False),
        sa.Column("reply", sa.Text(), nullable=False),
        sa.Column("since", subscribers.columns.Instant(), nullable=False),
        sa.Column("seen_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("over_at", subscribers.columns.Instant(), nullable=True),
        sa.Column("tell_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("told_at", subscribers.columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("refusing_relay_pkey")),
        sa.UniqueConstraint("relay", name=op.f("refusing_relay_relay_key")),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("refusing_relay")
