"""a campaign whose check finds an error is held, not started."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0023"
down_revision = "0022"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "held",
        sa.Column("campaign_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("due_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("until", subscribers.columns.Instant(), nullable=False),
        sa.Column("held_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("looked_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("document", subscribers.columns.Json(), nullable=False),
        sa.Column("tell_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("told_at", subscribers.columns.Instant(), nullable=True),
        sa.ForeignKeyConstraint(
            ["campaign_id"], ["campaign.id"], name=op.f("held_campaign_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("campaign_id", name=op.f("held_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("held")
