"""templates by which mails could not be made, and whether staff were told."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "unmade_mail",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("since", subscribers.columns.Instant(), nullable=False),
        sa.Column("seen_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("tell_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("told_at", subscribers.columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("unmade_mail_pkey")),
        sa.UniqueConstraint("kind", name=op.f("unmade_mail_kind_key")),
        sqlite_strict=True,
        sqlite_autoincrement=True,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("unmade_mail")
