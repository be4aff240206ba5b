"""mails may be due by each reader's own clock: the plan keeps when the first reader is."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.add_column("plan", sa.Column("opens_at", subscribers.columns.Instant(), nullable=True))


def downgrade() -> None:
    """Undo."""
    op.drop_column("plan", "opens_at")
