"""a mailbox is asked so often a day, whoever has it asked; and a mail to another mailbox knows whose it is."""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0032"
down_revision = "0031"
branch_labels = None
depends_on = None

_WISH = (
    "address_change.subscriber_id = transactional.subscriber_id AND address_change.address = transactional.to_address"
)
_TO_SEND = "kind = 'move' AND state IN ('queued', 'sending', 'deferred')"


def upgrade() -> None:
    """Apply. A mail that waits for a wish that is no more would bring a link that is void: it is not sent."""
    op.create_table(
        "asked",
        sa.Column("hash", sa.Text(), nullable=False),
        sa.Column("place", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("at", subscribers.columns.Instant(), nullable=False),
        sa.PrimaryKeyConstraint("hash", "place", name=op.f("asked_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_index(op.f("asked_at_index"), "asked", ["at"])
    op.add_column("transactional", sa.Column("to_hash", sa.Text(), nullable=True))
    op.execute(
        f"UPDATE transactional SET to_hash = (SELECT hash FROM address_change WHERE {_WISH}) WHERE {_TO_SEND}"  # noqa: S608 - our own words
    )
    op.execute(f"UPDATE transactional SET state = 'expired' WHERE {_TO_SEND} AND to_hash IS NULL")  # noqa: S608


def downgrade() -> None:
    """Undo."""
    op.drop_column("transactional", "to_hash")
    op.drop_index(op.f("asked_at_index"), "asked")
    op.drop_table("asked")
