"""campaigns may be read by all, or not."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. Written out, since both databases add a column together with its rule, and Alembic does not."""
    op.execute(
        "ALTER TABLE campaign ADD COLUMN archived INTEGER CONSTRAINT campaign_archived_check CHECK (archived IN (0, 1))"
    )


def downgrade() -> None:
    """Undo."""
    op.execute("ALTER TABLE campaign DROP COLUMN archived")
