"""a weekly digest: a rhythm that people choose, and which items of a digest each of them got."""

import sqlalchemy as sa

from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None

_BEFORE = "rhythm IN ('each', 'essentials')"
_AFTER = "rhythm IN ('each', 'weekly', 'essentials')"


def upgrade() -> None:
    """Apply."""
    _replace(_AFTER)
    op.add_column(
        "delivery", sa.Column("digest_items", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True)
    )


def downgrade() -> None:
    """Undo."""
    op.drop_column("delivery", "digest_items")
    op.execute("UPDATE subscriber SET rhythm = 'each' WHERE rhythm = 'weekly'")
    _replace(_BEFORE)


def _replace(condition: str) -> None:
    """SQLite changes no CHECK, but takes one with a column."""
    if op.get_bind().dialect.name == "postgresql":
        op.drop_constraint("subscriber_rhythm_check", "subscriber")
        op.create_check_constraint(op.f("subscriber_rhythm_check"), "subscriber", condition)
        return
    op.execute("ALTER TABLE subscriber RENAME COLUMN rhythm TO rhythm_before")
    op.execute(
        "ALTER TABLE subscriber ADD COLUMN rhythm TEXT NOT NULL DEFAULT 'each'"
        f" CONSTRAINT subscriber_rhythm_check CHECK ({condition})"
    )
    op.execute("UPDATE subscriber SET rhythm = rhythm_before WHERE rhythm_before <> 'each'")
    op.drop_column("subscriber", "rhythm_before")
