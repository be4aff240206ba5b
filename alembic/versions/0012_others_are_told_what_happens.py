"""others are told what happens: the outbox, and the triggers that fill it in the transaction of what it tells.

By triggers, since a change is made in many places, some of them in bulk, and none may forget to tell it.
"""

import sqlalchemy as sa

import subscribers.columns
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_FIRST = (
    "NOT EXISTS (SELECT 1 FROM consent before WHERE before.subscriber_id = NEW.subscriber_id AND before.id < NEW.id)"
)
_OF_CONSENT = f"""
CASE CASE WHEN NEW.action = 'changed' AND ({{event}}) IS NOT NULL THEN 'answered' ELSE NEW.action END
  WHEN 'requested' THEN CASE WHEN {_FIRST} THEN 'subscriber.joined' END
  WHEN 'imported' THEN CASE WHEN {_FIRST} THEN 'subscriber.joined' ELSE 'subscriber.changed' END
  WHEN 'confirmed' THEN 'subscriber.confirmed'
  WHEN 'left' THEN 'subscriber.left'
  WHEN 'answered' THEN 'rsvp'
  ELSE 'subscriber.changed'
END"""
_OF_REPORT = "CASE NEW.heard WHEN 'complaint' THEN 'subscriber.complained' ELSE 'subscriber.bounced' END"
_OF_CAMPAIGN = """
CASE NEW.status
  WHEN 'sending' THEN CASE WHEN OLD.started_at IS NULL THEN 'campaign.started' ELSE 'campaign.resumed' END
  WHEN 'paused' THEN 'campaign.paused'
  WHEN 'finished' THEN 'campaign.finished'
  WHEN 'cancelled' THEN 'campaign.cancelled'
END"""


def _tell(kind: str, at: str, subscriber: str, subject: str, *, source: str = "") -> str:
    """Put a message into the outbox for each endpoint that wants this type; due at once, whatever the clock says."""
    return f"""
    INSERT INTO outgoing (endpoint_id, type, at, subscriber_id, subject_id, due_at)
    SELECT endpoint.id, wanted.type, {at}, {subscriber}, {subject}, '1970-01-01T00:00:00.000000Z'
    FROM {source} endpoint_event wanted JOIN endpoint ON endpoint.id = wanted.endpoint_id
    WHERE endpoint.disabled_at IS NULL AND wanted.type = {kind}
    ORDER BY {subject}, endpoint.id;
    """  # noqa: S608 - our own names


_SQLITE_NOW = "strftime('%Y-%m-%dT%H:%M:%f000Z', 'now')"

_SQLITE = [
    (
        "consent_is_told",
        "AFTER INSERT ON consent WHEN EXISTS (SELECT 1 FROM endpoint_event)",
        _tell(_OF_CONSENT.format(event="json_extract(NEW.detail, '$.event')"), "NEW.at", "NEW.subscriber_id", "NEW.id"),
    ),
    (
        "report_is_told",
        "AFTER UPDATE OF heard ON inbox WHEN OLD.heard IS NULL AND NEW.heard IN ('hard', 'soft', 'block', 'complaint')",
        _tell(_OF_REPORT, "NEW.applied_at", "NEW.subscriber_id", "NEW.id"),
    ),
    (
        "erasure_is_told",
        "AFTER DELETE ON subscriber",
        _tell("'subscriber.erased'", _SQLITE_NOW, "NULL", "OLD.id"),
    ),
    (
        "campaign_is_told",
        "AFTER UPDATE OF status ON campaign WHEN NEW.status <> OLD.status",
        _tell(_OF_CAMPAIGN, _SQLITE_NOW, "NULL", "NEW.id"),
    ),
]

# Many people are imported at once: evidence is looked at by the statement, not by the row.
_EVIDENCE = _OF_CONSENT.format(event="NEW.detail ->> 'event'")
_ADDED = _tell(_EVIDENCE, "NEW.at", "NEW.subscriber_id", "NEW.id", source="added CROSS JOIN").replace("NEW.", "added.")
_POSTGRESQL = [
    (
        "consent_is_told",
        "AFTER INSERT ON consent REFERENCING NEW TABLE AS added FOR EACH STATEMENT",
        f"IF EXISTS (SELECT 1 FROM endpoint_event) THEN {_ADDED} END IF;",  # noqa: S608
    ),
    (
        "report_is_told",
        """
        AFTER UPDATE OF heard ON inbox FOR EACH ROW
        WHEN (OLD.heard IS NULL AND NEW.heard IN ('hard', 'soft', 'block', 'complaint'))
        """,
        _tell(_OF_REPORT, "NEW.applied_at", "NEW.subscriber_id", "NEW.id"),
    ),
    (
        "erasure_is_told",
        "AFTER DELETE ON subscriber FOR EACH ROW",
        _tell("'subscriber.erased'", "now()", "NULL", "OLD.id"),
    ),
    (
        "campaign_is_told",
        "AFTER UPDATE OF status ON campaign FOR EACH ROW WHEN (NEW.status <> OLD.status)",
        _tell(_OF_CAMPAIGN, "now()", "NULL", "NEW.id"),
    ),
]


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "endpoint",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("secret", sa.Text(), nullable=False),
        sa.Column("added_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        sa.Column("failing_since", subscribers.columns.Instant(), nullable=True),
        sa.Column("resting_until", subscribers.columns.Instant(), nullable=True),
        sa.Column("disabled_at", subscribers.columns.Instant(), nullable=True),
        sa.Column("disabled_for", sa.Text(), server_default="", nullable=False),
        sa.Column("told_at", subscribers.columns.Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("endpoint_pkey")),
        sa.UniqueConstraint("url", name=op.f("endpoint_url_key")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_table(
        "endpoint_event",
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("endpoint_id", sa.Integer(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoint.id"], name=op.f("endpoint_event_endpoint_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("type", "endpoint_id", name=op.f("endpoint_event_pkey")),
        sqlite_strict=True,
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outgoing",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("endpoint_id", sa.Integer(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("at", subscribers.columns.Instant(), nullable=False),
        sa.Column("subscriber_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=True),
        sa.Column("subject_id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        sa.Column("state", sa.Text(), server_default="waiting", nullable=False),
        sa.Column("attempts", sa.Integer(), server_default="0", nullable=False),
        sa.Column("due_at", subscribers.columns.Instant(), nullable=False),
        sa.Column("first_tried_at", subscribers.columns.Instant(), nullable=True),
        sa.Column("tried_at", subscribers.columns.Instant(), nullable=True),
        sa.Column("answer", sa.Text(), server_default="", nullable=False),
        sa.Column("body", sa.Text(), nullable=True),
        sa.CheckConstraint("state IN ('waiting', 'delivered', 'failed')", name=op.f("outgoing_state_check")),
        sa.ForeignKeyConstraint(
            ["endpoint_id"], ["endpoint.id"], name=op.f("outgoing_endpoint_id_fkey"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(
            ["subscriber_id"], ["subscriber.id"], name=op.f("outgoing_subscriber_id_fkey"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("outgoing_pkey")),
        sqlite_autoincrement=True,
        sqlite_strict=True,
    )
    op.create_index(
        op.f("outgoing_endpoint_id_due_at_index"),
        "outgoing",
        ["endpoint_id", "due_at"],
        unique=False,
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.create_index(op.f("outgoing_subscriber_id_index"), "outgoing", ["subscriber_id"], unique=False)
    if op.get_bind().dialect.name == "postgresql":
        for name, when, body in _POSTGRESQL:
            op.execute(
                f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$"
            )
            op.execute(f"CREATE TRIGGER {name} {when} EXECUTE FUNCTION {name}()")
    else:
        for name, when, body in _SQLITE:
            op.execute(f"CREATE TRIGGER {name} {when} BEGIN {body} END")


def downgrade() -> None:
    """Undo."""
    if op.get_bind().dialect.name == "postgresql":
        for name, when, _ in _POSTGRESQL:
            op.execute(f"DROP TRIGGER {name} ON {when.partition(' ON ')[2].split()[0]}")
            op.execute(f"DROP FUNCTION {name}()")
    else:
        for name, *_ in _SQLITE:
            op.execute(f"DROP TRIGGER {name}")
    op.drop_index(op.f("outgoing_subscriber_id_index"), table_name="outgoing")
    op.drop_index(
        op.f("outgoing_endpoint_id_due_at_index"),
        table_name="outgoing",
        sqlite_where=sa.text("state = 'waiting'"),
        postgresql_where=sa.text("state = 'waiting'"),
    )
    op.drop_table("outgoing")
    op.drop_table("endpoint_event")
    op.drop_table("endpoint")
