"""What an upgrade does to what earlier versions have written."""

from pathlib import Path

from alembic.config import Config
from sqlalchemy import create_engine, text

from alembic import command
from newsletter import assets
from newsletter import database as databases

AT = "'2021-01-15 11:00:00.000000+00:00'"


async def upgrade(database_url: str, revision: str, *written: str) -> None:
    """Upgrade a database to a revision, write into it what its version has written, and go on to ours."""
    engine = create_engine(database_url.replace("postgresql://", "postgresql+psycopg://"))
    config = Config()
    config.set_main_option("script_location", str(Path(assets.MIGRATIONS)))
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)
        for statement in written:
            connection.exec_driver_sql(statement)
    engine.dispose()
    await databases.upgrade(database_url)


async def test_those_who_were_erased_before_are_named_by_nothing_any_more(database_url: str) -> None:
    person = f"INSERT INTO subscriber (id, address, normal, hash, status, joined_at) VALUES (1, 'a@x.org', 'a@x.org', 'aa', 'pending', {AT})"  # noqa: E501
    report = 'INSERT INTO inbox (provider, event_id, received_at, event, subscriber_id) VALUES (\'smtp\', \'{0}\', {1}, \'{{"address": "{0}@x.org", "detail": "550 <{0}@x.org>"}}\', {2})'  # noqa: E501
    stopped = "INSERT INTO suppression (hash, reason, at, source, detail) VALUES ('aa', 'hard-bounce', {0}, 'smtp', '550 <a@x.org>: unknown')"  # noqa: E501
    written = [person, report.format("a", AT, 1), report.format("gone", AT, 2), stopped.format(AT)]
    await upgrade(database_url, "0026", *written)
    database = databases.connect(database_url)
    async with database.read() as connection:
        rows = await connection.execute(text("SELECT event FROM inbox ORDER BY subscriber_id"))
        events = [str(row.event) for row in rows]
        detail = await connection.scalar(text("SELECT detail FROM suppression"))
    await database.close()
    assert ["x.org" in event for event in events] == [True, False]
    assert detail == "550 <[address]>: unknown"


async def test_a_mail_that_waits_to_ask_a_new_address_learns_its_hash_or_is_not_sent(database_url: str) -> None:
    person = f"INSERT INTO subscriber (id, address, normal, hash, status, joined_at, confirmed_at) VALUES (1, 'a@x.org', 'a@x.org', 'aa', 'active', {AT}, {AT})"  # noqa: E501
    wish = f"INSERT INTO address_change (subscriber_id, address, normal, hash, asked_at) VALUES (1, 'B@x.org', 'b@x.org', 'bb', {AT})"  # noqa: E501
    mail = "INSERT INTO transactional (subscriber_id, kind, created_at, due_at, to_address, state) VALUES (1, '{1}', {0}, {0}, '{2}', '{3}')"  # noqa: E501
    mails = [("move", "B@x.org", "deferred"), ("move", "older@x.org", "queued"), ("moved", "was@x.org", "sent")]
    await upgrade(database_url, "0031", person, wish, *(mail.format(AT, *one) for one in mails))
    database = databases.connect(database_url)
    async with database.read() as connection:
        rows = await connection.execute(text("SELECT to_address, to_hash, state FROM transactional ORDER BY id"))
        found = [tuple(row) for row in rows]
    await database.close()
    assert found == [("B@x.org", "bb", "deferred"), ("older@x.org", None, "expired"), ("was@x.org", None, "sent")]
