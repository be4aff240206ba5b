"""consent is append-only: evidence is never changed, and deleted only together with its subscriber."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(
            """
            CREATE FUNCTION consent_is_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN
                IF TG_OP <> 'DELETE' OR EXISTS (SELECT 1 FROM subscriber WHERE id = OLD.subscriber_id) THEN
                    RAISE EXCEPTION 'consent is append-only';
                END IF;
                RETURN OLD;
            END $$
            """
        )
        op.execute(
            "CREATE TRIGGER consent_is_append_only BEFORE UPDATE OR DELETE ON consent"
            " FOR EACH ROW EXECUTE FUNCTION consent_is_append_only()"
        )
        op.execute(
            "CREATE TRIGGER consent_is_not_truncated BEFORE TRUNCATE ON consent"
            " FOR EACH STATEMENT EXECUTE FUNCTION consent_is_append_only()"
        )
    else:
        op.execute(
            "CREATE TRIGGER consent_is_never_changed BEFORE UPDATE ON consent"
            " BEGIN SELECT RAISE(ABORT, 'consent is append-only'); END"
        )
        op.execute(
            "CREATE TRIGGER consent_is_never_deleted BEFORE DELETE ON consent"
            " WHEN EXISTS (SELECT 1 FROM subscriber WHERE id = OLD.subscriber_id)"
            " BEGIN SELECT RAISE(ABORT, 'consent is append-only'); END"
        )


def downgrade() -> None:
    """Undo."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute("DROP TRIGGER consent_is_not_truncated ON consent")
        op.execute("DROP TRIGGER consent_is_append_only ON consent")
        op.execute("DROP FUNCTION consent_is_append_only()")
    else:
        op.execute("DROP TRIGGER consent_is_never_changed")
        op.execute("DROP TRIGGER consent_is_never_deleted")
