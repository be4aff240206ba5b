"""PostgreSQL leaves room on the ledger's pages for what becomes of each mail."""

import sqlalchemy as sa

from alembic import op

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply: to rows that come from now on, so that nothing is moved."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text("ALTER TABLE delivery SET (fillfactor = 30)"))


def downgrade() -> None:
    """Undo."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(sa.text("ALTER TABLE delivery RESET (fillfactor)"))
