"""a rhythm for each person: every mail, or only the essentials."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    # By hand: Alembic adds no CHECK to a table of SQLite's, which takes one with its column.
    op.execute(
        "ALTER TABLE subscriber ADD COLUMN rhythm TEXT NOT NULL DEFAULT 'each'"
        " CONSTRAINT subscriber_rhythm_check CHECK (rhythm IN ('each', 'essentials'))"
    )


def downgrade() -> None:
    """Undo."""
    op.drop_column("subscriber", "rhythm")
