"""requests by a form are kept until they are carried out."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "arrival",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("at", subscribers.columns.Instant(), nullable=False),
        sa.Column("wants", sa.Text(), nullable=False),
        sa.Column("document", subscribers.columns.Json(), nullable=False),
        sa.CheckConstraint("wants IN ('join', 'link')", name=op.f("arrival_wants_check")),
        sa.PrimaryKeyConstraint("id", name=op.f("arrival_pkey")),
        sqlite_strict=True,
    )


def downgrade() -> None:
    """Undo."""
    op.drop_table("arrival")
