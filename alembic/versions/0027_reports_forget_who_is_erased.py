"""What was reported of somebody's mails names nobody any more once that person is deleted."""

import re

import sqlalchemy as sa

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None

# The ledger has no index by person, but one by campaign and person: each campaign is asked.
_LEDGER = (
    "UPDATE delivery SET reply = NULL WHERE subscriber_id = OLD.id AND reply IS NOT NULL"
    " AND campaign_id IN (SELECT id FROM campaign);"
)
_SQLITE = "json_set(event, '$.address', '', '$.detail', '')"
_POSTGRESQL = """event || '{"address": "", "detail": ""}'::jsonb"""

_NAME = "subscriber_is_forgotten"
_ADDRESS = re.compile(r"""[^\s<>()\[\],;:"'=]+@[^\s<>()\[\],;:"'=]+""")
_SOME = 1000


def upgrade() -> None:
    """Apply, to those who were deleted before too; and take addresses out of what suppressions say."""
    connection = op.get_bind()
    is_postgresql = connection.dialect.name == "postgresql"
    emptied = _POSTGRESQL if is_postgresql else _SQLITE
    body = f"UPDATE inbox SET event = {emptied} WHERE subscriber_id = OLD.id; {_LEDGER}"  # noqa: S608 - our own words
    if is_postgresql:
        op.execute(f"CREATE FUNCTION {_NAME}() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NULL; END $$")
        op.execute(f"CREATE TRIGGER {_NAME} AFTER DELETE ON subscriber FOR EACH ROW EXECUTE FUNCTION {_NAME}()")
    else:
        op.execute(f"CREATE TRIGGER {_NAME} AFTER DELETE ON subscriber BEGIN {body} END")
    gone = "NOT EXISTS (SELECT 1 FROM subscriber WHERE subscriber.id = {}.subscriber_id)"
    op.execute(
        f"UPDATE inbox SET event = {emptied} WHERE subscriber_id IS NOT NULL AND {gone.format('inbox')}"  # noqa: S608
    )
    op.execute(
        f"UPDATE delivery SET reply = NULL WHERE reply LIKE '%@%' AND {gone.format('delivery')}"  # noqa: S608
    )
    _redact(connection)


def _redact(connection: sa.Connection) -> None:
    last = ""
    page = sa.text(
        "SELECT hash, detail FROM suppression WHERE detail LIKE '%@%' AND hash > :last ORDER BY hash LIMIT :some"
    )
    while rows := connection.execute(page, {"last": last, "some": _SOME}).all():
        connection.execute(
            sa.text("UPDATE suppression SET detail = :detail WHERE hash = :hash"),
            [{"hash": row.hash, "detail": _ADDRESS.sub("[address]", row.detail)} for row in rows],
        )
        last = rows[-1].hash


def downgrade() -> None:
    """Undo; what was taken out stays out."""
    if op.get_bind().dialect.name == "postgresql":
        op.execute(f"DROP TRIGGER {_NAME} ON subscriber")
        op.execute(f"DROP FUNCTION {_NAME}()")
    else:
        op.execute(f"DROP TRIGGER {_NAME}")
