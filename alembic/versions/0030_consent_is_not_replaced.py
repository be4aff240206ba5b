"""consent is append-only against INSERT OR REPLACE too, for which SQLite asks no trigger of deletions."""

from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply. PostgreSQL's upsert updates, which its trigger has refused since 0002."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute(
            "CREATE TRIGGER consent_is_never_replaced BEFORE INSERT ON consent"
            " WHEN NEW.id > 0 AND EXISTS (SELECT 1 FROM consent WHERE id = NEW.id)"
            " BEGIN SELECT RAISE(ABORT, 'consent is append-only'); END"
        )


def downgrade() -> None:
    """Undo."""
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER consent_is_never_replaced")
