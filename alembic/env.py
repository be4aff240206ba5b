"""Runs the migrations: on the connection newsletter.database hands over, or on NEWSLETTER_DATABASE for `alembic`."""

import os

from sqlalchemy import Connection, create_engine, make_url

from alembic import context
from newsletter.tables import metadata


def run(connection: Connection) -> None:
    """Migrate over this connection, in its transaction."""
    context.configure(connection=connection, target_metadata=metadata, compare_type=True, render_as_batch=False)
    with context.begin_transaction():
        context.run_migrations()


def run_by_hand() -> None:
    """`alembic …` in a checkout: against the database that NEWSLETTER_DATABASE names."""
    url = make_url(os.environ.get("NEWSLETTER_DATABASE", "sqlite:///newsletter.sqlite3"))
    if url.get_backend_name() == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    engine = create_engine(url)
    with engine.begin() as connection:
        run(connection)
    engine.dispose()


if (given := context.config.attributes.get("connection")) is not None:
    run(given)
else:
    run_by_hand()
